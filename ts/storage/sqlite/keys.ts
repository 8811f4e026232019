/** Keys and their values. */
import { decode, encode } from '../../codec.js';
import { joined } from '../../codec/session-shape.js';
import { eachOf } from '../capability-arguments.js';
import { EVERYTHING, keyName } from '../pending-writes.js';
import type { Begin, Connection } from './connection.js';
import { KeyLooks } from './key-looks.js';
import type { CheckedOptions } from './options.js';

/** Characters of JSON that are decoded in one step. */
const PIECE = 2 ** 16;

/** What a key costs beside the characters of its value, in such. */
const BESIDE = 32;

/** The keys of one connection; arguments are checked by the adapter. */
export class Keys {
  readonly #connection: Connection;
  readonly #options: CheckedOptions;
  readonly #looks: KeyLooks;

  constructor(connection: Connection, options: CheckedOptions) {
    this.#connection = connection;
    this.#options = options;
    this.#looks = new KeyLooks(connection, (key) => this.#fromThread(key, false));
  }

  set(key: string, value: unknown, expiresAt: number | undefined, power: boolean): Promise<void> {
    const { text, types } = encode(value, this.#options.encoding);
    return this.#write<void>(keyName(key), power, (binary, handle, slot) =>
      binary.storageSetKey(handle, slot, key, text, types, expiresAt, Date.now(), power),
    );
  }

  /** A value where it can be told at once, else the promise of it: a promise that is not needed costs a tenth of a read. */
  get(key: string): unknown {
    this.#connection.open();
    const inOrder = this.#connection.inOrder(keyName(key));
    if (inOrder || !this.#options.readsHere) return this.#fromThread(key, inOrder);
    return this.#looks.look(key);
  }

  /** What is to be read has been read, of all that was asked for: something is about to be written. */
  finishReads(): void {
    this.#looks.finish();
  }

  /** Also at the end of a tick in which the store was closed after the question. */
  async #fromThread(key: string, inOrder: boolean): Promise<unknown> {
    const { turns } = this.#connection;
    const stored = await turns.pass(() =>
      this.#connection.go<[string, string | null] | null>(
        (binary, handle, slot) => binary.storageGetKey(handle, slot, key, Date.now(), inOrder),
        'read',
      ),
    );
    if (stored === null) return null;
    const { pace } = this.#connection;
    if (pace.atOnce(stored[0].length + BESIDE)) return decode(...stored);
    let value: unknown;
    await pace.take(() => {
      value = decode(...stored);
      return false;
    });
    return value;
  }

  #write<T>(name: string, power: boolean, begin: Begin): Promise<T> {
    this.finishReads();
    const connection = this.#connection;
    return connection.write(name, connection.callSoon<T>(begin, power ? 'power' : 'process'));
  }

  delete(key: string, power: boolean): Promise<boolean> {
    return this.#write<boolean>(keyName(key), power, (binary, handle, slot) =>
      binary.storageDeleteKey(handle, slot, key, Date.now(), power),
    );
  }

  has(key: string): Promise<boolean> {
    const inOrder = this.#connection.inOrder(keyName(key));
    return this.#connection.callSoon(
      (binary, handle, slot) => binary.storageHasKey(handle, slot, key, Date.now(), inOrder),
      'process',
      'read',
    );
  }

  /** When it ends; `Infinity`: never; null where it is not there. */
  end(key: string): Promise<number | null> {
    const inOrder = this.#connection.inOrder(keyName(key));
    return this.#connection.callSoon(
      (binary, handle, slot) => binary.storageKeyEnd(handle, slot, key, Date.now(), inOrder),
      'process',
      'read',
    );
  }

  setMany(
    entries: readonly (readonly [string, unknown])[],
    expiresAt: number | undefined,
    power: boolean,
  ): Promise<void> {
    const encoded = eachOf(entries, 'key', (value) => encode(value, this.#options.encoding));
    const keys = entries.map(([key]) => key);
    const texts = joined(encoded.map(({ text }) => text));
    const types = joined(encoded.map(({ types: table }) => table ?? ''));
    return this.#write<void>(EVERYTHING, power, (binary, handle, slot) =>
      binary.storageSetKeys(handle, slot, keys, texts, types, expiresAt, Date.now(), power),
    );
  }

  async getMany(keys: readonly string[]): Promise<Map<string, unknown>> {
    const inOrder = this.#connection.inOrderOfAny(keys.map(keyName));
    const stored = await this.#connection.call<(string | null)[]>(
      (binary, handle, slot) => binary.storageGetKeys(handle, slot, [...keys], Date.now(), inOrder),
      'read',
    );
    const found = new Map<string, unknown>();
    let at = 0;
    const decodeSome = (): boolean => {
      for (let characters = 0; at < keys.length && characters < PIECE; at += 1) {
        const text = stored[at * 2] ?? '';
        if (text !== '') found.set(keys[at] as string, decode(text, stored[at * 2 + 1] ?? null));
        characters += text.length + BESIDE;
      }
      return at < keys.length;
    };
    const { pace } = this.#connection;
    const characters = stored.reduce((sum, text) => sum + (text?.length ?? 0), keys.length * BESIDE);
    // Mostly they are few, and nobody need wait for the loop to turn.
    if (pace.atOnce(characters)) while (decodeSome());
    else await pace.take(decodeSome);
    return found;
  }

  deleteMany(keys: readonly string[], power: boolean): Promise<number> {
    return this.#write<number>(EVERYTHING, power, (binary, handle, slot) =>
      binary.storageDeleteKeys(handle, slot, [...keys], Date.now(), power),
    );
  }
}
