/** The events of a bus, as its log gets them. */
import { decode, encode } from '../codec.js';
import type { EventKind, EventReplayStorage, NewEvent } from '../types.js';
import type { Labels, Target } from './target.js';
import type { StoredEvent } from './types.js';

/**
 * An event as it was sent; made before it is recorded, which gives it its time and number. Of a class: what literals make, where
 * many of it are waiting, the engine takes for long-lived and makes where only a full collection looks.
 */
export class Origin {
  constructor(
    readonly target: Target,
    readonly args: unknown[],
    public timestamp: number,
    public seq = 0,
  ) {}
}

export function storedEvent({ target, args, timestamp, seq }: Origin): StoredEvent {
  const { name, priority, labels } = target;
  return { seq, event: name as string, args, timestamp, priority, metadata: { ...labels.metadata } };
}

export function kindOf({ name, priority, labels }: Target): EventKind {
  return { topic: name as string, priority, ...belongingsOf(labels) };
}

export function newEvent(
  { event: topic, args: payload, priority, timestamp }: StoredEvent,
  { labels }: Target,
): NewEvent {
  let belongings = known.get(labels);
  if (belongings === undefined) known.set(labels, (belongings = belongingsOf(labels)));
  return belongings === NOTHING
    ? { topic, payload, priority, timestamp }
    : { topic, payload, priority, timestamp, ...belongings };
}

type Belongings = Pick<NewEvent, 'conversationId' | 'agentId' | 'metadata'>;

/** Those of an event that says nothing of itself. */
export const NOTHING: Belongings = {};

/** What the events of a scope say of themselves in the log: the same for each. */
const known = new WeakMap<Labels, Belongings>();

function belongingsOf({ metadata: all }: Labels): Belongings {
  const { conversationId, agentId, ...rest } = all;
  // The session says where the event goes, and so is not said again in it.
  const metadata = Object.fromEntries(Object.entries(rest).filter(([name]) => name !== 'sessionId'));
  const belongings: Belongings = {
    ...(typeof conversationId === 'string' ? { conversationId } : {}),
    ...(typeof agentId === 'string' ? { agentId } : {}),
    ...(Object.keys(metadata).length > 0 ? { metadata } : {}),
  };
  return Object.keys(belongings).length > 0 ? belongings : NOTHING;
}

/** A log written by users may throw where it should reject, and may look at the event later than it should. */
export async function hand(log: EventReplayStorage, sessionId: string, event: NewEvent): Promise<void> {
  await log.append(sessionId, log.encodesAtOnce === true ? event : copyOf(event));
}

function copyOf(event: NewEvent): NewEvent {
  const { text, types } = encode(event);
  return decode(text, types) as NewEvent;
}
