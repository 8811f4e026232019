/**
 * A Map and a Set in which much comes and goes. When many have gone, the engine makes a new table, and has the old one know the
 * new (for iterators that may be under way): one that lives long enough to be found by full collections only keeps alive, until
 * then, every table that comes later and all that was ever in them. Here a new Map, or Set, comes in time, which no old one knows.
 */

/** So many have to have gone, at least. */
const FEWEST = 64;

/** How many have to have gone for each that is there: it is copied. */
const MANY_FOR_ONE = 4;

const isTime = (gone: number, size: number): boolean => gone >= Math.max(FEWEST, size * MANY_FOR_ONE);

export class ChurnMap<K, V> {
  #map = new Map<K, V>();
  #gone = 0;

  get size(): number {
    return this.#map.size;
  }

  get(key: K): V | undefined {
    return this.#map.get(key);
  }

  has(key: K): boolean {
    return this.#map.has(key);
  }

  set(key: K, value: V): void {
    this.#map.set(key, value);
  }

  /** Whether there was one. */
  delete(key: K): boolean {
    if (!this.#map.delete(key)) return false;
    this.#gone += 1;
    if (isTime(this.#gone, this.#map.size)) {
      this.#map = new Map(this.#map);
      this.#gone = 0;
    }
    return true;
  }

  clear(): void {
    this.#map = new Map();
    this.#gone = 0;
  }

  /** All there are at this moment, in the order in which they came. */
  entries(): [key: K, value: V][] {
    return [...this.#map];
  }

  keys(): K[] {
    return [...this.#map.keys()];
  }

  values(): V[] {
    return [...this.#map.values()];
  }
}

export class ChurnSet<T> {
  #set = new Set<T>();
  #gone = 0;

  get size(): number {
    return this.#set.size;
  }

  add(value: T): void {
    this.#set.add(value);
  }

  /** Whether it was there. */
  delete(value: T): boolean {
    if (!this.#set.delete(value)) return false;
    this.#gone += 1;
    if (isTime(this.#gone, this.#set.size)) {
      this.#set = new Set(this.#set);
      this.#gone = 0;
    }
    return true;
  }

  clear(): void {
    this.#set = new Set();
    this.#gone = 0;
  }

  /** All there are at this moment, in the order in which they came. */
  values(): T[] {
    return [...this.#set];
  }
}
