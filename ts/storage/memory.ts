/** Sessions and keys in this process's memory: for tests, and where the binary is missing. */
import { decode, encode, type Encoded, type EncodeOptions, type Unsupported } from '../codec.js';
import { StorageError } from '../errors.js';
import { checkId } from '../ids.js';
import { optionsObject, wordOption } from '../options.js';
import { decodeSession, encodeSession, type EncodedSession } from '../session.js';
import type { ChatSession } from '../types.js';
import type { ListOptions, StorageAdapter, StorageStats } from './adapter.js';
import { expiryOf, listQuery, wellFormed, type ListQuery } from './arguments.js';

/** Manners of the memory adapter. */
export interface InMemoryStorageOptions {
  /** What happens to functions, class instances and the like. Default `refuse`. */
  unsupported?: Unsupported;
}

interface Value extends Encoded {
  expiresAt: number | undefined;
}

/** Keeps copies, encoded as the other adapters encode them, so that it behaves as they do. Nothing survives `close()`. */
export class InMemoryStorageAdapter implements StorageAdapter {
  readonly name = 'InMemoryStorage';
  readonly persistent = false;
  readonly #sessions = new Map<string, EncodedSession>();
  readonly #values = new Map<string, Value>();
  readonly #encoding: EncodeOptions;
  #closed = false;

  constructor(options?: InMemoryStorageOptions) {
    const given = optionsObject('options', options);
    this.#encoding = { unsupported: wordOption('unsupported', given.unsupported, 'refuse', ['refuse', 'json']) };
  }

  initialize(): Promise<void> {
    return this.#run(() => undefined);
  }

  saveSession(sessionId: string, session: ChatSession): Promise<void> {
    return this.#run(() => {
      checkId(sessionId, 'sessionId');
      this.#sessions.set(sessionId, encodeSession(session, this.#encoding));
    });
  }

  getSession(sessionId: string): Promise<ChatSession | null> {
    return this.#run(() => {
      checkId(sessionId, 'sessionId');
      const stored = this.#sessions.get(sessionId);
      if (stored === undefined) return null;
      return decodeSession({ ...stored, messages: `[${stored.messages.replaceAll('\n', ',')}]` });
    });
  }

  deleteSession(sessionId: string): Promise<boolean> {
    return this.#run(() => {
      checkId(sessionId, 'sessionId');
      return this.#sessions.delete(sessionId);
    });
  }

  listSessions(options?: ListOptions): Promise<string[]> {
    return this.#run(() => {
      const query = listQuery(options);
      const found = [...this.#sessions].filter(([id, session]) => matches(id, session, query)).sort(inOrder(query));
      const end = query.limit === undefined ? undefined : query.offset + query.limit;
      return found.slice(query.offset, end).map(([id]) => id);
    });
  }

  set(key: string, value: unknown, ttl?: number): Promise<void> {
    return this.#run(() => {
      checkId(key, 'key');
      const expiresAt = expiryOf(ttl);
      this.#values.set(key, { ...encode(value, this.#encoding), expiresAt });
    });
  }

  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- the origin's signature
  get<V = any>(key: string): Promise<V | null> {
    return this.#run(() => {
      const value = this.#living(key);
      return value === undefined ? null : (decode(value.text, value.types) as V);
    });
  }

  delete(key: string): Promise<boolean> {
    return this.#run(() => this.#living(key) !== undefined && this.#values.delete(key));
  }

  has(key: string): Promise<boolean> {
    return this.#run(() => this.#living(key) !== undefined);
  }

  clear(): Promise<void> {
    return this.#run(() => {
      this.#sessions.clear();
      this.#values.clear();
    });
  }

  /** `sizeBytes` counts the characters of what is stored. */
  getStats(): Promise<StorageStats> {
    return this.#run(() => {
      for (const key of [...this.#values.keys()]) this.#living(key);
      let sizeBytes = 0;
      for (const { head, messages } of this.#sessions.values()) sizeBytes += head.text.length + messages.length;
      for (const { text } of this.#values.values()) sizeBytes += text.length;
      return { backend: 'memory', sessions: this.#sessions.size, keys: this.#values.size, sizeBytes };
    });
  }

  close(): Promise<void> {
    this.#closed = true;
    this.#sessions.clear();
    this.#values.clear();
    return Promise.resolve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** A value whose time has come is removed where it is met. */
  #living(key: string): Value | undefined {
    checkId(key, 'key');
    const value = this.#values.get(key);
    if (value?.expiresAt === undefined || value.expiresAt > Date.now()) return value;
    this.#values.delete(key);
    return undefined;
  }

  /** Everything happens at the call; the promise only carries the outcome. */
  #run<T>(work: () => T): Promise<T> {
    return new Promise((resolve) => {
      if (this.#closed) throw new StorageError('ERR_CLOSED', 'the store is closed');
      resolve(work());
    });
  }
}

function matches(id: string, session: EncodedSession, query: ListQuery): boolean {
  return (
    (query.activeAgent === undefined || wellFormed(session.activeAgent) === query.activeAgent) &&
    (query.createdAfter === undefined || session.createdAt >= query.createdAfter) &&
    (query.createdBefore === undefined || session.createdAt < query.createdBefore) &&
    (query.updatedAfter === undefined || session.updatedAt >= query.updatedAfter) &&
    (query.updatedBefore === undefined || session.updatedAt < query.updatedBefore) &&
    (query.idPrefix === undefined || id.startsWith(query.idPrefix))
  );
}

type Entry = [string, EncodedSession];

function inOrder({ orderBy, ascending }: ListQuery): (a: Entry, b: Entry) => number {
  const sign = ascending ? 1 : -1;
  return ([idA, a], [idB, b]) => sign * ((orderBy === 'id' ? 0 : a[orderBy] - b[orderBy]) || byCodePoint(idA, idB));
}

/** Ids are ordered by code points, as UTF-8 bytes are; `<` would compare UTF-16 units. */
function byCodePoint(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
