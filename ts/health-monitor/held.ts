/** Who holds on to what for as long as an agent lives: nearly always one, once, so that a map would be most of it. */
export class Holders<K extends object, V extends object> {
  readonly #held = new WeakMap<K, V | Map<V, number>>();

  /** While `key` lives, `value` does; until that was taken back as often as it was said. */
  add(key: K, value: V): void {
    const known = this.#held.get(key);
    if (known === undefined) {
      this.#held.set(key, value);
      return;
    }
    const times = known instanceof Map ? known : new Map([[known, 1]]);
    times.set(value, (times.get(value) ?? 0) + 1);
    this.#held.set(key, times);
  }

  /** Once less. */
  delete(key: K, value: V): void {
    const known = this.#held.get(key);
    if (!(known instanceof Map)) {
      if (known === value) this.#held.delete(key);
      return;
    }
    const times = known.get(value) ?? 0;
    if (times > 1) known.set(value, times - 1);
    else known.delete(value);
  }
}
