/** Keys and their values. */
import { decode, encode } from '../../codec.js';
import { joined } from '../../codec/session-shape.js';
import { EVERYTHING, keyName } from '../pending-writes.js';
import type { TurnKind } from '../turn-line.js';
import type { Begin, Connection } from './connection.js';
import { KeyLooks } from './key-looks.js';
import type { CheckedOptions } from './options.js';

/** The line of a key among those of the sessions, none of whose ids has a NUL. */
const lineOf = (key: string): string => `\0${keyName(key)}`;

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
    return this.#write<void>(keyName(key), [key], power, (binary, handle, slot) =>
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
    const stored = await this.#read<[string, string | null] | null>([key], inOrder, (binary, handle, slot) =>
      binary.storageGetKey(handle, slot, key, Date.now(), inOrder),
    );
    return stored === null ? null : decode(...stored);
  }

  /** Asks a thread, after the writes of these keys that wait for their turn. */
  #read<T>(keys: readonly string[], inOrder: boolean, begin: Begin): Promise<T> {
    const connection = this.#connection;
    const lines = keys.map(lineOf);
    const read = (): Promise<T> => connection.look(lines, inOrder, () => connection.go<T>(begin, 'read'));
    return this.#mayBegin(keys, 'read') ? read() : connection.turns.takeSeveral(lines, 'read', read);
  }

  #write<T>(name: string, keys: readonly string[], power: boolean, begin: Begin): Promise<T> {
    this.finishReads();
    const connection = this.#connection;
    const write = (): Promise<T> => connection.go<T>(begin);
    const ask = (): Promise<T> =>
      this.#mayBegin(keys, 'other') ? write() : connection.turns.takeSeveral(keys.map(lineOf), 'other', write);
    return connection.write(name, connection.soon(ask, power ? 'power' : 'process'));
  }

  /** Whether none of these keys is being read beside the writes, and nothing waits. Mostly nothing is under way at all. */
  #mayBegin(keys: readonly string[], kind: TurnKind): boolean {
    const { turns } = this.#connection;
    return turns.quiet || keys.every((key) => turns.mayBegin(lineOf(key), kind));
  }

  delete(key: string, power: boolean): Promise<boolean> {
    return this.#write<boolean>(keyName(key), [key], power, (binary, handle, slot) =>
      binary.storageDeleteKey(handle, slot, key, Date.now(), power),
    );
  }

  has(key: string): Promise<boolean> {
    const inOrder = this.#connection.inOrder(keyName(key));
    return this.#readSoon<boolean>(key, inOrder, (binary, handle, slot) =>
      binary.storageHasKey(handle, slot, key, Date.now(), inOrder),
    );
  }

  /** When it ends; `Infinity`: never; null where it is not there. */
  end(key: string): Promise<number | null> {
    const inOrder = this.#connection.inOrder(keyName(key));
    return this.#readSoon<number | null>(key, inOrder, (binary, handle, slot) =>
      binary.storageKeyEnd(handle, slot, key, Date.now(), inOrder),
    );
  }

  #readSoon<T>(key: string, inOrder: boolean, begin: Begin): Promise<T> {
    return this.#connection.soon(() => this.#read<T>([key], inOrder, begin), 'process');
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
    return this.#write<void>(EVERYTHING, keys, power, (binary, handle, slot) =>
      binary.storageSetKeys(handle, slot, keys, texts, types, expiresAt, Date.now(), power),
    );
  }

  async getMany(keys: readonly string[]): Promise<Map<string, unknown>> {
    const inOrder = keys.some((key) => this.#connection.inOrder(keyName(key)));
    this.#connection.open();
    const stored = await this.#read<(string | null)[]>(keys, inOrder, (binary, handle, slot) =>
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
    return this.#write<number>(EVERYTHING, keys, power, (binary, handle, slot) =>
      binary.storageDeleteKeys(handle, slot, [...keys], Date.now(), power),
    );
  }
}
