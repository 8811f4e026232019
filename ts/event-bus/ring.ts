/** The newest events, in slots that are used again: recording allocates nothing. */
import { currentTick, timeOfTick } from './clock.js';
import { keptAliveBy } from './size.js';
import type { Target } from './target.js';
import type { StoredEvent } from './types.js';

/** Up to so many arguments have slots of their own; more of them share an array in the first. */
export const INLINE_ARGUMENTS = 3;

/** So many slots are made at once for events that come in haste. */
const MANY = 1024;

/** The clock stands, or has not been asked. */
const NO_TICK = -1;

/** What is kept of one event. */
class Slot {
  /** Its place among the slots. */
  readonly at: number;
  /** Where the next event goes; `END` behind the last slot. */
  next: Slot;
  target: Target | null = null;
  count = 0;
  first: unknown = undefined;
  second: unknown = undefined;
  third: unknown = undefined;
  /** Milliseconds since the ring's first event: a small integer for 24 days, which costs less to write than a double. */
  time = 0;
  bytes = 0;

  constructor(at: number, next?: Slot) {
    this.at = at;
    this.next = next ?? this;
  }
}

/** Stands behind the last slot, and is none. */
const END = new Slot(-1);

/** Slots are made as the history grows up to its capacity, and then used again. Used by the bus alone. */
export class Ring {
  /** Grows whenever listeners may have changed. */
  version = 0;
  /** The time of the newest event. A member, as nothing can be called where the stack is full. */
  lastTime = NaN;
  readonly capacity: number;
  /** At the most so many estimated bytes; Infinity asks for no estimates. */
  readonly maxBytes: number;
  /** Whether `push` is all that recording takes. */
  readonly plain: boolean;
  /** What was let go of before its slot was needed: everything up to this number. */
  #gone = 0;
  /** Events before the one in the first slot. */
  #base = 0;
  /** The slot of the next event. A list, as an array would have to be measured at each event. */
  #free = END;
  #tick = NO_TICK;
  #began = NaN;
  #elapsed = 0;
  #bytes = 0;
  #slots: Slot[] = [];

  constructor(capacity: number, maxBytes: number) {
    this.capacity = capacity;
    this.maxBytes = maxBytes;
    this.plain = capacity > 0 && maxBytes === Infinity;
  }

  /** The newest event there ever was; 0 before the first. */
  get lastSeq(): number {
    return this.#base + (this.#free === END ? this.#slots.length : this.#free.at);
  }

  get size(): number {
    return this.lastSeq - this.firstSeq + 1;
  }

  /** The oldest event it holds; one more than the newest where it holds none. */
  get firstSeq(): number {
    return Math.max(this.#gone, this.lastSeq - this.capacity) + 1;
  }

  /** The estimated size of what it holds. */
  get bytes(): number {
    if (this.maxBytes !== Infinity) return this.#bytes;
    let bytes = 0;
    for (let seq = this.firstSeq; seq <= this.lastSeq; seq += 1) bytes += keptAliveBy(this.read(seq).args);
    return bytes;
  }

  /**
   * Records an event with up to three arguments, or all of them in `first` where there are more; `false`: nothing is
   * done, for there is more to do than to fill the next slot. One way out for all that is seldom: the engine compiles
   * what stands here into the caller, and every call on the way would cost all emits.
   */
  push(target: Target, count: number, first: unknown, second: unknown, third: unknown): boolean {
    const slot = this.#free;
    if (target.hotVersion !== this.version || currentTick() !== this.#tick || slot === END) return false;
    this.#free = slot.next;
    slot.target = target;
    slot.count = count;
    slot.first = first;
    slot.second = second;
    slot.third = third;
    slot.time = this.#elapsed;
    return true;
  }

  /**
   * Records an event with up to three arguments, or all of them in `first` where there are more, whatever there is to do;
   * at a time where one is given. Gives its number. Throws where the stack is full, and then has recorded nothing.
   */
  record(target: Target, count: number, first: unknown, second: unknown, third: unknown, time?: number): number {
    this.#look(time);
    if (this.capacity === 0) return (this.#base += 1);
    if (this.#free === END) this.#turn();
    const bytes = this.maxBytes === Infinity ? 0 : keptAliveBy(argsOf({ count, first, second, third }));
    const slot = this.#free;
    this.#free = slot.next;
    slot.target = target;
    slot.count = count;
    slot.first = first;
    slot.second = second;
    slot.third = third;
    slot.time = this.#elapsed;
    const seq = this.#base + slot.at + 1;
    if (this.maxBytes === Infinity) return seq;
    this.#bytes += bytes - slot.bytes;
    slot.bytes = bytes;
    try {
      this.#fit();
    } catch {
      // The stack is full. The next event has it done.
    }
    return seq;
  }

  /** The event with this number, which it must hold. */
  read(seq: number): StoredEvent {
    const slot = this.#slotOf(seq);
    const target = slot.target as Target;
    return {
      seq,
      event: target.name as string,
      args: argsOf(slot),
      timestamp: this.#began + slot.time,
      priority: target.priority,
      metadata: { ...target.labels.metadata },
    };
  }

  clear(): void {
    this.#gone = this.lastSeq;
    this.#base = this.#gone;
    this.#free = END;
    this.#bytes = 0;
    this.#slots = [];
  }

  /** Takes note of the time, which never goes back. */
  #look(time?: number): void {
    const tick = currentTick();
    if (time === undefined && tick === this.#tick) return;
    if (Number.isNaN(this.#began)) this.#began = time ?? Date.now();
    const elapsed = (time ?? timeOfTick(tick)) - this.#began;
    // The same number as a small integer, where it is one.
    if (elapsed > this.#elapsed) this.#elapsed = (elapsed | 0) === elapsed ? elapsed | 0 : elapsed;
    this.lastTime = this.#began + this.#elapsed;
    if (time === undefined) this.#tick = tick === 0 ? NO_TICK : tick;
  }

  /** Behind the last slot: there comes another one, many where events come in haste, or the first. */
  #turn(): void {
    const slots = this.#slots;
    const { length } = slots;
    if (length === this.capacity) {
      this.#base += length;
      this.#free = slots[0] as Slot;
      return;
    }
    const wanted = Math.min(this.capacity, length + (this.#tick === NO_TICK ? 1 : MANY));
    const first = new Slot(length, END);
    const more = [first];
    for (let at = length + 1, last = first; at < wanted; at += 1) more.push((last = last.next = new Slot(at, END)));
    // All at once, and no call behind it: a `vm` with a timeout ends JavaScript wherever something is called.
    slots.push(...more);
    if (length > 0) (slots[length - 1] as Slot).next = first;
    this.#free = first;
  }

  #slotOf(seq: number): Slot {
    const at = seq - this.#base - 1;
    return this.#slots[at < 0 ? at + this.capacity : at] as Slot;
  }

  /** Lets go of the oldest until the estimate is within the limit. */
  #fit(): void {
    while (this.#bytes > this.maxBytes && this.size > 0) this.#drop(this.#slotOf(this.firstSeq));
  }

  #drop(slot: Slot): void {
    const { bytes } = slot;
    const gone = this.firstSeq;
    Object.assign(slot, new Slot(slot.at, slot.next));
    this.#bytes -= bytes;
    this.#gone = gone;
  }
}

function argsOf({ count, first, second, third }: Pick<Slot, 'count' | 'first' | 'second' | 'third'>): unknown[] {
  return count > INLINE_ARGUMENTS ? [...(first as unknown[])] : [first, second, third].slice(0, count);
}
