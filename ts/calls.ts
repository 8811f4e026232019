/** The promises of one opened native object: who waits for which answer. */
import { ChurnMap } from './churn.js';
import { fromNative, type ErrorRoom } from './errors.js';
import { innerPromise } from './inner-promise.js';
import { letExit, stayAlive } from './keep-alive.js';
import { crossing, type Native } from './native.js';
import type { Late, Patience } from './patience.js';
import { needStack } from './stack.js';
import { monotonic, setImmediate, soon } from './timers.js';

/** The two ends of a promise. */
export interface Ends<T> {
  resolve(value: T): void;
  reject(error: unknown): void;
}

interface Waiting extends Ends<unknown> {
  kind: Kind;
  /** Who is patient, and must not be forgotten meanwhile. */
  patience: Patience | undefined;
  /** When it was asked for, by that one's clock. */
  since: number;
  hearer: Hearer;
  /** Whether it keeps the process alive. */
  staysAlive: boolean;
}

/** Who hears of an answer beside the promise. */
export interface Hearer {
  /** The answer, undefined where it is a failure, before the promise has it: at the end of the process none goes on. */
  heard?(value: unknown): void;
  /** The binary has done with it, also where nobody waits for that any more. */
  over?(): void;
}

const NOBODY: Hearer = {};

/** What is unknown of an operation without an answer: `write`, whether it happened; `read`, nothing. A `long` one may take its time. */
export type Kind = 'write' | 'read' | 'long';

const ENDED =
  'JavaScript was ended, as a `vm` with a timeout does it, while this was handed to the binary: it may be done, or not';

/** So long, in milliseconds, answers are taken as they come; then the loop has to turn. */
const TURN_MS = 4;

/**
 * Hands out slots to native operations and settles their promises when the answers come, many in one crossing.
 * While at least one is pending the process stays alive; otherwise nothing here keeps it.
 */
export class Calls {
  readonly #Room: ErrorRoom;
  readonly #waiting = new ChurnMap<number, Waiting>();
  readonly #channels = new Map<number, () => void>();
  #next = 1;
  /** How many of those that wait may take their time. */
  #long = 0;
  /** When answers began to come in this turn of the loop, where they have. */
  #began = 0;
  #turning = false;
  /** The slot whose operation is being given to the binary; 0: none. */
  #giving = 0;
  #looking = false;
  /** Answers that wait for the loop to turn. */
  #later: unknown[][] = [];

  constructor(Room: ErrorRoom) {
    this.#Room = Room;
  }

  /**
   * The callback that the binary gets: `[slot, failed, value, slot, failed, value, …]`. An answer leads to the next
   * question, and that to the next answer: the engine would take a thousand of them before it looks at anything else.
   */
  readonly settle = (batch: unknown[]): void => {
    if (!this.#turning) this.#begin();
    if (this.#later.length > 0 || monotonic() - this.#began > TURN_MS) this.#later.push(batch);
    else this.#settleAll(batch);
  };

  /** The time until the loop turns begins. */
  #begin(): void {
    this.#turning = true;
    this.#began = monotonic();
    setImmediate(() => {
      this.#turning = false;
      if (this.#later.length > 0) this.#begin();
      this.#settleLater();
    });
  }

  /** The same for answers that were fetched: they are given at once, after those that wait for the loop to turn. */
  settleNow(batch: unknown[]): void {
    this.#settleLater();
    this.#settleAll(batch);
  }

  #settleLater(): void {
    const batches = this.#later;
    this.#later = [];
    for (const batch of batches) this.#settleAll(batch);
  }

  #settleAll(batch: unknown[]): void {
    for (let at = 0; at < batch.length; at += 3) {
      this.#settleOne(batch[at] as number, batch[at + 1] as boolean, batch[at + 2]);
    }
  }

  /** Runs one operation; `begin` gives it to the binary under the slot it gets. */
  run<T>(
    begin: (binary: Native, slot: number) => void,
    kind: Kind = 'long',
    patience?: Patience,
    since = patience?.clock.now ?? 0,
    hearer: Hearer = NOBODY,
  ): Promise<T> {
    needStack();
    const { promise, resolve, reject } = innerPromise<T>();
    this.#give(begin, resolve, reject, kind, patience, since, hearer);
    return promise;
  }

  /** The same for somebody who has a promise already. */
  runFor<T>(
    { resolve, reject }: Ends<T>,
    begin: (binary: Native, slot: number) => void,
    kind: Kind,
    patience: Patience,
  ): void {
    needStack();
    this.#give(begin, resolve, reject, kind, patience, patience.clock.now, NOBODY);
  }

  /** Waits no longer for what was to be run for somebody, and was stopped before it began. */
  forgo<T>({ resolve }: Ends<T>): void {
    for (const [slot, waiting] of this.#waiting.entries()) if (waiting.resolve === resolve) this.#take(slot);
  }

  #give(
    begin: (binary: Native, slot: number) => void,
    resolve: (value: never) => void,
    reject: (error: unknown) => void,
    kind: Kind,
    patience: Patience | undefined,
    since: number,
    hearer: Hearer,
  ): void {
    if (!this.#looking) {
      soon(this.#lookForEnded);
      this.#looking = true;
    }
    this.#takeBack();
    const slot = this.#free();
    this.#giving = slot;
    const waiting = { resolve, reject, kind, patience, since, hearer, staysAlive: false };
    this.#waiting.set(slot, waiting);
    if (kind === 'long') this.#long += 1;
    stayAlive();
    waiting.staysAlive = true;
    try {
      crossing(this.#Room, (binary) => begin(binary, slot));
    } catch (error) {
      this.abandon(slot, error);
      hearer.over?.();
    }
    this.#giving = 0;
  }

  /** At the end of a turn nothing is being given. */
  readonly #lookForEnded = (): void => {
    this.#looking = false;
    this.#takeBack();
    // Whoever was ended may have begun what keeps the process alive, and nothing that is counted.
    letExit(false);
  };

  /** Whoever gave it was ended in the midst of that, past any `catch`, as a `vm` with a timeout does it: no answer will come. */
  #takeBack(): void {
    const slot = this.#giving;
    if (slot === 0) return;
    this.#giving = 0;
    const hearer = this.#waiting.get(slot)?.hearer;
    this.abandon(slot, new this.#Room('ERR_INDETERMINATE', ENDED));
    hearer?.over?.();
  }

  /** Operations that have not been answered. */
  get pending(): number {
    return this.#waiting.size;
  }

  /** How many of them are not such as may take their time. */
  get brief(): number {
    return this.#waiting.size - this.#long;
  }

  /** The slots of what has taken too long. */
  overdue(late: Late): number[] {
    const slots: number[] = [];
    for (const [slot, { kind, since }] of this.#waiting.entries()) if (kind !== 'long' && late(since)) slots.push(slot);
    return slots;
  }

  /**
   * Waits no longer for those of these slots that have not been answered; an answer that comes later is only for who wants to
   * hear that it is over.
   */
  giveUp(slots: readonly number[], limitMs: number): void {
    for (const slot of slots) {
      const waiting = this.#take(slot);
      const hearer = waiting?.hearer;
      if (hearer?.over !== undefined) {
        this.#channels.set(slot, () => {
          this.#channels.delete(slot);
          hearer.over?.();
        });
      }
      waiting?.reject(
        waiting.kind === 'write'
          ? new this.#Room(
              'ERR_INDETERMINATE',
              `it was begun and not done within ${limitMs} ms: it may still be, or not`,
            )
          : new this.#Room('ERR_TIMEOUT', `there was no answer within ${limitMs} ms`),
      );
    }
  }

  /** Waits no longer for this slot, where it has not been answered: whoever asked hears why. */
  abandon(slot: number, reason: unknown): void {
    this.#take(slot)?.reject(reason);
  }

  /** A slot by which the binary says again and again that there is something to fetch, until it is closed. */
  channel(hear: () => void): { slot: number; close(): void } {
    const slot = this.#free();
    this.#channels.set(slot, hear);
    return { slot, close: () => void this.#channels.delete(slot) };
  }

  #free(): number {
    while (this.#waiting.has(this.#next) || this.#channels.has(this.#next)) this.#advance();
    const slot = this.#next;
    this.#advance();
    return slot;
  }

  #advance(): void {
    this.#next = this.#next === 0xffff_ffff ? 1 : this.#next + 1;
  }

  #take(slot: number): Waiting | undefined {
    const waiting = this.#waiting.get(slot);
    if (waiting !== undefined && this.#waiting.delete(slot)) {
      if (waiting.kind === 'long') this.#long -= 1;
      letExit(waiting.staysAlive);
    }
    return waiting;
  }

  #settleOne(slot: number, failed: boolean, value: unknown): void {
    const waiting = this.#take(slot);
    if (waiting === undefined) {
      this.#channels.get(slot)?.();
      return;
    }
    waiting.hearer.heard?.(failed ? undefined : value);
    if (failed) {
      waiting.reject(fromNative(value as Parameters<typeof fromNative>[0], this.#Room));
    } else {
      waiting.resolve(value);
    }
    waiting.hearer.over?.();
  }
}
