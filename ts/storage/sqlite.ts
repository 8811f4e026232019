/** Sessions and keys in one SQLite file, written by one native thread that commits in groups. */
import { checkId } from '../ids.js';
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
  pairsOf,
  pruneQuery,
  rangeOf,
  versionedWrite,
} from './capability-arguments.js';
import { sessionName } from './pending-writes.js';
import { saveTogether } from './sqlite/batches.js';
import { Connection } from './sqlite/connection.js';
import { defined } from './sqlite/defined.js';
import { Keys } from './sqlite/keys.js';
import { checkedOptions, type CheckedOptions, type SQLiteStorageOptions } from './sqlite/options.js';
import { keyPages, sessionPages } from './sqlite/pages.js';
import { SessionReads } from './sqlite/reads.js';
import { MUST_NOT_EXIST, SessionSaves } from './sqlite/saves.js';
import { backup, prune, verify } from './sqlite/upkeep.js';

export type { SQLiteStorageOptions } from './sqlite/options.js';

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
  'backup',
  'verify',
] as const satisfies readonly Capability[];

type Offered = Pick<StorageCapabilities, (typeof CAPABILITIES)[number]>;

/**
 * The default store. Safe to use from several adapters, threads and processes on one file. Saving a session that was
 * saved or read here lately costs what has changed in it.
 */
export class SQLiteStorageAdapter implements StorageAdapter, Offered {
  readonly name = 'SQLiteStorage';
  readonly persistent = true;
  readonly capabilities: readonly Capability[] = CAPABILITIES;
  /** Where the file is. */
  readonly path: string;
  readonly #options: CheckedOptions;
  readonly #connection: Connection;
  readonly #saves: SessionSaves;
  readonly #reads: SessionReads;
  readonly #keys: Keys;

  /** Checks the options; the file is opened by `initialize()` or the first call. */
  constructor(options?: SQLiteStorageOptions) {
    this.#options = checkedOptions(options);
    this.path = this.#options.path;
    this.#connection = new Connection(this.#options.opening, this.#options.timeoutMs);
    this.#saves = new SessionSaves(this.#connection, this.#options);
    this.#reads = new SessionReads(this.#connection, this.#options, this.#saves);
    this.#keys = new Keys(this.#connection, this.#options);
  }

  async initialize(): Promise<void> {
    await this.#connection.open().opening;
  }

  async saveSession(sessionId: string, session: ChatSession, options?: WriteOptions): Promise<void> {
    checkId(sessionId, 'sessionId');
    await this.#saves.save(sessionId, session, { power: this.#power(options) });
  }

  async getSession(sessionId: string): Promise<ChatSession | null> {
    checkId(sessionId, 'sessionId');
    return (await this.#reads.read(sessionId))?.session ?? null;
  }

  async deleteSession(sessionId: string, options?: WriteOptions): Promise<boolean> {
    checkId(sessionId, 'sessionId');
    const power = this.#power(options);
    this.#connection.open();
    this.#saves.snapshots.forget(sessionId);
    const gone = this.#connection.turn<boolean>(sessionId, (binary, handle, slot) =>
      binary.storageDeleteSession(handle, slot, sessionId, power),
    );
    return this.#connection.write(sessionName(sessionId), gone);
  }

  async listSessions(options?: ListOptions): Promise<string[]> {
    const filter = defined(listQuery(options));
    const ids = await this.#connection.readAll<string[]>((binary, handle, slot, inOrder) =>
      binary.storageListSessions(handle, slot, filter, inOrder),
    );
    // The binary's arrays are of the realm that loaded it first, which need not be this one.
    return [...ids];
  }

  async appendMessages(sessionId: string, messages: readonly ChatMessage[], options?: WriteOptions): Promise<number> {
    checkId(sessionId, 'sessionId');
    checkMessages(messages);
    return this.#saves.append(sessionId, messages, this.#power(options));
  }

  async getMessages(sessionId: string, range?: MessageRange): Promise<ChatMessage[] | null> {
    checkId(sessionId, 'sessionId');
    return this.#reads.part(sessionId, rangeOf(range));
  }

  async getSessionInfo(sessionId: string): Promise<SessionInfo | null> {
    checkId(sessionId, 'sessionId');
    return this.#reads.info(sessionId);
  }

  async getVersioned(sessionId: string): Promise<VersionedSession | null> {
    checkId(sessionId, 'sessionId');
    return this.#reads.read(sessionId);
  }

  async saveVersioned(
    sessionId: string,
    session: ChatSession,
    options: SaveVersionedOptions,
  ): Promise<{ version: number }> {
    checkId(sessionId, 'sessionId');
    const { expected, options: others } = versionedWrite(options);
    const manners = { power: this.#power(others), ifVersion: expected ?? MUST_NOT_EXIST };
    return { version: await this.#saves.save(sessionId, session, manners) };
  }

  /** All are of one moment: what somebody saves together is seen together. */
  async getSessions(sessionIds: Iterable<string>): Promise<Map<string, ChatSession>> {
    const found = await this.#reads.together(idsOf(sessionIds, 'sessionId'));
    return new Map([...found].flatMap(([id, read]) => (read === null ? [] : [[id, read.session] as const])));
  }

  async saveSessions(sessions: Iterable<readonly [string, ChatSession]>, options?: WriteOptions): Promise<void> {
    const pairs = pairsOf(sessions, 'sessionId');
    return saveTogether(this.#connection, this.#saves, pairs, this.#power(options));
  }

  async deleteSessions(sessionIds: Iterable<string>, options?: WriteOptions): Promise<number> {
    const ids = idsOf(sessionIds, 'sessionId');
    const power = this.#power(options);
    for (const id of ids) this.#saves.snapshots.forget(id);
    return this.#connection.writeAll((binary, handle, slot) => binary.storageDeleteSessions(handle, slot, ids, power));
  }

  sessions(options?: ListOptions): AsyncGenerator<string, void, undefined> {
    return sessionPages(this.#connection, options);
  }

  async set(key: string, value: unknown, ttl?: number, options?: WriteOptions): Promise<void> {
    checkId(key, 'key');
    await this.#keys.set(key, value, expiryOf(ttl), this.#power(options));
  }

  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- the origin's signature
  async get<V = any>(key: string): Promise<V | null> {
    checkId(key, 'key');
    return this.#keys.get(key) as V | null;
  }

  async delete(key: string, options?: WriteOptions): Promise<boolean> {
    checkId(key, 'key');
    return this.#keys.delete(key, this.#power(options));
  }

  async has(key: string): Promise<boolean> {
    checkId(key, 'key');
    return this.#keys.has(key);
  }

  async setMany(entries: Iterable<readonly [string, unknown]>, ttl?: number, options?: WriteOptions): Promise<void> {
    await this.#keys.setMany(pairsOf(entries, 'key'), expiryOf(ttl), this.#power(options));
  }

  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- as `get`
  async getMany<V = any>(keys: Iterable<string>): Promise<Map<string, V>> {
    return (await this.#keys.getMany(idsOf(keys, 'key'))) as Map<string, V>;
  }

  async deleteMany(keys: Iterable<string>, options?: WriteOptions): Promise<number> {
    return this.#keys.deleteMany(idsOf(keys, 'key'), this.#power(options));
  }

  keys(options?: KeyOptions): AsyncGenerator<string, void, undefined> {
    return keyPages(this.#connection, options);
  }

  async getExpiry(key: string): Promise<number | null> {
    checkId(key, 'key');
    return this.#keys.end(key);
  }

  async clear(): Promise<void> {
    this.#saves.snapshots.clear();
    this.#keys.finishReads();
    await this.#connection.writeAll<null>((binary, handle, slot) =>
      binary.storageClear(handle, slot, this.#options.power),
    );
  }

  async prune(options: PruneOptions): Promise<PruneReport> {
    const query = pruneQuery(options);
    query.signal?.throwIfAborted();
    if (!query.dryRun) this.#saves.snapshots.clear();
    return prune(this.#connection, query, this.#options.power);
  }

  /** An online copy, synced before it is there under its name. */
  async backup(path: string, options?: UpkeepOptions): Promise<void> {
    await backup(this.#connection, path, options);
  }

  async verify(options?: UpkeepOptions): Promise<VerifyReport> {
    const report = await verify(this.#connection, options);
    for (const { kind, id } of report.damaged) {
      // Where the file is what is damaged, nobody knows whose rows are.
      if (kind !== 'key') this.#saves.distrust(kind === 'session' ? id : undefined);
    }
    return report;
  }

  /** Beside what every store counts: `messages`, `path`, and `snapshotBytes`, the memory that snapshots take. */
  async getStats(): Promise<StorageStats> {
    const text = await this.#connection.readAll<string>((binary, handle, slot, inOrder) =>
      binary.storageGetStats(handle, slot, Date.now(), inOrder),
    );
    const counts = JSON.parse(text) as { sessions: number; messages: number; keys: number; sizeBytes: number };
    return { backend: 'sqlite', ...counts, path: this.path, snapshotBytes: this.#saves.snapshots.bytes };
  }

  /** What was asked for before lands; afterwards everything is rejected with `ERR_CLOSED`. */
  async close(): Promise<void> {
    this.#keys.finishReads();
    await this.#connection.close();
    this.#saves.snapshots.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Whether a write is to survive a power cut. */
  #power(options: WriteOptions | undefined): boolean {
    return durabilityOf(options, this.#options.power ? 'power' : 'process') === 'power';
  }
}
