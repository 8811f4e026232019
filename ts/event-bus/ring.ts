/** The newest events, in slots that are used again: recording allocates nothing. */
import { sizeOf } from './size.js';
import type { Target } from './target.js';
import type { StoredEvent } from './types.js';

/** Up to so many arguments have slots of their own; more of them share an array in the first. */
export const INLINE_ARGUMENTS = 3;

/** Columns instead of objects; they grow up to the capacity and are then reused. Used by the bus alone. */
export class Ring {
  readonly capacity: number;
  /** At the most so many estimated bytes; Infinity asks for no estimates. */
  readonly maxBytes: number;
  size = 0;
  lastSeq = 0;
  criticals = 0;
  #next = 0;
  #lastTime = 0;
  #bytes = 0;
  readonly #targets: (Target | undefined)[] = [];
  readonly #counts: number[] = [];
  readonly #first: unknown[] = [];
  readonly #second: unknown[] = [];
  readonly #third: unknown[] = [];
  readonly #times: number[] = [];
  readonly #sizes: number[] = [];

  constructor(capacity: number, maxBytes: number) {
    this.capacity = capacity;
    this.maxBytes = maxBytes;
  }

  get firstSeq(): number {
    return this.lastSeq - this.size + 1;
  }

  /** The estimated size of what it holds. */
  get bytes(): number {
    if (this.maxBytes !== Infinity) return this.#bytes;
    let bytes = 0;
    for (let seq = this.firstSeq; seq <= this.lastSeq; seq += 1) bytes += sizeOf(this.read(seq).args);
    return bytes;
  }

  /** Records an event with up to three arguments, or with all of them in `first` where there are more. Gives its time. */
  push(target: Target, count: number, first: unknown, second: unknown, third: unknown, time: number): number {
    if (time > this.#lastTime) this.#lastTime = time;
    this.lastSeq += 1;
    if (target.priority === 'critical') this.criticals += 1;
    if (this.capacity !== 0) {
      const slot = this.#next;
      this.#next = slot + 1 === this.capacity ? 0 : slot + 1;
      if (this.size < this.capacity) this.size += 1;
      this.#targets[slot] = target;
      this.#counts[slot] = count;
      this.#first[slot] = first;
      this.#second[slot] = second;
      this.#third[slot] = third;
      this.#times[slot] = this.#lastTime;
      if (this.maxBytes !== Infinity) this.#weigh(slot);
    }
    return this.#lastTime;
  }

  /** Records an event with any number of arguments. Gives its time. */
  pushAll(target: Target, args: unknown[], time: number): number {
    if (args.length > INLINE_ARGUMENTS) return this.push(target, args.length, args, undefined, undefined, time);
    return this.push(target, args.length, args[0], args[1], args[2], time);
  }

  /** The event with this number, which it must hold. */
  read(seq: number): StoredEvent {
    const slot = this.#slotOf(seq);
    const target = this.#targets[slot] as Target;
    return {
      seq,
      event: target.name as string,
      args: this.#argsAt(slot),
      timestamp: this.#times[slot] as number,
      priority: target.priority,
      metadata: { ...target.labels.metadata },
    };
  }

  clear(): void {
    for (const column of [
      this.#targets,
      this.#counts,
      this.#first,
      this.#second,
      this.#third,
      this.#times,
      this.#sizes,
    ]) {
      column.length = 0;
    }
    this.size = 0;
    this.#next = 0;
    this.#bytes = 0;
  }

  #slotOf(seq: number): number {
    const slot = this.#next - (this.lastSeq - seq) - 1;
    return slot < 0 ? slot + this.capacity : slot;
  }

  #argsAt(slot: number): unknown[] {
    const count = this.#counts[slot] as number;
    if (count > INLINE_ARGUMENTS) return [...(this.#first[slot] as unknown[])];
    return [this.#first[slot], this.#second[slot], this.#third[slot]].slice(0, count);
  }

  /** Lets go of the oldest until the estimate is within the limit. */
  #weigh(slot: number): void {
    this.#bytes -= this.#sizes[slot] ?? 0;
    const bytes = sizeOf(this.#argsAt(slot));
    this.#sizes[slot] = bytes;
    this.#bytes += bytes;
    while (this.#bytes > this.maxBytes && this.size > 0) this.#drop(this.#slotOf(this.firstSeq));
  }

  #drop(slot: number): void {
    this.#bytes -= this.#sizes[slot] ?? 0;
    this.#sizes[slot] = 0;
    this.#targets[slot] = undefined;
    this.#first[slot] = undefined;
    this.#second[slot] = undefined;
    this.#third[slot] = undefined;
    this.size -= 1;
  }
}
