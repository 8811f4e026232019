/** Events to JSON text and back. The binary adds `seq`, `id` and `sessionId`, and never looks into a payload. */
import { encode, revive, type EncodeOptions } from '../codec.js';
import { CorruptionError } from '../errors.js';
import { checkId } from '../ids.js';
import { wordOption } from '../options.js';
import { CRITICAL_EVENTS } from '../priorities.js';
import type { Event, NewEvent } from '../types.js';
import { timestampOption } from './options.js';

/** An event on its way to the binary. */
export interface EncodedEvent {
  /** One JSON object on one line; it starts with topic, priority and timestamp. */
  body: string;
  id: string | null;
  timestamp: number;
}

const CRITICAL: ReadonlySet<string> = new Set(CRITICAL_EVENTS);

/** What an event may have. The last two come with an event that was replayed; they are given anew. */
const MEMBERS: ReadonlySet<string> = new Set<keyof Event>([
  ...(['topic', 'payload', 'priority', 'id', 'timestamp', 'conversationId', 'agentId', 'metadata'] as const),
  ...(['seq', 'sessionId'] as const),
]);

/**
 * Encodes an event as it is now. Throws what the codec throws, with paths such as `/payload/0`, and a TypeError for a
 * member that an event does not have: it would be lost in silence.
 */
export function encodeEvent(event: NewEvent, options: EncodeOptions): EncodedEvent {
  if (typeof event !== 'object' || (event as unknown) === null) throw new TypeError('event must be an object');
  const { topic, payload, id, metadata } = event;
  if (typeof topic !== 'string') throw new TypeError('topic must be a string');
  for (const name of Object.keys(event)) {
    if (MEMBERS.has(name) || event[name as keyof NewEvent] === undefined) continue;
    throw new TypeError(`an event has no member ${JSON.stringify(name)}`);
  }
  if (id !== undefined) checkId(id, 'event id');
  const timestamp = timestampOption(event.timestamp);
  const fallback = CRITICAL.has(topic) ? 'critical' : 'normal';
  const priority = wordOption('priority', event.priority, fallback, ['critical', 'normal']);
  const record: Record<string, unknown> = { topic, priority, timestamp };
  for (const name of ['conversationId', 'agentId'] as const) {
    const text = event[name];
    if (text === undefined) continue;
    if (typeof text !== 'string') throw new TypeError(`${name} must be a string`);
    record[name] = text;
  }
  if (payload !== undefined || Object.hasOwn(event, 'payload')) record['payload'] = payload;
  if (metadata !== undefined) {
    if (typeof metadata !== 'object' || (metadata as unknown) === null)
      throw new TypeError('metadata must be an object');
    record['metadata'] = metadata;
  }
  const { text, types } = encode(record, options);
  const body = types === null ? text : `${text.slice(0, -1)},"types":${types}}`;
  return { body, id: id ?? null, timestamp };
}

type Line = Event & { types?: Record<string, string> };

/** Decodes a piece of a replay: a JSON array of lines without their checksums. */
export function decodeEvents(piece: string): Event[] {
  return (JSON.parse(piece) as Line[]).map(decodeEvent);
}

function decodeEvent(line: Line): Event {
  const { types } = line;
  if (types === undefined) return line;
  delete line.types;
  if (typeof types !== 'object' || (types as unknown) === null) {
    throw new CorruptionError('ERR_CORRUPT', `the table of types of event ${line.seq} is not one`);
  }
  return revive(line, types) as Event;
}
