/** Sessions and keys in this process's memory: for tests, and where the binary is missing. */
import { decode, encode, type EncodeOptions } from '../codec.js';
import { StorageError } from '../errors.js';
import { checkId } from '../ids.js';
import { encodeSession } from '../session.js';
import type { ChatMessage, ChatSession } from '../types.js';
import type { ListOptions, StorageAdapter, StorageStats } from './adapter.js';
import { expiryOf, listQuery } from './arguments.js';
import type {
  Capability,
  KeyOptions,
  MessageRange,
  PruneOptions,
  PruneReport,
  SaveVersionedOptions,
  SessionInfo,
  StorageCapabilities,
  UpkeepOptions,
  VerifyReport,
  VersionedSession,
  WriteOptions,
} from './capabilities.js';
import {
  checkMessages,
  durabilityOf,
  idsOf,
  messageRange,
  eachOf,
  pairsOf,
  prefixOf,
  pruneQuery,
  upkeepSignal,
  versionedWrite,
} from './capability-arguments.js';
import { memoryEncoding, type InMemoryStorageOptions } from './memory/options.js';
import { lengthOf, MemorySessions } from './memory/sessions.js';
import { MemoryValues } from './memory/values.js';
import { countOf, encodeMessages, infoOf, messagesOf, sessionOf } from './record.js';

export type { InMemoryStorageOptions } from './memory/options.js';

/** Everything but `backup`: there is no file to copy. */
const CAPABILITIES = [
  'appendMessages',
  'getMessages',
  'getSessionInfo',
  'getVersioned',
  'saveVersioned',
  'getSessions',
  'saveSessions',
  'deleteSessions',
  'setMany',
  'getMany',
  'deleteMany',
  'sessions',
  'keys',
  'getExpiry',
  'prune',
  'verify',
] as const satisfies readonly Capability[];

type Offered = Pick<StorageCapabilities, (typeof CAPABILITIES)[number]>;

/**
 * Keeps copies, encoded as the other adapters encode them, so that it behaves as they do. Nothing survives `close()`;
 * so a write's `durability` is checked, and makes no difference.
 */
export class InMemoryStorageAdapter implements StorageAdapter, Offered {
  readonly name = 'InMemoryStorage';
  readonly persistent = false;
  readonly capabilities: readonly Capability[] = CAPABILITIES;
  readonly #sessions = new MemorySessions();
  readonly #values = new MemoryValues();
  readonly #encoding: EncodeOptions;
  #closed = false;

  constructor(options?: InMemoryStorageOptions) {
    this.#encoding = memoryEncoding(options);
  }

  initialize(): Promise<void> {
    return this.#run(() => undefined);
  }

  saveSession(sessionId: string, session: ChatSession, options?: WriteOptions): Promise<void> {
    return this.#write(options, () => {
      checkId(sessionId, 'sessionId');
      this.#sessions.save(sessionId, encodeSession(session, this.#encoding));
    });
  }

  getSession(sessionId: string): Promise<ChatSession | null> {
    return this.#run(() => {
      checkId(sessionId, 'sessionId');
      const stored = this.#sessions.get(sessionId);
      return stored === undefined ? null : sessionOf(stored);
    });
  }

  deleteSession(sessionId: string, options?: WriteOptions): Promise<boolean> {
    return this.#write(options, () => {
      checkId(sessionId, 'sessionId');
      return this.#sessions.delete(sessionId);
    });
  }

  listSessions(options?: ListOptions): Promise<string[]> {
    return this.#run(() => this.#sessions.list(listQuery(options)));
  }

  appendMessages(sessionId: string, messages: readonly ChatMessage[], options?: WriteOptions): Promise<number> {
    return this.#write(options, () => {
      checkId(sessionId, 'sessionId');
      checkMessages(messages);
      return countOf(this.#sessions.append(sessionId, encodeMessages(messages, this.#encoding), Date.now()));
    });
  }

  getMessages(sessionId: string, range?: MessageRange): Promise<ChatMessage[] | null> {
    return this.#run(() => {
      checkId(sessionId, 'sessionId');
      const bounds = messageRange(range);
      const stored = this.#sessions.get(sessionId);
      return stored === undefined ? null : messagesOf(stored, ...bounds(countOf(stored)));
    });
  }

  /** `sizeBytes` counts characters. */
  getSessionInfo(sessionId: string): Promise<SessionInfo | null> {
    return this.#run(() => {
      checkId(sessionId, 'sessionId');
      const stored = this.#sessions.get(sessionId);
      return stored === undefined ? null : infoOf(stored, countOf(stored), lengthOf(stored));
    });
  }

  getVersioned(sessionId: string): Promise<VersionedSession | null> {
    return this.#run(() => {
      checkId(sessionId, 'sessionId');
      const stored = this.#sessions.get(sessionId);
      return stored === undefined ? null : { session: sessionOf(stored), version: stored.version };
    });
  }

  saveVersioned(sessionId: string, session: ChatSession, options: SaveVersionedOptions): Promise<{ version: number }> {
    return this.#run(() => {
      checkId(sessionId, 'sessionId');
      const { expected, options: others } = versionedWrite(options);
      durabilityOf(others, 'process');
      return { version: this.#sessions.saveVersioned(sessionId, encodeSession(session, this.#encoding), expected) };
    });
  }

  getSessions(sessionIds: Iterable<string>): Promise<Map<string, ChatSession>> {
    return this.#run(() => {
      const there = idsOf(sessionIds, 'sessionId').flatMap((id) => {
        const stored = this.#sessions.get(id);
        return stored === undefined ? [] : [[id, sessionOf(stored)] as const];
      });
      return new Map(there);
    });
  }

  saveSessions(sessions: Iterable<readonly [string, ChatSession]>, options?: WriteOptions): Promise<void> {
    return this.#write(options, () => {
      const pairs = pairsOf(sessions, 'sessionId');
      // All are encoded before the first is kept: what is refused leaves nothing behind.
      const encoded = eachOf(pairs, 'session', (session, id) => [id, encodeSession(session, this.#encoding)] as const);
      for (const [id, session] of encoded) this.#sessions.save(id, session);
    });
  }

  deleteSessions(sessionIds: Iterable<string>, options?: WriteOptions): Promise<number> {
    return this.#write(options, () => idsOf(sessionIds, 'sessionId').filter((id) => this.#sessions.delete(id)).length);
  }

  async *sessions(options?: ListOptions): AsyncGenerator<string, void, undefined> {
    yield* await this.listSessions(options);
  }

  set(key: string, value: unknown, ttl?: number, options?: WriteOptions): Promise<void> {
    return this.#write(options, () => {
      checkId(key, 'key');
      const expiresAt = expiryOf(ttl);
      this.#values.set(key, { ...encode(value, this.#encoding), expiresAt });
    });
  }

  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- the origin's signature
  get<V = any>(key: string): Promise<V | null> {
    return this.#run(() => {
      checkId(key, 'key');
      const value = this.#values.get(key);
      return value === undefined ? null : (decode(value.text, value.types) as V);
    });
  }

  delete(key: string, options?: WriteOptions): Promise<boolean> {
    return this.#write(options, () => {
      checkId(key, 'key');
      return this.#values.delete(key);
    });
  }

  has(key: string): Promise<boolean> {
    return this.#run(() => {
      checkId(key, 'key');
      return this.#values.get(key) !== undefined;
    });
  }

  getExpiry(key: string): Promise<number | null> {
    return this.#run(() => {
      checkId(key, 'key');
      const value = this.#values.get(key);
      return value === undefined ? null : (value.expiresAt ?? Infinity);
    });
  }

  setMany(entries: Iterable<readonly [string, unknown]>, ttl?: number, options?: WriteOptions): Promise<void> {
    return this.#write(options, () => {
      const expiresAt = expiryOf(ttl);
      const encodeOf = (value: unknown, key: string) => [key, encode(value, this.#encoding)] as const;
      const encoded = eachOf(pairsOf(entries, 'key'), 'key', encodeOf);
      for (const [key, value] of encoded) this.#values.set(key, { ...value, expiresAt });
    });
  }

  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- as `get`
  getMany<V = any>(keys: Iterable<string>): Promise<Map<string, V>> {
    return this.#run(() => {
      const there = idsOf(keys, 'key').flatMap((key) => {
        const value = this.#values.get(key);
        return value === undefined ? [] : [[key, decode(value.text, value.types) as V] as const];
      });
      return new Map(there);
    });
  }

  deleteMany(keys: Iterable<string>, options?: WriteOptions): Promise<number> {
    return this.#write(options, () => idsOf(keys, 'key').filter((key) => this.#values.delete(key)).length);
  }

  async *keys(options?: KeyOptions): AsyncGenerator<string, void, undefined> {
    yield* await this.#run(() => this.#values.keys(prefixOf(options)));
  }

  clear(): Promise<void> {
    return this.#run(() => {
      this.#sessions.clear();
      this.#values.clear();
    });
  }

  /** In one batch; `bytesFreed` counts characters. */
  prune(options: PruneOptions): Promise<PruneReport> {
    return this.#run(() => {
      const { updatedBefore, dryRun, signal } = pruneQuery(options);
      signal?.throwIfAborted();
      return { ...this.#sessions.prune(updatedBefore, dryRun), dryRun };
    });
  }

  /** Counts what there is; memory has no checksums that could differ. */
  verify(options?: UpkeepOptions): Promise<VerifyReport> {
    return this.#run(() => {
      upkeepSignal(options)?.throwIfAborted();
      const { size: sessions } = this.#sessions;
      return { sessions, keys: this.#values.size, messages: this.#sessions.countMessages(), damaged: [] };
    });
  }

  /** `sizeBytes` counts the characters of what is stored. */
  getStats(): Promise<StorageStats> {
    return this.#run(() => {
      const keys = this.#values.size;
      const sizeBytes = this.#sessions.length + this.#values.length;
      return { backend: 'memory', sessions: this.#sessions.size, keys, sizeBytes };
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

  #write<T>(options: WriteOptions | undefined, work: () => T): Promise<T> {
    return this.#run(() => {
      durabilityOf(options, 'process');
      return work();
    });
  }

  /** Everything happens at the call; the promise only carries the outcome. */
  #run<T>(work: () => T): Promise<T> {
    return new Promise((resolve) => {
      if (this.#closed) throw new StorageError('ERR_CLOSED', 'the store is closed');
      resolve(work());
    });
  }
}
