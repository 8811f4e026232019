/** What an agent missed: the critical events of its sessions since its last sign of life. */
import { HealthError } from '../errors.js';
import { crossing, native, NATIVE_LOG, type Native } from '../native.js';
import { monotonic, setImmediate } from '../timers.js';
import type { Event, EventReplayStorage } from '../types.js';

/**
 * By so many milliseconds more than the clock says an event may be dated before a sign of life that it came after: a bus asks
 * the time once in a while only, and its ticks come late where the machine is busy. Better once too often than never.
 */
const MARGIN_MS = 100;

type LogHandle = Parameters<Native['logLastSeq']>[0];

/** The binary's end of a log of ours; null for a log that somebody else made. */
export function nativeLogOf(log: EventReplayStorage): LogHandle | null {
  const open = (log as { [NATIVE_LOG]?: unknown })[NATIVE_LOG];
  if (typeof open !== 'function') return null;
  const handle = Reflect.apply(open, log, []) as LogHandle;
  return isOfOurBinary(handle) ? handle : null;
}

/** A copy of this package in another place has a binary of its own; ours refuses what that one has made. */
function isOfOurBinary(handle: LogHandle): boolean {
  try {
    native().logLastSeq(handle, '');
    return true;
  } catch (error) {
    return (error as { code?: unknown }).code !== 'InvalidArg';
  }
}

/** A step of reading the log or of handing over, time-bound. */
type Bounded = <T>(step: () => T | PromiseLike<T>, what: string) => Promise<T>;

/** After so many milliseconds the loop gets its turn: a log that has all at hand, and an agent that takes all, leave it none. */
const TURN_MS = 4;

/** So often at the most the log is asked what has come while the agent was given what it missed: each time that takes less. */
const MOST_PASSES = 10;

/** A moment in several sessions of a log. */
export interface Moment {
  time: number;
  /** How far the clock was ahead of one that nobody sets: less later, and it has been put back. */
  ahead: number;
  /** The number of the newest event that each session had then; null where the log does not say, or not yet. */
  seqs: readonly (number | null)[];
}

/** The newest event of a session that an agent has taken. */
interface Taken {
  seq: number;
  /** The outage in which that was. */
  outage: Moment | null;
  /** Whatever the session had by then is dated no later. */
  latest: number;
}

/** Where an agent stands in its sessions. */
export class Missed {
  readonly #log: EventReplayStorage;
  readonly #native: LogHandle | null;
  readonly #sessions: readonly string[];
  readonly #onMissed: (event: Event) => void | Promise<void>;
  #sign: Moment;
  /** The last sign of life before the outage that is being mended. */
  #outage: Moment | null = null;
  /** What came later has not been handed over in this outage; null where nothing was to be. */
  #reached: Moment | null = null;
  /** By session; of all outages, for a sign of life may come a long time after the last one, or never. */
  readonly #taken: (Taken | undefined)[] = [];

  constructor(
    log: EventReplayStorage,
    native: LogHandle | null,
    sessions: readonly string[],
    onMissed: (event: Event) => void | Promise<void>,
  ) {
    this.#log = log;
    this.#native = native;
    this.#sessions = sessions;
    this.#onMissed = onMissed;
    this.#sign = this.#now();
  }

  /** A sign of life. */
  sign(): void {
    this.#sign = this.#now();
  }

  /** The agent is gone. What it does until it is recovered, such as to answer a ping, is no sign that it missed nothing. */
  begin(): void {
    // One of its own: what was taken in it is told from what was before.
    this.#outage ??= { ...this.#sign };
  }

  /** The outage is over. */
  end(): void {
    // Signs of life that came meanwhile do not show that it has seen what was not handed to it.
    this.#sign = this.#reached ?? this.#sign;
    this.#outage = this.#reached = null;
  }

  /**
   * Hands over what was missed, in order, as long as that is `wanted`; goes on behind the last event that was taken where it
   * failed before. What comes meanwhile was missed as well: the log is asked again until there is nothing more, but not for ever
   * where there is always more. No pass begins later than so many milliseconds after the first one.
   */
  async catchUp(bounded: Bounded, wanted: () => boolean, patience: number): Promise<void> {
    const since = this.#outage;
    if (since === null) return;
    this.#reached ??= since;
    let latest = Infinity;
    for (let pass = 1; pass <= MOST_PASSES && monotonic() < latest; pass += 1) {
      const begins = this.#now();
      const found = await this.#pass(since, bounded, wanted);
      if (!wanted()) return;
      this.#reached = begins;
      if (!found || this.#isStill(begins)) return;
      if (pass === 1) latest = monotonic() + patience;
    }
  }

  /** Hands over what there is. `false`: nothing that was not taken before. */
  async #pass(since: Moment, bounded: Bounded, wanted: () => boolean): Promise<boolean> {
    // What was emitted a moment ago may still be on its way into the log.
    await bounded(() => (this.#log as { flush?(): Promise<void> }).flush?.(), 'flush() of the log');
    let any = false;
    for (const [index, session] of this.#sessions.entries()) {
      const seq = since.seqs[index] ?? null;
      // Where the number is known, time is not asked: a clock that was put back, and forward again, has dated what came
      // later before, and nothing shows that it was.
      const from =
        seq === null
          ? { since: Math.max(0, since.time - MARGIN_MS - putBack(since)) }
          : { afterSeq: Math.max(seq, this.#taken[index]?.seq ?? 0) };
      const isNew = seq === 0 ? await this.#sinceNone(session, since, bounded) : everything;
      // An outage may be longer than the log keeps events at hand, and one that is dated early goes to the archive at once.
      const found = this.#log.replay(session, { priority: 'critical', archived: true, ...from });
      if (await this.#handOver(stepsOf(found), index, bounded, wanted, isNew)) any = true;
    }
    return any;
  }

  /**
   * What came since, where the session had nothing that was not archived: all that is not archived by now, and what is younger.
   * The archive tells no number from which on it was missed.
   */
  async #sinceNone(session: string, since: Moment, bounded: Bounded): Promise<(event: Event) => boolean> {
    const events = stepsOf(this.#log.replay(session, { priority: 'all', limit: 1 }));
    const step = await bounded(() => events.next(), 'replay() of the log');
    letGo(events);
    const first = step.done === true ? Infinity : step.value.seq;
    const oldest = since.time - MARGIN_MS - putBack(since);
    return ({ seq, timestamp }) => seq >= first || timestamp >= oldest;
  }

  /** Not by `for await`, which waits for a log that never answers, and then once more for the end of that. */
  async #handOver(
    events: AsyncIterator<Event>,
    index: number,
    bounded: Bounded,
    wanted: () => boolean,
    isNew: (event: Event) => boolean,
  ): Promise<boolean> {
    let any = false;
    let ended = false;
    let turn = monotonic() + TURN_MS;
    try {
      while (wanted()) {
        if (monotonic() >= turn) {
          await new Promise<void>((resolve) => setImmediate(resolve));
          turn = monotonic() + TURN_MS;
          if (!wanted()) break;
        }
        const step = await bounded(() => events.next(), 'replay() of the log');
        ended = step.done === true;
        if (step.done === true || !wanted()) break;
        const event = step.value;
        if (!isNew(event) || this.#hasTaken(index, event)) continue;
        const latest = Math.max(this.#taken[index]?.latest ?? 0, event.timestamp, Date.now());
        await bounded(() => this.#onMissed(event), 'onMissed()');
        this.#taken[index] = { seq: event.seq, outage: this.#outage, latest };
        any = true;
      }
    } finally {
      if (!ended) letGo(events);
    }
    return any;
  }

  /** Nothing has come since, as far as that is known. */
  #isStill(moment: Moment): boolean {
    return this.#now().seqs.every((seq, index) => seq !== null && seq === moment.seqs[index]);
  }

  #hasTaken(index: number, { seq, timestamp }: Event): boolean {
    const taken = this.#taken[index];
    if (taken === undefined || seq > taken.seq) return false;
    // A session that was erased and begun anew since may number its events anew as well: they are dated later than those before.
    return taken.outage === this.#outage || !(timestamp > taken.latest);
  }

  #now(): Moment {
    const native = this.#native;
    // Of a log that somebody else writes, or that is not open yet, nobody here knows where it is.
    const lastOf = (session: string): number | null =>
      native === null ? null : crossing(HealthError, (binary) => binary.logLastSeq(native, session));
    // One of which all is archived has none, but goes on behind the one that it had.
    const known = (session: string, index: number): number | null => {
      const last = lastOf(session);
      return last === 0 ? (this.#sign?.seqs[index] ?? 0) : last;
    };
    return { ...clocks(), seqs: this.#sessions.map(known) };
  }
}

const everything = (): boolean => true;

function clocks(): { time: number; ahead: number } {
  const time = Date.now();
  return { time, ahead: time - monotonic() };
}

/** By so many milliseconds the clock has been put back since: what came later may be dated before. */
function putBack(since: Moment): number {
  return Math.max(0, Math.ceil(since.ahead - clocks().ahead));
}

/** What `for await` would step through: a log in plain JavaScript may give an array. */
function stepsOf(found: Partial<AsyncIterable<Event>>): AsyncIterator<Event> {
  return found[Symbol.asyncIterator]?.() ?? oneByOne(found as Iterable<Event>);
}

async function* oneByOne(events: Iterable<Event>): AsyncGenerator<Event> {
  yield* events;
}

/** Nobody waits for the end of what nobody reads any more. */
function letGo(events: AsyncIterator<unknown>): void {
  void (async () => events.return?.())().catch(() => undefined);
}
