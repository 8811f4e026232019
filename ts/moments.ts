/**
 * Answers that come sooner than a thread that sleeps can be woken: whoever asks for one thing after another has each of
 * them in a third of the time when it is waited for awake. Only an answer that is alone is: of several asked for together
 * none is waited for. And only for moments, so that nothing, however slow, holds the loop for longer.
 */
import type { Calls } from './calls.js';
import { monotonic, setImmediate, soon } from './timers.js';

/** In milliseconds twice what a small write takes with the kernel, and three times what a disk that is quick takes for one. */
export const MOMENT_MS = { process: 0.06, power: 0.5 };

/** What the moments of one turn of the loop may take together: then the loop has to turn. */
const TURN_MS = 2;

/** So many answers at the most are not waited for after one that did not come in time. */
const MOST_PASSED_OVER = 64;

/** Gives the answers that come within so many milliseconds. */
export type Watch = (limitMs: number) => unknown[];

/** The moments of one opened native object. */
export class Moments {
  /** What is left of this turn of the loop, in milliseconds. */
  #left = TURN_MS;
  #turning = false;
  #passedOver = 0;
  #toPassOver = 0;

  /** Something has been asked for: if nothing is asked for beside it, its answer is waited for, so many milliseconds. */
  asked(calls: Calls, watch: Watch, moment: number): void {
    if (calls.brief !== 1 || this.#left <= 0) return;
    if (this.#toPassOver > 0) {
      this.#toPassOver -= 1;
      return;
    }
    // Before whoever asked goes on, but after all that is asked for in the same breath.
    soon(() => {
      if (calls.brief === 1) this.#wait(calls, watch, moment);
    });
  }

  #wait(calls: Calls, watch: Watch, moment: number): void {
    const begun = monotonic();
    const batch = watch(moment);
    this.#left -= monotonic() - begun;
    this.#turn();
    this.#passedOver = batch.length > 0 ? 0 : Math.min(MOST_PASSED_OVER, this.#passedOver * 2 + 1);
    this.#toPassOver = this.#passedOver;
    calls.settleNow(batch);
  }

  /** The next turn has its own time. */
  #turn(): void {
    if (this.#turning) return;
    this.#turning = true;
    setImmediate(() => {
      this.#turning = false;
      this.#left = TURN_MS;
    });
  }
}
