/** Who holds on to what for as long as an agent lives: nearly always one, so that a set would be most of it. */
export class Holders<K extends object, V extends object> {
  readonly #held = new WeakMap<K, V | Set<V>>();

  /** While `key` lives, `value` does. */
  add(key: K, value: V): void {
    const known = this.#held.get(key);
    if (known === undefined) this.#held.set(key, value);
    else if (known instanceof Set) known.add(value);
    else if (known !== value) this.#held.set(key, new Set([known, value]));
  }

  /** No longer. */
  delete(key: K, value: V): void {
    const known = this.#held.get(key);
    if (known instanceof Set) known.delete(value);
    else if (known === value) this.#held.delete(key);
  }
}
