/**
 * A Map by name, of which much comes and goes. When many have gone, the engine makes a Map a new table, and has the old one know
 * the new (for iterators that may be under way): one that lives long enough to be found by full collections only keeps alive,
 * until then, every table that comes later and all that was ever in them. Here what goes leaves its name behind, and a new Map is
 * made when names are too many, which no old one knows.
 */

/** So many names at least before a new Map is made. */
const FEWEST = 64;

/** How many names there are, at the most, for each that is in use. */
const MOST_TO_ONE = 4;

/** Keeps the names of those that have gone for a while, and nothing else of them. */
export class ChurnMap<V extends object | number> {
  #map = new Map<string, V | undefined>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(name: string): V | undefined {
    return this.#map.get(name);
  }

  has(name: string): boolean {
    return this.#map.get(name) !== undefined;
  }

  set(name: string, value: V): void {
    if (!this.has(name)) {
      if (this.#map.size >= Math.max(FEWEST, this.#size * MOST_TO_ONE)) this.#map = new Map(this.entries());
      this.#size += 1;
    }
    this.#map.set(name, value);
  }

  delete(name: string): void {
    if (!this.has(name)) return;
    this.#map.set(name, undefined);
    this.#size -= 1;
  }

  clear(): void {
    this.#map = new Map();
    this.#size = 0;
  }

  /** All there are at this moment. */
  entries(): [name: string, value: V][] {
    return [...this.#map].filter((entry): entry is [string, V] => entry[1] !== undefined);
  }

  values(): V[] {
    return [...this.#map.values()].filter((value) => value !== undefined);
  }
}
