/** Who hears that something could not be appended: the flushes that wait for it, or else the next one. */
import { ChurnSet } from '../churn.js';

interface Flush {
  /** The newest event that it waits for. */
  readonly upTo: number;
  /** How many were begun before it. */
  readonly place: number;
  failure: Error | null;
}

/** The flushes of one feed. */
export class Flushes {
  readonly #underWay = new ChurnSet<Flush>();
  #begun = 0;
  /** The first failure that no flush waited for. */
  #unheard: Error | null = null;

  /** How many have been begun. */
  get begun(): number {
    return this.#begun;
  }

  /** Waits for all events up to a number, which `settled` does; rejects with the first failure that concerns it. */
  flush(upTo: number, settled: () => Promise<unknown>): Promise<void> {
    return this.#run({ upTo, place: this.#begun++, failure: this.#unheard }, settled);
  }

  /** The last one: it waits for everything. */
  last(settled: () => Promise<unknown>): Promise<void> {
    return this.#run({ upTo: Infinity, place: Infinity, failure: this.#unheard }, settled);
  }

  /** The event with this number could not be appended. */
  failed(error: Error, seq: number): void {
    this.#tell(error, ({ upTo }) => upTo >= seq);
  }

  /** Something of the feed's own could not be appended; so many flushes had been begun when it was sent. */
  failedAfter(error: Error, begun: number): void {
    this.#tell(error, ({ place }) => place >= begun);
  }

  async #run(flush: Flush, settled: () => Promise<unknown>): Promise<void> {
    this.#unheard = null;
    this.#underWay.add(flush);
    try {
      await settled();
    } finally {
      this.#underWay.delete(flush);
    }
    if (flush.failure !== null) throw flush.failure;
  }

  #tell(error: Error, concerns: (flush: Flush) => boolean): void {
    const concerned = this.#underWay.values().filter(concerns);
    for (const flush of concerned) flush.failure ??= error;
    if (concerned.length === 0) this.#unheard ??= error;
  }
}
