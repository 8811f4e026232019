/**
 * A Map and a Set in which much comes and goes. When many have gone, the engine makes a new table, and has the old one know the
 * new (for iterators that may be under way): one that lives long enough to be found by full collections only keeps alive, until
 * then, every table that comes later and all that was ever in them. Here a new Map, or Set, comes in time, which no old one knows.
 */

/** So many have to have gone, at least. */
const FEWEST = 64;

/** How many have to have gone for each that is there: it is copied. */
const MANY_FOR_ONE = 4;

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
    if (this.#gone >= Math.max(FEWEST, this.#map.size * MANY_FOR_ONE)) {
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
  readonly #map = new ChurnMap<T, true>();

  get size(): number {
    return this.#map.size;
  }

  add(value: T): void {
    this.#map.set(value, true);
  }

  /** Whether it was there. */
  delete(value: T): boolean {
    return this.#map.delete(value);
  }

  clear(): void {
    this.#map.clear();
  }

  /** All there are at this moment, in the order in which they came. */
  values(): T[] {
    return this.#map.keys();
  }
}
