/** What a bus sends to its log: in order, bounded, and never an error back into an emitter. */
import { decode, encode } from '../codec.js';
import { EventLogError } from '../errors.js';
import type { EventKind, EventReplayStorage, EventStream, NewEvent, StreamOutcome } from '../types.js';
import { sizeOf } from './size.js';
import type { Labels, Target } from './target.js';
import type { LogStats, StoredEvent } from './types.js';

/** Whom the feed tells. */
export interface FeedListener {
  failed(error: Error, event: StoredEvent): void;
  /** Events are being dropped: how many up to now. */
  overflowed(dropped: Missing): void;
}

/** Stands in the log where events are missing. */
const OVERFLOW_TOPIC = 'log_overflow';

type Missing = { dropped: number; critical: number };

/** Appends events, counts what is on its way, and drops what there is no room for. */
export class LogFeed {
  readonly #log: EventReplayStorage;
  readonly #sessionId: string;
  readonly #limit: number;
  readonly #listener: FeedListener;
  readonly #onTheWay = new Set<Promise<void>>();
  readonly #counts = { logged: 0, failed: 0, dropped: 0, droppedCritical: 0 };
  #queuedEvents = 0;
  #queuedBytes = 0;
  #firstFailure: Error | null = null;
  /** The short road, where the log has one. */
  readonly #stream: EventStream | null;
  /** What the stream knows of each target; that of the last one is at hand. */
  readonly #kinds = new WeakMap<Target, object>();
  #lastTarget: Target | null = null;
  #lastKind: object = NOTHING;
  /** What each session's log lacks, since it last heard of that. */
  #missing = new Map<string, Missing>();
  /** What was dropped since the queue was last half empty; null where nothing was. */
  #episode: Missing | null = null;

  constructor(log: EventReplayStorage, sessionId: string, limit: number, listener: FeedListener) {
    this.#log = log;
    this.#sessionId = sessionId;
    this.#limit = limit;
    this.#listener = listener;
    this.#stream = log.openEventStream?.((outcome) => this.#settled(outcome)) ?? null;
  }

  /**
   * Appends an event, encoded as it is now; where there is no room it is dropped and counted. `args` must be a list that
   * nobody else has.
   */
  send(target: Target, args: unknown[], timestamp: number, seq: number): void {
    if (this.#stream !== null) { this.#sendOn(this.#stream, { target, args, timestamp, seq }); return; }
    const bytes = sizeOf(args);
    if (!this.#fits(bytes, target.critical)) { this.#drop(target); return; }
    this.#tellWhatIsMissing();
    const event = storedEvent({ target, args, timestamp, seq });
    void this.#append(newEvent(event, target), target.labels.sessionId, bytes, (error) => {
      this.#firstFailure ??= error;
      this.#listener.failed(error, event);
    });
  }

  #sendOn(stream: EventStream, origin: Origin): void {
    const { target } = origin;
    // Where there is no room for anything, nothing need be encoded.
    if (!this.#fits(1, target.critical)) { this.#drop(target); return; }
    try {
      if (target !== this.#lastTarget) this.#look(stream, target);
      const kind = this.#lastKind;
      const text = stream.encode(kind, origin.args, origin.timestamp);
      if (!this.#fits(text.length, target.critical)) { this.#drop(target); return; }
      if (this.#missing.size > 0) this.#tellWhatIsMissing();
      stream.add(kind, text, origin);
      this.#queuedBytes += text.length;
      this.#queuedEvents += 1;
    } catch (error) {
      this.#refuse(errorOf(error), origin);
    }
  }

  #look(stream: EventStream, target: Target): void {
    let kind = this.#kinds.get(target);
    if (kind === undefined) {
      kind = stream.kind(target.labels.sessionId ?? this.#sessionId, kindOf(target));
      this.#kinds.set(target, kind);
    }
    this.#lastTarget = target;
    this.#lastKind = kind;
  }

  /** Told later: a listener that throws must not throw into an emitter. */
  #refuse(error: Error, origin: Origin): void {
    this.#queuedEvents += 1;
    void this.#track(
      Promise.resolve().then(() => {
        this.#settled({ events: 1, characters: 0, failures: [{ error, origin }] });
      }),
    );
  }

  #settled({ events, characters, failures }: StreamOutcome): void {
    this.#queuedBytes -= characters;
    this.#queuedEvents -= events;
    this.#counts.logged += events - failures.length;
    this.#counts.failed += failures.length;
    for (const { error, origin } of failures) {
      this.#firstFailure ??= error;
      this.#listener.failed(error, storedEvent(origin as Origin));
    }
    this.#ease();
  }

  /** Where the queue is half empty, what had no room is over. */
  #ease(): void {
    if (this.#queuedBytes * 2 > this.#limit) return;
    this.#episode = null;
    this.#tellWhatIsMissing();
  }

  /** Appends an event and settles with it. Rejects with `ERR_BACKPRESSURE` where there is no room. */
  async sendDurably(event: StoredEvent, target: Target): Promise<void> {
    const bytes = sizeOf(event.args);
    if (!this.#fits(bytes, event.priority === 'critical')) {
      throw new EventLogError('ERR_BACKPRESSURE', `the bus's queue to its log is full (${this.#limit} bytes)`);
    }
    this.#tellWhatIsMissing();
    let failure: Error | null = null;
    await this.#append(newEvent(event, target), target.labels.sessionId, bytes, (error) => (failure = error));
    if (failure !== null) throw failure as Error;
  }

  /** Waits for everything sent so far; rejects with the first failure since the last flush. */
  async flush(): Promise<void> {
    await Promise.all([...this.#onTheWay, this.#stream?.idle()]);
    const failure = this.#firstFailure;
    this.#firstFailure = null;
    if (failure !== null) throw failure;
  }

  /** Flushes for good: also what the log is told while it flushes. */
  async close(): Promise<void> {
    while (this.#onTheWay.size > 0 || this.#queuedEvents > 0) {
      await Promise.all([...this.#onTheWay, this.#stream?.idle()]);
    }
    await this.flush();
  }

  stats(): LogStats {
    return { ...this.#counts, queuedEvents: this.#queuedEvents, queuedBytes: this.#queuedBytes };
  }

  /** Critical events may fill the queue a second time. */
  #fits(bytes: number, critical: boolean): boolean {
    return this.#queuedBytes === 0 || this.#queuedBytes + bytes <= (critical ? 2 * this.#limit : this.#limit);
  }

  #drop(target: Target): void {
    const sessionId = target.labels.sessionId ?? this.#sessionId;
    const critical = target.critical ? 1 : 0;
    this.#counts.dropped += 1;
    this.#counts.droppedCritical += critical;
    this.#miss(sessionId, { dropped: 1, critical });
    if (this.#episode === null) {
      const episode = (this.#episode = { dropped: 0, critical: 0 });
      // Later, and with all that this tick drops: a listener that throws must not throw into an emitter.
      process.nextTick(() => this.#listener.overflowed({ ...episode }));
    }
    this.#episode.dropped += 1;
    this.#episode.critical += critical;
  }

  #miss(sessionId: string, { dropped, critical }: Missing): void {
    const known = this.#missing.get(sessionId);
    this.#missing.set(sessionId, {
      dropped: dropped + (known?.dropped ?? 0),
      critical: critical + (known?.critical ?? 0),
    });
  }

  /** Before the first event that has room again, the log hears of those that had none. Nobody emitted this: it counts as nothing. */
  #tellWhatIsMissing(): void {
    if (this.#missing.size === 0) return;
    const told = this.#missing;
    this.#missing = new Map();
    for (const [sessionId, missing] of told) {
      const event: NewEvent = {
        topic: OVERFLOW_TOPIC,
        payload: [missing],
        priority: 'critical',
        timestamp: Date.now(),
      };
      const handed = this.#hand(sessionId, event).catch((reason: unknown) => {
        this.#firstFailure ??= errorOf(reason);
        this.#miss(sessionId, missing);
      });
      void this.#track(handed);
    }
  }

  /** Settles, and never rejects, when the log has answered and everything is counted. */
  #append(
    event: NewEvent,
    sessionId: string | undefined,
    bytes: number,
    failed: (error: Error) => void,
  ): Promise<void> {
    this.#queuedBytes += bytes;
    this.#queuedEvents += 1;
    const settled = (failure: Error | null): void => {
      this.#queuedBytes -= bytes;
      this.#queuedEvents -= 1;
      if (failure === null) {
        this.#counts.logged += 1;
      } else {
        this.#counts.failed += 1;
        failed(failure);
      }
      this.#ease();
    };
    return this.#track(this.#store(sessionId ?? this.#sessionId, event, settled));
  }

  #track(work: Promise<void>): Promise<void> {
    this.#onTheWay.add(work);
    void work.then(() => this.#onTheWay.delete(work));
    return work;
  }

  /** The promise never rejects. */
  #store(sessionId: string, event: NewEvent, settled: (failure: Error | null) => void): Promise<void> {
    return this.#hand(sessionId, event).then(
      () => settled(null),
      (reason: unknown) => settled(errorOf(reason)),
    );
  }

  /** A log written by users may throw where it should reject, and may look at the event later than it should. */
  async #hand(sessionId: string, event: NewEvent): Promise<void> {
    await this.#log.append(sessionId, this.#log.encodesAtOnce === true ? event : copyOf(event));
  }
}

/** An event as it was sent. */
interface Origin {
  target: Target;
  args: unknown[];
  timestamp: number;
  seq: number;
}

function storedEvent({ target, args, timestamp, seq }: Origin): StoredEvent {
  const { name, priority, labels } = target;
  return { seq, event: name as string, args, timestamp, priority, metadata: { ...labels.metadata } };
}

function kindOf({ name, priority, labels }: Target): EventKind {
  return { topic: name as string, priority, ...belongingsOf(labels) };
}

function newEvent({ event: topic, args: payload, priority, timestamp }: StoredEvent, { labels }: Target): NewEvent {
  let belongings = known.get(labels);
  if (belongings === undefined) known.set(labels, (belongings = belongingsOf(labels)));
  return belongings === NOTHING
    ? { topic, payload, priority, timestamp }
    : { topic, payload, priority, timestamp, ...belongings };
}

type Belongings = Pick<NewEvent, 'conversationId' | 'agentId' | 'metadata'>;

const NOTHING: Belongings = {};

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

function errorOf(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error('the log rejected an event', { cause: reason });
}

function copyOf(event: NewEvent): NewEvent {
  const { text, types } = encode(event);
  return decode(text, types) as NewEvent;
}
