/** Keys and their values. */
import { decode, encode } from '../../codec.js';
import { joined } from '../../codec/session-shape.js';
import { EVERYTHING, keyName } from '../pending-writes.js';
import type { Connection } from './connection.js';
import type { CheckedOptions } from './options.js';

/** The keys of one connection; arguments are checked by the adapter. */
export class Keys {
  readonly #connection: Connection;
  readonly #options: CheckedOptions;

  constructor(connection: Connection, options: CheckedOptions) {
    this.#connection = connection;
    this.#options = options;
  }

  set(key: string, value: unknown, expiresAt: number | undefined, power: boolean): Promise<void> {
    const { text, types } = encode(value, this.#options.encoding);
    const write = this.#connection.call<void>((binary, handle, slot) =>
      binary.storageSetKey(handle, slot, key, text, types, expiresAt, power),
    );
    return this.#connection.write(keyName(key), write);
  }

  async get(key: string): Promise<unknown> {
    const inOrder = this.#connection.inOrder(keyName(key));
    if (this.#options.readsHere && !inOrder) {
      this.#connection.open();
      const found = this.#connection.now((binary, handle) => binary.storageGetKeyNow(handle, key, Date.now()));
      if (found === null) return null;
      if (typeof found === 'string') return decode(found, null);
      if (found !== undefined) return decode(...(found as [string, string | null]));
    }
    const stored = await this.#connection.call<[string, string | null] | null>((binary, handle, slot) =>
      binary.storageGetKey(handle, slot, key, Date.now(), inOrder),
    );
    return stored === null ? null : decode(...stored);
  }

  delete(key: string, power: boolean): Promise<boolean> {
    const write = this.#connection.call<boolean>((binary, handle, slot) =>
      binary.storageDeleteKey(handle, slot, key, Date.now(), power),
    );
    return this.#connection.write(keyName(key), write);
  }

  has(key: string): Promise<boolean> {
    const inOrder = this.#connection.inOrder(keyName(key));
    return this.#connection.call((binary, handle, slot) =>
      binary.storageHasKey(handle, slot, key, Date.now(), inOrder),
    );
  }

  /** When it ends; `Infinity`: never; null where it is not there. */
  end(key: string): Promise<number | null> {
    const inOrder = this.#connection.inOrder(keyName(key));
    return this.#connection.call((binary, handle, slot) =>
      binary.storageKeyEnd(handle, slot, key, Date.now(), inOrder),
    );
  }

  setMany(
    entries: readonly (readonly [string, unknown])[],
    expiresAt: number | undefined,
    power: boolean,
  ): Promise<void> {
    const encoded = entries.map(([, value]) => encode(value, this.#options.encoding));
    const keys = entries.map(([key]) => key);
    const texts = joined(encoded.map(({ text }) => text));
    const types = joined(encoded.map(({ types: table }) => table ?? ''));
    const write = this.#connection.call<void>((binary, handle, slot) =>
      binary.storageSetKeys(handle, slot, keys, texts, types, expiresAt, power),
    );
    return this.#connection.write(EVERYTHING, write);
  }

  async getMany(keys: readonly string[]): Promise<Map<string, unknown>> {
    const inOrder = keys.some((key) => this.#connection.inOrder(keyName(key)));
    const stored = await this.#connection.call<(string | null)[]>((binary, handle, slot) =>
      binary.storageGetKeys(handle, slot, [...keys], Date.now(), inOrder),
    );
    const found = new Map<string, unknown>();
    for (const [at, key] of keys.entries()) {
      const text = stored[at * 2] ?? null;
      if (text !== null) found.set(key, decode(text, stored[at * 2 + 1] ?? null));
    }
    return found;
  }

  deleteMany(keys: readonly string[], power: boolean): Promise<number> {
    const write = this.#connection.call<number>((binary, handle, slot) =>
      binary.storageDeleteKeys(handle, slot, [...keys], Date.now(), power),
    );
    return this.#connection.write(EVERYTHING, write);
  }
}
