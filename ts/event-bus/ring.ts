/** The newest events, in slots that are used again: recording allocates nothing. */
import { sizeOf } from './size.js';
import type { Target } from './target.js';
import type { StoredEvent } from './types.js';

/** Up to so many arguments have slots of their own; more of them share an array in the first. */
export const INLINE_ARGUMENTS = 3;

/** What is kept of one event. */
class Slot {
  target: Target | null = null;
  count = 0;
  first: unknown = undefined;
  second: unknown = undefined;
  third: unknown = undefined;
  time = 0.5;
  bytes = 0;
}

/** Slots are made as the history grows up to its capacity, and then used again. Used by the bus alone. */
export class Ring {
  readonly capacity: number;
  /** At the most so many estimated bytes; Infinity asks for no estimates. */
  readonly maxBytes: number;
  lastSeq = 0;
  criticals = 0;
  readonly #weighs: boolean;
  /** What was let go of before its slot was needed: everything up to this number. */
  #gone = 0;
  #next = 0;
  #lastTime = 0.5;
  #bytes = 0;
  #slots: Slot[] = [];

  constructor(capacity: number, maxBytes: number) {
    this.capacity = capacity;
    this.maxBytes = maxBytes;
    this.#weighs = maxBytes !== Infinity;
  }

  get size(): number {
    return this.lastSeq - this.firstSeq + 1;
  }

  /** The oldest event it holds; one more than the newest where it holds none. */
  get firstSeq(): number {
    return Math.max(this.#gone, this.lastSeq - this.capacity) + 1;
  }

  /** The time of the newest event. */
  get lastTime(): number {
    return this.#lastTime;
  }

  /** The estimated size of what it holds. */
  get bytes(): number {
    if (this.#weighs) return this.#bytes;
    let bytes = 0;
    for (let seq = this.firstSeq; seq <= this.lastSeq; seq += 1) bytes += sizeOf(this.read(seq).args);
    return bytes;
  }

  /** Records an event with up to three arguments, or with all of them in `first` where there are more. */
  push(target: Target, count: number, first: unknown, second: unknown, third: unknown, now: number): void {
    if (now > this.#lastTime) this.#lastTime = now;
    this.lastSeq += 1;
    if (target.critical) this.criticals += 1;
    let at = this.#next;
    if (at === this.capacity) {
      if (at === 0) return;
      at = 0;
    }
    this.#next = at + 1;
    const slots = this.#slots;
    if (at === slots.length) slots.push(new Slot());
    const slot = slots[at] as Slot;
    slot.target = target;
    slot.count = count;
    slot.first = first;
    slot.second = second;
    slot.third = third;
    slot.time = this.#lastTime;
    if (this.#weighs) this.#weigh(slot);
  }

  /** Records an event with any number of arguments. */
  pushAll(target: Target, args: unknown[], now: number): void {
    if (args.length > INLINE_ARGUMENTS) this.push(target, args.length, args, undefined, undefined, now);
    else this.push(target, args.length, args[0], args[1], args[2], now);
  }

  /** The event with this number, which it must hold. */
  read(seq: number): StoredEvent {
    const slot = this.#slotOf(seq);
    const target = slot.target as Target;
    return {
      seq,
      event: target.name as string,
      args: argsOf(slot),
      timestamp: slot.time,
      priority: target.priority,
      metadata: { ...target.labels.metadata },
    };
  }

  clear(): void {
    this.#slots = [];
    this.#gone = this.lastSeq;
    this.#next = 0;
    this.#bytes = 0;
  }

  #slotOf(seq: number): Slot {
    const at = this.#next - 1 - (this.lastSeq - seq);
    return this.#slots[at < 0 ? at + this.capacity : at] as Slot;
  }

  /** Lets go of the oldest until the estimate is within the limit. */
  #weigh(slot: Slot): void {
    this.#bytes -= slot.bytes;
    slot.bytes = sizeOf(argsOf(slot));
    this.#bytes += slot.bytes;
    while (this.#bytes > this.maxBytes && this.size > 0) this.#drop(this.#slotOf(this.firstSeq));
  }

  #drop(slot: Slot): void {
    this.#bytes -= slot.bytes;
    Object.assign(slot, new Slot());
    this.#gone = this.firstSeq;
  }
}

function argsOf({ count, first, second, third }: Slot): unknown[] {
  return count > INLINE_ARGUMENTS ? [...(first as unknown[])] : [first, second, third].slice(0, count);
}
