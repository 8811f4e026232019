/**
 * Reads on the calling thread, and for how long. Their promises are settled at once, and so whoever awaits one after another
 * goes on without the loop: thousands of reads would be done before a timer, a request or a heartbeat has its turn.
 */
import { monotonic, whenTurned } from '../../timers.js';

/** How long after the first of them there may be more in one turn of the loop, in milliseconds: as answers of threads have it. */
const TURN_MS = 4;

/** The clock is looked at for every eighth key: to look takes a fiftieth of what it takes to read one. */
export const KEYS_A_LOOK = 8;

/** The reads on the calling thread of one connection. */
export class Here {
  /** Keys that were read since the clock was looked at. */
  #keys = 0;
  /** When there were the first reads in this turn of the loop; null where there were none, or hardly any. */
  #began: number | null = null;
  #over = false;

  /** Whether so many keys may be read now; else the loop has to turn first. */
  mayRead(keys = KEYS_A_LOOK): boolean {
    this.#keys += keys;
    if (this.#keys < KEYS_A_LOOK) return !this.#over;
    this.#keys = 0;
    if (this.#began === null) this.#begin();
    else if (monotonic() - this.#began > TURN_MS) this.#over = true;
    return !this.#over;
  }

  #begin(): void {
    whenTurned(this.#turned);
    // Only now: where the stack is full, or JavaScript is ended before, nobody would tell of it.
    this.#began = monotonic();
  }

  readonly #turned = (): void => {
    this.#began = null;
    this.#over = false;
  };
}
