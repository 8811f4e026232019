/** What a bus sends to its log: in order, bounded, and never an error back into an emitter. */
import { ChurnMap } from '../churn.js';
import { EventLogError } from '../errors.js';
import { drainAtExit, type ExitWish } from '../exit.js';
import { needStack } from '../stack.js';
import { soon, whenTurned } from '../timers.js';
import type { EventReplayStorage, EventStream, NewEvent, StreamOutcome } from '../types.js';
import { Flushes } from './flushes.js';
import type { Origin } from './log-events.js';
import { hand, kindOf, newEvent, NOTHING, storedEvent } from './log-events.js';
import { MissingEvents, overflowEvent, type Missing } from './missing.js';
import { sizeOf } from './size.js';
import type { Target } from './target.js';
import type { LogStats, StoredEvent } from './types.js';

/** Whom the feed tells. */
export interface FeedListener {
  failed(error: Error, event: StoredEvent): void;
  /** Events are being dropped: how many up to now. */
  overflowed(dropped: Missing): void;
}

/** Appends events, counts what is on its way, and drops what there is no room for. */
export class LogFeed {
  readonly #log: EventReplayStorage;
  readonly #sessionId: string;
  readonly #limit: number;
  readonly #unsent: Origin[];
  readonly #listener: FeedListener;
  /** Of which session each is. */
  readonly #onTheWay = new ChurnMap<Promise<void>, string>();
  readonly #counts = { logged: 0, failed: 0, dropped: 0, droppedCritical: 0 };
  /** Of any session: there was no stack left to take note of them there. */
  readonly #untracked: Promise<void>[] = [];
  #queuedEvents = 0;
  #queuedBytes = 0;
  /** What a log of somebody else's is being given at this moment. */
  #handing = 0;
  readonly #flushes = new Flushes();
  /** The short road, where the log has one. */
  readonly #stream: EventStream | null;
  /** What the stream knows of each target; that of the last one is at hand. */
  readonly #kinds = new WeakMap<Target, object>();
  #lastTarget: Target | null = null;
  #lastKind: object = NOTHING;
  /** What each session's log lacks, since it last heard of that. */
  readonly #missing = new MissingEvents();
  /** Where the way out is to tell what is missing. */
  #exit: ExitWish | null = null;
  /** What was dropped since the queue was last half empty; null where nothing was. */
  #episode: Missing | null = null;

  /** `unsent`: what was recorded for the log, and could not be sent, for want of stack. It waits here to be refused. */
  constructor(log: EventReplayStorage, sessionId: string, limit: number, unsent: Origin[], listener: FeedListener) {
    this.#log = log;
    this.#sessionId = sessionId;
    this.#limit = limit;
    this.#unsent = unsent;
    this.#listener = listener;
    this.#stream = log.openEventStream?.((outcome) => this.#settled(outcome)) ?? null;
  }

  /**
   * Appends an event, encoded as it is now; where there is no room it is dropped and counted. Its arguments must be a list that
   * nobody else has. Throws where the stack is full, and then has not counted the event.
   */
  send(origin: Origin): void {
    if (this.#stream !== null) {
      this.#sendOn(this.#stream, origin);
      return;
    }
    const { target, args, seq } = origin;
    const bytes = sizeOf(args);
    if (!this.#fits(bytes, target.critical)) {
      this.#drop(target);
      return;
    }
    this.#tellWhatIsMissing();
    const event = storedEvent(origin);
    void this.#append(newEvent(event, target), target.labels.sessionId, bytes, (error) => {
      this.#flushes.failed(error, seq);
      this.#listener.failed(error, event);
    });
  }

  #sendOn(stream: EventStream, origin: Origin): void {
    const { target } = origin;
    // Where there is no room for anything, nothing need be encoded.
    if (!this.#fits(1, target.critical)) {
      this.#drop(target);
      return;
    }
    try {
      if (target !== this.#lastTarget) this.#look(stream, target);
      const kind = this.#lastKind;
      const text = stream.encode(kind, origin.args, origin.timestamp);
      if (!this.#fits(text.length, target.critical)) {
        this.#drop(target);
        return;
      }
      if (this.#missing.any) this.#tellWhatIsMissing();
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

  /** Refuses what could not be sent, when nothing is under way any more. */
  refuseUnsentSoon(): void {
    soon(() => this.#refuseUnsent());
  }

  #refuseUnsent(): void {
    for (let first = this.#unsent[0]; first !== undefined; first = this.#unsent[0]) {
      this.#refuse(new RangeError('the event could not be handed to the log: the stack was full'), first);
      this.#unsent.shift();
    }
  }

  /** Told later: a listener that throws must not throw into an emitter. */
  #refuse(error: Error, origin: Origin): void {
    soon(() => this.#settled({ events: 1, characters: 0, failures: [{ error, origin }] }));
    this.#queuedEvents += 1;
  }

  #settled({ events, characters, failures }: StreamOutcome): void {
    this.#queuedBytes -= characters;
    this.#queuedEvents -= events;
    this.#counts.logged += events - failures.length;
    this.#counts.failed += failures.length;
    for (const { error, origin } of failures) {
      const event = storedEvent(origin as Origin);
      this.#flushes.failed(error, event.seq);
      this.#listener.failed(error, event);
    }
    this.#ease();
  }

  /** Where the queue is half empty, what had no room is over. */
  #ease(): void {
    this.#refuseUnsent();
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
    // Listeners and the history get these arguments afterwards, and the log may change the list that it gets.
    const own = newEvent({ ...event, args: [...event.args] }, target);
    await this.#append(own, target.labels.sessionId, bytes, (error) => (failure = error));
    if (failure !== null) throw failure as Error;
  }

  /** Waits for every event up to this number, which is the newest one; rejects with the first failure that concerns it. */
  flush(upTo: number): Promise<void> {
    this.#tellWhatIsMissing();
    return this.#flushes.flush(upTo, () => this.#arrived());
  }

  /** Flushes for good: also what the log is told while it flushes. */
  async close(): Promise<void> {
    this.#tellWhatIsMissing();
    try {
      await this.#flushes.last(async () => {
        do await this.#arrived();
        while (this.#onTheWay.size > 0 || this.#queuedEvents > 0);
      });
    } finally {
      this.#exit?.takeBack();
    }
  }

  /** Has a session erased, which then hears nothing of what it lacked. */
  async erase(sessionId: string, erase: () => Promise<boolean>): Promise<boolean> {
    const takeBack = this.#missing.forget(sessionId);
    try {
      // A log with a stream does in order what it is asked for; another one may store an event after it was asked to erase it.
      if (this.#stream === null) await this.#arrivedAt(sessionId);
      return await erase();
    } catch (error) {
      takeBack();
      throw error;
    }
  }

  async #arrivedAt(sessionId: string): Promise<void> {
    const ofSession = this.#onTheWay.entries().filter(([, of]) => of === sessionId);
    await Promise.all([...ofSession.map(([work]) => work), ...this.#untracked]);
  }

  /** Settles when all that has been sent by now has been answered and counted. */
  async #arrived(): Promise<void> {
    this.#refuseUnsent();
    for (const work of this.#untracked.splice(0)) this.#track(work, this.#sessionId);
    await Promise.all([...this.#onTheWay.keys(), this.#stream?.idle()]);
  }

  stats(): LogStats {
    const queuedEvents = this.#queuedEvents + this.#unsent.length;
    return { ...this.#counts, queuedEvents, queuedBytes: this.#queuedBytes };
  }

  /** Critical events may fill the queue a second time. */
  #fits(bytes: number, critical: boolean): boolean {
    const queued = this.#queuedBytes + this.#handing;
    return queued === 0 || queued + bytes <= (critical ? 2 * this.#limit : this.#limit);
  }

  /** Counted at last, and without a call: where the stack is full it is not dropped, but refused. */
  #drop(target: Target): void {
    needStack();
    const sessionId = target.labels.sessionId ?? this.#sessionId;
    const critical = target.critical ? 1 : 0;
    this.#missing.add(sessionId, { dropped: 1, critical });
    this.#exit ??= this.#tellAtExit();
    if (this.#episode === null) {
      const episode = { dropped: 0, critical: 0 };
      // Later, and with all that this turn of the loop drops: a listener that throws must not throw into an emitter.
      whenTurned(() => this.#listener.overflowed({ ...episode }));
      this.#episode = episode;
    }
    this.#episode.dropped += 1;
    this.#episode.critical += critical;
    this.#counts.dropped += 1;
    this.#counts.droppedCritical += critical;
  }

  /** Before the first event that has room again, the log hears of those that had none. */
  #tellWhatIsMissing(): void {
    if (!this.#missing.any) return;
    needStack();
    const { begun } = this.#flushes;
    for (const note of this.#missing.take()) {
      const handed = hand(this.#log, note.sessionId, overflowEvent(note.missing)).then(
        () => this.#missing.told(note),
        (reason: unknown) => {
          this.#flushes.failedAfter(errorOf(reason), begun);
          this.#missing.untold(note);
        },
      );
      this.#track(handed, note.sessionId);
    }
  }

  /** On the way out no event comes that has room again. What is told then must not hold on to the feed. */
  #tellAtExit(): ExitWish {
    const missing = this.#missing;
    const log = this.#log;
    const tell = (): void => {
      for (const note of missing.take()) {
        // Nobody is left to hear of a failure.
        hand(log, note.sessionId, overflowEvent(note.missing)).catch(() => undefined);
      }
    };
    const land = (over: () => void): void => {
      tell();
      over();
    };
    return drainAtExit(this, tell, land, 'sender');
  }

  /** Settles, and never rejects, when the log has answered and everything is counted. */
  #append(event: NewEvent, sessionId = this.#sessionId, bytes: number, failed: (error: Error) => void): Promise<void> {
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
    needStack();
    // Counted behind it: where a `vm` with a timeout ends it, which no `finally` hears of, nobody would count it out again. Until
    // then it takes its room, as the log may emit while it takes the event.
    const before = this.#handing;
    if (before === 0) soon(() => (this.#handing = 0));
    this.#handing = before + bytes;
    const stored = this.#store(sessionId, event, settled);
    this.#handing = before;
    this.#queuedBytes += bytes;
    this.#queuedEvents += 1;
    try {
      this.#track(stored, sessionId);
    } catch {
      this.#untracked[this.#untracked.length] = stored;
    }
    return stored;
  }

  #track(work: Promise<void>, sessionId: string): void {
    void work.then(() => this.#onTheWay.delete(work));
    this.#onTheWay.set(work, sessionId);
  }

  /** The promise never rejects. */
  #store(sessionId: string, event: NewEvent, settled: (failure: Error | null) => void): Promise<void> {
    return hand(this.#log, sessionId, event).then(
      () => settled(null),
      (reason: unknown) => settled(errorOf(reason)),
    );
  }
}

function errorOf(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error('the log rejected an event', { cause: reason });
}
