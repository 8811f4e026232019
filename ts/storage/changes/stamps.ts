import { randomInt } from 'node:crypto';

/** How many stamps share their high bits. */
const SERIES = 2 ** 24;

/**
 * Names for stored states: whoever finds the stamp of a state that it knows on a session, finds that state. Nobody else
 * gives the same: the high bits are drawn by lot, 29 of them, and drawn again when the low ones have run out.
 */
export class Stamps {
  #next = 0;

  /** A positive safe integer. */
  next(): number {
    if (this.#next % SERIES === 0) this.#next = randomInt(1, 2 ** 29) * SERIES;
    this.#next += 1;
    return this.#next;
  }
}
