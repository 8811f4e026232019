/** What an agent missed: the critical events of its sessions since its last sign of life. */
import { HealthError } from '../errors.js';
import { crossing, NATIVE_LOG, type Native } from '../native.js';
import type { Event, EventReplayStorage } from '../types.js';

type LogHandle = Parameters<Native['logLastSeq']>[0];

/** Time stamps of a busy bus may be so much behind the clock, in milliseconds. */
const BEHIND_MS = 5;

/** The binary's end of a log of ours; null for a log that somebody else made. */
export function nativeLogOf(log: EventReplayStorage): LogHandle | null {
  const open = (log as { [NATIVE_LOG]?: unknown })[NATIVE_LOG];
  return typeof open === 'function' ? (Reflect.apply(open, log, []) as LogHandle) : null;
}

/** A moment in several sessions of a log. */
export interface Moment {
  time: number;
  /** The number of the newest event that each session had then; null where the log does not say. */
  seqs: readonly number[] | null;
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
  /** In this outage, the newest event of each session that was taken. */
  #taken: number[] = [];

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
    this.#outage ??= this.#sign;
  }

  /** The outage is over. */
  end(): void {
    this.#outage = null;
    this.#taken = [];
  }

  /** Hands over what was missed, in order; goes on behind the last event that was taken where it failed before. */
  async catchUp(bounded: (work: () => unknown) => Promise<unknown>): Promise<void> {
    const since = this.#outage;
    if (since === null) return;
    // What was emitted a moment ago may still be on its way into the log.
    await (this.#log as { flush?(): Promise<void> }).flush?.();
    for (const [index, session] of this.#sessions.entries()) {
      const seq = since.seqs?.[index];
      const known = seq === undefined ? {} : { afterSeq: Math.max(seq, this.#taken[index] ?? 0) };
      const from = seq === undefined ? since.time : since.time - BEHIND_MS;
      for await (const event of this.#log.replay(session, { since: from, priority: 'critical', ...known })) {
        if (event.seq <= (this.#taken[index] ?? 0)) continue;
        await bounded(() => this.#onMissed(event));
        this.#taken[index] = event.seq;
      }
    }
  }

  #now(): Moment {
    const native = this.#native;
    if (native === null) return { time: Date.now(), seqs: null };
    const seqs: number[] = [];
    for (const session of this.#sessions) {
      const seq = crossing(HealthError, (binary) => binary.logLastSeq(native, session));
      if (seq !== null) seqs.push(seq);
    }
    // Of a log that somebody else writes nobody here knows where it is.
    return { time: Date.now(), seqs: seqs.length === this.#sessions.length ? seqs : null };
  }
}
