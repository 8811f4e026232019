/** Numbered things of which many come and go: see `ChurnMap` for what a Map, or a Set, would keep of them. */

interface Kept<T> {
  readonly slot: number;
  value: T;
}

const FEWEST = 16;

/** The last number; then they begin anew. */
const LAST = 0xffff_ffff;

/** Gives out numbers, from 1, none of them again while it is in use, and hardly ever after that. */
export class Slots<T> {
  /** Each at its number modulo the length, which is a power of two and at least twice the size. */
  #places: (Kept<T> | undefined)[] = places(FEWEST);
  #size = 0;
  #next = 1;

  get size(): number {
    return this.#size;
  }

  /** Keeps a value; gives its number. */
  add(value: T): number {
    if (this.#size * 2 >= this.#places.length) this.#grow();
    while (this.#places[this.#placeOf(this.#next)] !== undefined) this.#advance();
    const slot = this.#next;
    this.#places[this.#placeOf(slot)] = { slot, value };
    this.#size += 1;
    this.#advance();
    return slot;
  }

  /** The value with a number, where it is still kept. */
  get(slot: number): T | undefined {
    const kept = this.#places[this.#placeOf(slot)];
    return kept?.slot === slot ? kept.value : undefined;
  }

  /** Another value for a number that is in use. */
  replace(slot: number, value: T): void {
    const kept = this.#places[this.#placeOf(slot)];
    if (kept?.slot === slot) kept.value = value;
  }

  /** Forgets a value; whether there was one. */
  delete(slot: number): boolean {
    const place = this.#placeOf(slot);
    if (this.#places[place]?.slot !== slot) return false;
    this.#places[place] = undefined;
    this.#size -= 1;
    return true;
  }

  clear(): void {
    this.#places = places(FEWEST);
    this.#size = 0;
  }

  /** All that are kept at this moment, in the order in which they came. */
  entries(): [slot: number, value: T][] {
    const kept = this.#places.filter((one) => one !== undefined);
    return kept.sort((one, other) => one.slot - other.slot).map(({ slot, value }) => [slot, value]);
  }

  values(): T[] {
    return this.entries().map(([, value]) => value);
  }

  #placeOf(slot: number): number {
    return slot & (this.#places.length - 1);
  }

  #advance(): void {
    this.#next = this.#next === LAST ? 1 : this.#next + 1;
  }

  /** Two that have places of their own have them in a longer table as well. */
  #grow(): void {
    const all = this.#places;
    this.#places = places(all.length * 2);
    for (const one of all) if (one !== undefined) this.#places[this.#placeOf(one.slot)] = one;
  }
}

const places = (count: number): undefined[] => new Array<undefined>(count).fill(undefined);
