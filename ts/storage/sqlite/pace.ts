/** Long work in short steps: the loop turns in between, however many work at once. */
import { needStack } from '../../stack.js';
import { monotonic, whenTurned } from '../../timers.js';

/** How long the steps of one turn of the loop may take together, in milliseconds; one step is always taken. */
const TURN_MS = 2;

/** As much JSON as takes about a millisecond to parse. */
const CHARACTERS = 2 ** 17;

/** Does one step; false when that was the last. Whoever is called handles its own failures. */
type Step = () => boolean;

/** Takes the steps of all that is under way, one of each in turn. */
export class Pace {
  readonly #under: Step[] = [];
  /** Steps that somebody waits for, who hears nothing at the end of the process. */
  readonly #awaited = new WeakSet<Step>();
  #scheduled = false;
  /** Characters that were dealt with at once in this turn of the loop. */
  #characters = 0;

  /** Begins work; its first step comes with the next turn of the loop. */
  begin(step: Step): void {
    needStack();
    this.#under.push(step);
    this.#schedule();
  }

  /** The same for somebody who waits for the last step; rejects with what one throws, and takes no more then. */
  async take(step: Step): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const awaited = (): boolean => {
        try {
          if (step()) return true;
          resolve();
        } catch (error) {
          reject(error);
        }
        return false;
      };
      this.#awaited.add(awaited);
      this.begin(awaited);
    });
  }

  /** Whether so many characters may be dealt with at once, beside what is in this turn of the loop; else it takes steps. */
  atOnce(characters: number): boolean {
    if (this.#characters === 0) whenTurned(this.#turned);
    this.#characters += characters;
    return this.#characters <= CHARACTERS;
  }

  readonly #turned = (): void => {
    this.#characters = 0;
  };

  /** Takes all the steps that are left and that nobody waits for, at once: for the way out of the process. */
  finish(): void {
    for (let step = this.#under.shift(); step !== undefined; step = this.#under.shift()) {
      if (!this.#awaited.has(step)) while (step());
    }
  }

  #schedule(): void {
    if (this.#scheduled || this.#under.length === 0) return;
    whenTurned(() => {
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
