/** Sessions and keys in one SQLite file, written by one native thread that commits in groups. */
import { resolve } from 'node:path';

import { Calls } from '../calls.js';
import { decode, encode, type EncodeOptions, type Unsupported } from '../codec.js';
import { fromNative, SmallTalkError, StorageError } from '../errors.js';
import { drainAtExit } from '../exit.js';
import { checkId } from '../ids.js';
import { crossing, native, type Native } from '../native.js';
import { numberOption, optionsObject, pathOption, wordOption } from '../options.js';
import { decodeSession, encodeSession } from '../session.js';
import type { ChatSession, Durability } from '../types.js';
import type { ListOptions, StorageAdapter, StorageStats } from './adapter.js';
import { expiryOf, listQuery } from './arguments.js';
import { EVERYTHING, keyName, PendingWrites, sessionName } from './pending-writes.js';

/** How the SQLite adapter opens its file. */
export interface SQLiteStorageOptions {
  /** The file; its directory is made where it is missing. Default `./data/sessions.db`. */
  path?: string;
  /** What an acknowledged write survives. Default `power`. */
  durability?: Durability;
  /** Threads that read. Default 2. */
  readers?: number;
  /** How long to wait for another process's write, in milliseconds. Default 5000. */
  busyTimeoutMs?: number;
  /** Bytes of writes that may wait; beyond it they are rejected with `ERR_BACKPRESSURE`. Default 64 MiB. */
  maxQueueBytes?: number;
  /** What happens to functions, class instances and the like. Default `refuse`. */
  unsupported?: Unsupported;
}

type Handle = ReturnType<Native['storageOpen']>;

interface Opened {
  handle: Handle;
  calls: Calls;
  /** Settles when the file is open. */
  opening: Promise<unknown>;
  /** Takes back the wish to drain at exit. */
  stay(): void;
}

/** The default store. Safe to use from several adapters, threads and processes on one file. */
export class SQLiteStorageAdapter implements StorageAdapter {
  readonly name = 'SQLiteStorage';
  readonly persistent = true;
  /** Where the file is. */
  readonly path: string;
  readonly #options: { readers: number; busyTimeoutMs: number; maxQueueBytes: number };
  readonly #power: boolean;
  readonly #encoding: EncodeOptions;
  readonly #pending = new PendingWrites();
  #opened: Opened | null = null;
  #ready = false;
  #closing: Promise<void> | null = null;

  /** Checks the options; the file is opened by `initialize()` or the first call. */
  constructor(options?: SQLiteStorageOptions) {
    const given = optionsObject('options', options);
    const path = pathOption('path', given.path, './data/sessions.db');
    if (path === ':memory:') {
      throw new SmallTalkError('ERR_OPTION_INVALID', 'for sessions that need not last there is InMemoryStorageAdapter');
    }
    this.path = resolve(path);
    this.#power = wordOption('durability', given.durability, 'power', ['process', 'power']) === 'power';
    this.#encoding = { unsupported: wordOption('unsupported', given.unsupported, 'refuse', ['refuse', 'json']) };
    this.#options = {
      readers: numberOption('readers', given.readers, 2, { min: 1, max: 64, integer: true }),
      busyTimeoutMs: numberOption('busyTimeoutMs', given.busyTimeoutMs, 5_000, { min: 0, max: 2 ** 31 - 1 }),
      maxQueueBytes: numberOption('maxQueueBytes', given.maxQueueBytes, 64 * 2 ** 20, { min: 1, max: 2 ** 40 }),
    };
  }

  async initialize(): Promise<void> {
    await this.#open().opening;
  }

  async saveSession(sessionId: string, session: ChatSession): Promise<void> {
    checkId(sessionId, 'sessionId');
    const { head, ...encoded } = encodeSession(session, this.#encoding);
    const stamp = Math.floor(Math.random() * Number.MAX_SAFE_INTEGER);
    const image = { id: sessionId, data: head.text, ...optional('types', head.types), ...defined(encoded), stamp };
    await this.#write(sessionName(sessionId), (binary, handle, slot) =>
      binary.storageSaveSession(handle, slot, image, this.#power),
    );
  }

  async getSession(sessionId: string): Promise<ChatSession | null> {
    checkId(sessionId, 'sessionId');
    const inOrder = this.#inOrder(sessionName(sessionId));
    const stored = await this.#call<(string | null)[] | null>((binary, handle, slot) =>
      binary.storageGetSession(handle, slot, sessionId, inOrder),
    );
    if (stored === null) return null;
    const [text, types, messages, messageTypes] = stored as [string, string | null, string, string];
    return decodeSession({ head: { text, types }, messages, messageTypes });
  }

  async deleteSession(sessionId: string): Promise<boolean> {
    checkId(sessionId, 'sessionId');
    return this.#write(sessionName(sessionId), (binary, handle, slot) =>
      binary.storageDeleteSession(handle, slot, sessionId, this.#power),
    );
  }

  async listSessions(options?: ListOptions): Promise<string[]> {
    const filter = defined(listQuery(options));
    const inOrder = this.#inOrder();
    return this.#call((binary, handle, slot) => binary.storageListSessions(handle, slot, filter, inOrder));
  }

  async set(key: string, value: unknown, ttl?: number): Promise<void> {
    checkId(key, 'key');
    const expiresAt = expiryOf(ttl) ?? null;
    const { text, types } = encode(value, this.#encoding);
    await this.#write(keyName(key), (binary, handle, slot) =>
      binary.storageSetKey(handle, slot, key, text, types, expiresAt, this.#power),
    );
  }

  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- the origin's signature
  async get<V = any>(key: string): Promise<V | null> {
    checkId(key, 'key');
    const inOrder = this.#inOrder(keyName(key));
    const stored = await this.#call<[string, string | null] | null>((binary, handle, slot) =>
      binary.storageGetKey(handle, slot, key, Date.now(), inOrder),
    );
    return stored === null ? null : (decode(stored[0], stored[1]) as V);
  }

  async delete(key: string): Promise<boolean> {
    checkId(key, 'key');
    return this.#write(keyName(key), (binary, handle, slot) =>
      binary.storageDeleteKey(handle, slot, key, Date.now(), this.#power),
    );
  }

  async has(key: string): Promise<boolean> {
    checkId(key, 'key');
    const inOrder = this.#inOrder(keyName(key));
    return this.#call((binary, handle, slot) => binary.storageHasKey(handle, slot, key, Date.now(), inOrder));
  }

  async clear(): Promise<void> {
    await this.#write(EVERYTHING, (binary, handle, slot) => binary.storageClear(handle, slot, this.#power));
  }

  /** Beside what every store counts: `messages`, and `path`. */
  async getStats(): Promise<StorageStats> {
    const inOrder = this.#inOrder();
    const text = await this.#call<string>((binary, handle, slot) =>
      binary.storageGetStats(handle, slot, Date.now(), inOrder),
    );
    const counts = JSON.parse(text) as { sessions: number; messages: number; keys: number; sizeBytes: number };
    return { backend: 'sqlite', ...counts, path: this.path };
  }

  /** What was asked for before lands; afterwards everything is rejected with `ERR_CLOSED`. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #open(): Opened {
    if (this.#closing !== null) throw new StorageError('ERR_CLOSED', 'the store is closed');
    if (this.#opened !== null) return this.#opened;
    native();
    const calls = new Calls(StorageError);
    let handle: Handle | undefined;
    let failure: unknown;
    const opening = calls.run<null>((binary, slot) => {
      try {
        handle = binary.storageOpen({ path: this.path, ...this.#options }, calls.settle, slot);
      } catch (error) {
        failure = error;
        throw error;
      }
    });
    // Whoever called hears of a failure by the call itself; this promise is for those who wait for the opening.
    opening.catch(() => undefined);
    if (handle === undefined) throw fromNative(failure as Parameters<typeof fromNative>[0], StorageError);
    const opened: Opened = { handle, calls, opening, stay: drainAtExit(this, drainOf(handle)) };
    this.#opened = opened;
    opening.then(
      () => (this.#ready = true),
      () => this.#forget(opened),
    );
    return opened;
  }

  /** After a failed opening the next call tries anew. */
  #forget(opened: Opened): void {
    opened.stay();
    if (this.#opened !== opened) return;
    this.#opened = null;
    // Its threads would wait for the garbage collector.
    void opened.calls.run<null>((binary, slot) => binary.storageClose(opened.handle, slot)).catch(() => undefined);
  }

  async #close(): Promise<void> {
    const opened = this.#opened;
    if (opened === null) return;
    try {
      await opened.calls.run<null>((binary, slot) => binary.storageClose(opened.handle, slot));
    } finally {
      opened.stay();
    }
  }

  #call<T>(begin: (binary: Native, handle: Handle, slot: number) => void): Promise<T> {
    const { handle, calls } = this.#open();
    return calls.run<T>((binary, slot) => begin(binary, handle, slot));
  }

  #write<T>(name: string, begin: (binary: Native, handle: Handle, slot: number) => void): Promise<T> {
    return this.#pending.track(name, this.#call<T>(begin));
  }

  /** Whether a read has to wait its turn behind writes: it must see those of the same object. */
  #inOrder(name?: string): boolean {
    if (!this.#ready) return true;
    return name === undefined ? this.#pending.any : this.#pending.has(name);
  }
}

/** Apart from the adapter, so that it does not hold on to it. */
function drainOf(handle: Handle): (limitMs: number) => void {
  return (limitMs) => void crossing(StorageError, (binary) => binary.storageDrain(handle, limitMs));
}

function defined<T extends object>(object: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const entries = Object.entries(object).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]: Exclude<T[K], undefined> };
}

function optional<K extends string>(key: K, value: string | null): { [P in K]?: string } {
  return value === null ? {} : ({ [key]: value } as { [P in K]?: string });
}
