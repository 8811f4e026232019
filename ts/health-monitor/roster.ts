/** Everyone under watch: by id for whoever calls, by slot for the binary. */
import type { Watched } from './watched.js';

/** Whose an empty slot is: nothing that anybody may ask for is equal to it. */
const NOBODY = Symbol('nobody');

/** The agents of one monitor. */
export class Roster {
  /** Numbers, not records: a beat needs no more than the slot. */
  readonly #slots = new Map<string, number>();
  readonly #watched: (Watched | undefined)[] = [];
  /** By slot: whose it is; to ask a record would be to wait for memory, a hundred thousand of them are in no cache. */
  readonly #ids: (string | symbol)[] = [NOBODY];
  /** By slot: the slot of who beat after it the last time. Programs go through their agents in an order that recurs. */
  readonly #followers: number[] = [0];
  #last = 0;

  get size(): number {
    return this.#slots.size;
  }

  add(watched: Watched): void {
    this.#slots.set(watched.id, watched.slot);
    this.#watched[watched.slot] = watched;
    this.#ids[watched.slot] = watched.id;
    this.#followers[watched.slot] ??= 0;
  }

  delete({ id, slot }: Watched): void {
    this.#slots.delete(id);
    this.#watched[slot] = undefined;
    this.#ids[slot] = NOBODY;
  }

  /** The slot of an agent that gives a sign of life: the one that is expected next, or else looked up. */
  slotOf(id: string): number | undefined {
    const expected = this.#followers[this.#last] as number;
    if (this.#ids[expected] === id) {
      this.#last = expected;
      return expected;
    }
    return this.#lookUp(id);
  }

  #lookUp(id: string): number | undefined {
    const slot = this.#slots.get(id);
    if (slot === undefined) return undefined;
    this.#followers[this.#last] = slot;
    this.#last = slot;
    return slot;
  }

  get(id: string): Watched | undefined {
    const slot = this.#slots.get(id);
    return slot === undefined ? undefined : this.#watched[slot];
  }

  at(slot: number): Watched | undefined {
    return this.#watched[slot];
  }

  /** The agent in this slot, in the life that `ticket` names: what is said of another one tells nothing about it. */
  living(slot: number, ticket: number): Watched | undefined {
    const watched = this.#watched[slot];
    return watched?.ticket === ticket ? watched : undefined;
  }

  /** Whether it is still watched: it may have been taken out, or replaced, by whatever was called meanwhile. */
  has(watched: Watched): boolean {
    return this.#watched[watched.slot] === watched;
  }

  /** In the order of their registration. */
  *[Symbol.iterator](): IterableIterator<Watched> {
    for (const slot of this.#slots.values()) yield this.#watched[slot] as Watched;
  }
}
