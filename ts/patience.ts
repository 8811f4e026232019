/** How long an answer may take. Time is counted only while somebody waits, and only as the loop turns: whoever held it up, or
 * put the machine to sleep, has not made anything late. */
import { clearInterval, setInterval, soon } from './timers.js';

/** So many looks in the longest time that is allowed. */
const LOOKS = 16;

/** Whether what began then has taken too long. */
export type Late = (since: number) => boolean;

/** The number of looks so far: what begins takes note of it. */
export interface Clock {
  now: number;
}

/** A coarse clock, and somebody who looks after what is late. */
export class Patience {
  /** Apart, so that who reads it does not hold on to who looks. */
  readonly clock: Clock = { now: 0 };
  readonly limitMs: number;
  readonly #look: (late: Late) => boolean;
  #timer: NodeJS.Timeout | null = null;
  /** The timer begins before anything else happens. */
  #starting = false;

  /** `look` says whether anybody still waits. */
  constructor(limitMs: number, look: (late: Late) => boolean) {
    this.limitMs = limitMs;
    this.#look = look;
  }

  /** Somebody waits from now on. */
  start(): void {
    if (this.#timer !== null || this.#starting) return;
    // Where nobody is ended: between its beginning and its name, a timer would be one that nobody can stop.
    soon(() => {
      this.#starting = false;
      this.#timer ??= this.#begin();
    });
    this.#starting = true;
  }

  /** The timer goes, where nobody waits: for what is closed, and will hardly be asked any more. Else it goes with a look. */
  rest(): void {
    if (!this.#look(() => false)) this.#stop();
  }

  /** The timer does not hold on to it: whoever waits does. */
  #begin(): NodeJS.Timeout {
    const weak = new WeakRef(this);
    const timer = setInterval(
      () => {
        const patience = weak.deref();
        if (patience === undefined) clearInterval(timer);
        else patience.#tick();
      },
      Math.max(1, this.limitMs / LOOKS),
    );
    return timer.unref();
  }

  #tick(): void {
    const { clock } = this;
    clock.now += 1;
    // The first look may come at once, so it does not count.
    if (!this.#look((since) => clock.now - since > LOOKS)) this.#stop();
  }

  #stop(): void {
    if (this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
  }
}
