/** What is asked of an open log, and how long somebody waits for it. */
import { Calls, type Ends, type Hearer, type Kind } from '../calls.js';
import { EventLogError } from '../errors.js';
import { MOMENT_MS, Moments } from '../moments.js';
import { crossing, type Native } from '../native.js';
import { Patience, type Late } from '../patience.js';
import { monotonic } from '../timers.js';
import type { Durability } from '../types.js';

type Handle = ReturnType<Native['logOpen']>;

/** An open log. It knows nothing of the object that users have, which may be forgotten while something is under way. */
export class Asked {
  readonly handle: Handle;
  readonly #calls = new Calls(EventLogError);
  readonly #patience: Patience;
  readonly #moments = new Moments();

  /** Opens it. */
  constructor(settings: Parameters<Native['logOpen']>[0], timeoutMs: number) {
    this.handle = crossing(EventLogError, (binary) => binary.logOpen(settings, this.#calls.settle));
    this.#patience = new Patience(timeoutMs, (late) => this.#look(late));
  }

  /** Runs one operation; `begin` gives it to the binary under the slot it gets. Only a `long` one may take its time. */
  run<T>(kind: Kind, begin: (binary: Native, slot: number) => void, hearer?: Hearer): Promise<T> {
    if (kind !== 'long') this.#patience.start();
    return this.#calls.run<T>(begin, kind, this.#patience, undefined, hearer);
  }

  /** Closes it; `over` hears when that is done or has failed, which may be after it was given up. */
  close(over: () => void): Promise<null> {
    return this.run<null>('read', (binary, slot) => binary.logClose(this.handle, slot), {
      over: () => {
        this.#patience.rest();
        over();
      },
    });
  }

  /** Waits no longer for what was asked for in this slot: whoever asked hears why. */
  abandon(slot: number, reason: unknown): void {
    this.#calls.abandon(slot, reason);
  }

  /** The same for a write whose answer comes soon, unless the disk is waited for. */
  runSoon<T>(durability: Durability, begin: (binary: Native, slot: number) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      this.runFor({ resolve, reject }, begin, durability);
    });
  }

  /** Runs a write for somebody who has a promise already; one whose answer comes soon, where `soon` says how durable it is. */
  runFor<T>(ends: Ends<T>, begin: (binary: Native, slot: number) => void, soon: Durability | null): void {
    this.#patience.start();
    this.#calls.runFor(ends, begin, 'write', this.#patience);
    if (soon === null) return;
    try {
      this.#moments.asked(this.#calls, this.#watch, MOMENT_MS[soon]);
    } catch {
      // The stack is full. It has been asked for, and is not waited for awake.
    }
  }

  /** Waits no longer for what was to be run for somebody, and was stopped before it began. */
  forgo<T>(ends: Ends<T>): void {
    this.#calls.forgo(ends);
  }

  /** Waits for what has been asked for, but for what may take its time; for the way out of the process. */
  drain(limitMs: number): void {
    const end = monotonic() + limitMs;
    for (let left = limitMs; left > 0 && this.#calls.brief > 0; left = end - monotonic()) {
      this.#calls.settleNow(this.#watch(left));
    }
  }

  readonly #watch = (limitMs: number): unknown[] =>
    crossing(EventLogError, (binary) => binary.logWatch(this.handle, limitMs));

  /** Gives up what has taken too long: what has not been begun is withdrawn, of what has nobody knows. */
  #look(late: Late): boolean {
    const slots = this.#calls.overdue(late);
    if (slots.length > 0) {
      // What was withdrawn has been answered.
      this.#calls.settleNow(crossing(EventLogError, (binary) => binary.logWithdraw(this.handle, slots)));
      this.#calls.giveUp(slots, this.#patience.limitMs);
    }
    return this.#calls.brief > 0;
  }
}
