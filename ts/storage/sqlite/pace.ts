/** Long work in short steps: the loop turns in between, however many work at once. */
import { needStack } from '../../stack.js';
import { monotonic, setImmediate } from '../../timers.js';

/** How long the steps of one turn of the loop may take together, in milliseconds; one step is always taken. */
const TURN_MS = 2;

/** Does one step; false when that was the last. Whoever is called handles its own failures. */
type Step = () => boolean;

/** Takes the steps of all that is under way, one of each in turn. */
export class Pace {
  readonly #under: Step[] = [];
  #scheduled = false;

  /** Begins work; its first step comes with the next turn of the loop. */
  begin(step: Step): void {
    needStack();
    this.#under.push(step);
    this.#schedule();
  }

  /** The same for somebody who waits for the last step; rejects with what one throws, and takes no more then. */
  async take(step: Step): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.begin(() => {
        try {
          if (step()) return true;
          resolve();
        } catch (error) {
          reject(error);
        }
        return false;
      });
    });
  }

  /** Takes all the steps that are left, at once: for the way out of the process. */
  finish(): void {
    for (let step = this.#under.shift(); step !== undefined; step = this.#under.shift()) while (step());
  }

  #schedule(): void {
    if (this.#scheduled || this.#under.length === 0) return;
    setImmediate(() => {
      this.#scheduled = false;
      this.#turn();
      this.#schedule();
    });
    // Not before: where this is ended in between, the next one is to do it.
    this.#scheduled = true;
  }

  #turn(): void {
    const end = monotonic() + TURN_MS;
    do {
      const step = this.#under.shift();
      if (step === undefined) return;
      if (step()) this.#under.push(step);
    } while (monotonic() < end);
  }
}
