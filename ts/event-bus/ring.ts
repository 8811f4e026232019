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
  size = 0;
  lastSeq = 0;
  criticals = 0;
  #next = 0;
  #lastTime = 0;
  #bytes = 0;
  #slots: Slot[] = [];

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
  push(target: Target, count: number, first: unknown, second: unknown, third: unknown, now: number): number {
    const time = now > this.#lastTime ? now : this.#lastTime;
    this.#lastTime = time;
    this.lastSeq += 1;
    if (target.critical) this.criticals += 1;
    if (this.capacity === 0) return time;
    const slot = this.#nextSlot();
    slot.target = target;
    slot.count = count;
    slot.first = first;
    slot.second = second;
    slot.third = third;
    slot.time = time;
    if (this.maxBytes !== Infinity) this.#weigh(slot);
    return time;
  }

  /** Records an event with any number of arguments. Gives its time. */
  pushAll(target: Target, args: unknown[], now: number): number {
    if (args.length > INLINE_ARGUMENTS) return this.push(target, args.length, args, undefined, undefined, now);
    return this.push(target, args.length, args[0], args[1], args[2], now);
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
    this.size = 0;
    this.#next = 0;
    this.#bytes = 0;
  }

  #nextSlot(): Slot {
    const at = this.#next === this.capacity ? 0 : this.#next;
    this.#next = at + 1;
    if (this.size < this.capacity) this.size += 1;
    if (at === this.#slots.length) this.#slots.push(new Slot());
    return this.#slots[at] as Slot;
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
    this.size -= 1;
  }
}

function argsOf({ count, first, second, third }: Slot): unknown[] {
  return count > INLINE_ARGUMENTS ? [...(first as unknown[])] : [first, second, third].slice(0, count);
}
