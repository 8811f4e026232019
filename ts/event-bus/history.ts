/** What a bus shows of what happened. */
import type { Ring } from './ring.js';
import { selection } from './selection.js';
import type { HistoryOptions, StoredEvent } from './types.js';

/** The newest events of a bus. Arguments are kept by reference until their slot is used again. */
export class EventHistory implements Iterable<StoredEvent> {
  readonly #ring: Ring;

  /** @internal */
  constructor(ring: Ring) {
    this.#ring = ring;
  }

  /** How many events it holds. */
  get size(): number {
    return this.#ring.size;
  }

  /** How many events it can hold. */
  get capacity(): number {
    return this.#ring.capacity;
  }

  /** The oldest event it holds; one more than `lastSeq` where it holds none. */
  get firstSeq(): number {
    return this.#ring.firstSeq;
  }

  /** The newest event there ever was; 0 before the first. */
  get lastSeq(): number {
    return this.#ring.lastSeq;
  }

  /** Forgets all events. Numbers go on. */
  clear(): void {
    this.#ring.clear();
  }

  /** The events that match, oldest first; all without options. */
  toArray(options?: HistoryOptions): StoredEvent[] {
    return selection(this, options);
  }

  /** The events it holds when the loop begins; what is overwritten or cleared meanwhile is passed over. */
  *[Symbol.iterator](): Iterator<StoredEvent> {
    const end = this.#ring.lastSeq;
    for (let seq = this.#ring.firstSeq; seq <= end; seq += 1) {
      if (seq >= this.#ring.firstSeq) yield this.#ring.read(seq);
    }
  }
}
