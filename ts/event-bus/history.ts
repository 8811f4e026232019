/** The newest events of a bus, in a ring of reused slots. */
import { selection } from './selection.js';
import type { HistoryOptions, StoredEvent } from './types.js';

/** Looks up what a slot does not hold. */
export interface Labels {
  priorityOf(event: string): StoredEvent['priority'];
}

/** Holds the last `capacity` events. Arguments are kept by reference until their slot is used again. */
export class EventHistory implements Iterable<StoredEvent> {
  /** How many events it can hold. */
  readonly capacity: number;
  readonly #labels: Labels;
  readonly #names: string[] = [];
  readonly #args: unknown[][] = [];
  readonly #times: number[] = [];
  #size = 0;
  #lastSeq = 0;
  #lastTime = 0;

  constructor(capacity: number, labels: Labels) {
    this.capacity = capacity;
    this.#labels = labels;
  }

  /** How many events it holds. */
  get size(): number {
    return this.#size;
  }

  /** The oldest event it holds; one more than `lastSeq` where it holds none. */
  get firstSeq(): number {
    return this.#lastSeq - this.#size + 1;
  }

  /** The newest event there ever was; 0 before the first. */
  get lastSeq(): number {
    return this.#lastSeq;
  }

  /** Forgets all events. Numbers go on. */
  clear(): void {
    this.#names.length = 0;
    this.#args.length = 0;
    this.#times.length = 0;
    this.#size = 0;
  }

  /** The events that match, oldest first; all without options. */
  toArray(options: HistoryOptions = {}): StoredEvent[] {
    return selection(this, options);
  }

  *[Symbol.iterator](): Iterator<StoredEvent> {
    for (let seq = this.firstSeq; seq <= this.#lastSeq; seq += 1) {
      // What was overwritten or cleared meanwhile is passed over.
      if (seq >= this.firstSeq) yield this.#read(seq);
    }
  }

  /** @internal Records an event and gives its time. */
  push(name: string, args: unknown[]): number {
    const now = Date.now();
    if (now > this.#lastTime) this.#lastTime = now;
    this.#lastSeq += 1;
    if (this.capacity > 0) {
      const slot = this.#lastSeq % this.capacity;
      this.#names[slot] = name;
      this.#args[slot] = args;
      this.#times[slot] = this.#lastTime;
      if (this.#size < this.capacity) this.#size += 1;
    }
    return this.#lastTime;
  }

  #read(seq: number): StoredEvent {
    const slot = seq % this.capacity;
    const event = this.#names[slot] as string;
    return {
      seq,
      event,
      args: this.#args[slot] as unknown[],
      timestamp: this.#times[slot] as number,
      priority: this.#labels.priorityOf(event),
      metadata: {},
    };
  }
}
