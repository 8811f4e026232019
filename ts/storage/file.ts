/** Sessions and keys in a directory, a file each, that a person can read. */
import { decode, encode, type EncodeOptions } from '../codec.js';
import { checkId } from '../ids.js';
import { encodeSession, type EncodedSession } from '../session.js';
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
  messageRange,
  prefixOf,
  pruneQuery,
  upkeepSignal,
  versionedWrite,
} from './capability-arguments.js';
import { Access } from './file/access.js';
import type { Decision, Found } from './file/files.js';
import { headOf, keyFile, keyHead, readKey, readSession, sessionHead, type KeyHead } from './file/format.js';
import { checkedOptions, type FileStorageOptions } from './file/options.js';
import type { Place } from './file/place.js';
import { changeSession, gone, sizeOf } from './file/session-changes.js';
import {
  clearPlace,
  countPlace,
  isExpired,
  prunePlace,
  removeExpired,
  removeIfExpired,
  verifyPlace,
} from './file/upkeep.js';
import { byCodePoint, selected } from './listing.js';
import {
  checkVersion,
  countOf,
  encodeMessages,
  infoOf,
  messagesOf,
  sessionOf,
  unknownSession,
  withMessages,
} from './record.js';

/** No batches: files cannot be changed all or none. No `backup`: a copy of the directory is one. */
const CAPABILITIES = [
  'appendMessages',
  'getMessages',
  'getSessionInfo',
  'getVersioned',
  'saveVersioned',
  'sessions',
  'keys',
  'getExpiry',
  'prune',
  'verify',
] as const satisfies readonly Capability[];

type Offered = Pick<StorageCapabilities, (typeof CAPABILITIES)[number]>;

/**
 * A file for each session and each key: for people who want to look at their sessions with a text editor. Each write
 * replaces a whole file, `appendMessages` too. Safe to use from several adapters, threads and processes.
 */
export class FileStorageAdapter implements StorageAdapter, Offered {
  readonly name = 'FileStorage';
  readonly persistent = true;
  readonly capabilities: readonly Capability[] = CAPABILITIES;
  /** Where the directory is. */
  readonly path: string;
  readonly #encoding: EncodeOptions;
  readonly #access: Access;

  /** Checks the options; the directory is made by `initialize()` or the first call. */
  constructor(options?: FileStorageOptions) {
    const checked = checkedOptions(options);
    this.path = checked.path;
    this.#encoding = checked.encoding;
    this.#access = new Access(checked);
  }

  async initialize(): Promise<void> {
    await this.#access.run((place) => place.begin());
    // Nobody but a close waits for it: an expired key is invisible anyhow.
    this.#access.run((place) => removeExpired(place, this.#access.manner(undefined)), null).catch(() => undefined);
  }

  async saveSession(sessionId: string, session: ChatSession, options?: WriteOptions): Promise<void> {
    checkId(sessionId, 'sessionId');
    const encoded = encodeSession(session, this.#encoding);
    const manner = this.#access.asked(options);
    await changeSession(this.#access, sessionId, manner, sizeOf(encoded), () => encoded);
  }

  async getSession(sessionId: string): Promise<ChatSession | null> {
    return (await this.getVersioned(sessionId))?.session ?? null;
  }

  async deleteSession(sessionId: string, options?: WriteOptions): Promise<boolean> {
    checkId(sessionId, 'sessionId');
    const manner = this.#access.asked(options);
    return this.#access.run(({ sessions }) => sessions.change(sessionId, gone, manner), manner.ticket);
  }

  async listSessions(options?: ListOptions): Promise<string[]> {
    const query = listQuery(options);
    return this.#access.run(async ({ sessions }) => {
      const entries = await sessions.entries();
      // One whose first line is damaged is listed all the same: who reads it shall hear of it.
      return selected(
        entries.map(({ id, head, modifiedAt }) => [
          id,
          head ?? { activeAgent: undefined, createdAt: modifiedAt, updatedAt: modifiedAt },
        ]),
        query,
      );
    });
  }

  /** Writes the session's file anew, as every write does: the cost is that of the whole session. */
  async appendMessages(sessionId: string, messages: readonly ChatMessage[], options?: WriteOptions): Promise<number> {
    checkId(sessionId, 'sessionId');
    checkMessages(messages);
    const added = encodeMessages(messages, this.#encoding);
    const now = Date.now();
    const longer = (stored: Found | null): EncodedSession => {
      if (stored === null) throw unknownSession(sessionId);
      return withMessages(readSession(sessionId, stored.bytes).stored, added, now);
    };
    const manner = this.#access.asked(options, 'whole');
    const { session } = await changeSession(this.#access, sessionId, manner, sizeOf(added), longer);
    return countOf(session);
  }

  async getMessages(sessionId: string, range?: MessageRange): Promise<ChatMessage[] | null> {
    checkId(sessionId, 'sessionId');
    const bounds = messageRange(range);
    const found = await this.#access.run(({ sessions }) => sessions.read(sessionId, true));
    if (found === null) return null;
    const { head, stored } = readSession(sessionId, found.bytes);
    return messagesOf(stored, ...bounds(head.messageCount));
  }

  /** Reads the first line of the file; `sizeBytes` is the size of the file. */
  async getSessionInfo(sessionId: string): Promise<SessionInfo | null> {
    checkId(sessionId, 'sessionId');
    const found = await this.#access.run(({ sessions }) => sessions.read(sessionId, false));
    if (found === null) return null;
    const head = headOf('session', sessionId, found.line, sessionHead);
    return infoOf(head, head.messageCount, found.stats.size);
  }

  async getVersioned(sessionId: string): Promise<VersionedSession | null> {
    checkId(sessionId, 'sessionId');
    const found = await this.#access.run(({ sessions }) => sessions.read(sessionId, true));
    if (found === null) return null;
    const { head, stored } = readSession(sessionId, found.bytes);
    return { session: sessionOf(stored), version: head.version };
  }

  async saveVersioned(
    sessionId: string,
    session: ChatSession,
    options: SaveVersionedOptions,
  ): Promise<{ version: number }> {
    checkId(sessionId, 'sessionId');
    const { expected, options: others } = versionedWrite(options);
    const encoded = encodeSession(session, this.#encoding);
    const next = (stored: Found | null): EncodedSession => {
      const actual = stored === null ? null : headOf('session', sessionId, stored.line, sessionHead).version;
      checkVersion(sessionId, expected, actual);
      return encoded;
    };
    const manner = this.#access.asked(others);
    const { version } = await changeSession(this.#access, sessionId, manner, sizeOf(encoded), next);
    return { version };
  }

  /** The ids are collected first, and given one by one. */
  async *sessions(options?: ListOptions): AsyncGenerator<string, void, undefined> {
    yield* await this.listSessions(options);
  }

  async set(key: string, value: unknown, ttl?: number, options?: WriteOptions): Promise<void> {
    checkId(key, 'key');
    const end = expiryOf(ttl);
    const contents = keyFile(key, end, encode(value, this.#encoding));
    const manner = this.#access.asked(options, 'nothing');
    const set = ({ keys, sweep }: Place): Promise<null> => {
      sweep.expect(end);
      return keys.change(key, () => ({ result: null, contents }), manner);
    };
    await this.#access.run(set, manner.ticket, contents.length);
  }

  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- the origin's signature
  async get<V = any>(key: string): Promise<V | null> {
    const found = await this.#readKey(key, true);
    if (found === null) return null;
    const { head, value } = readKey(key, found.bytes);
    return this.#lives(head) ? (decode(value.text, value.types) as V) : null;
  }

  async delete(key: string, options?: WriteOptions): Promise<boolean> {
    checkId(key, 'key');
    const manner = this.#access.asked(options);
    const decide = (found: Found | null): Decision<boolean> => ({
      result: found !== null && !isExpired(keyHead(found.line)),
      contents: null,
    });
    return this.#access.run(({ keys }) => keys.change(key, decide, manner), manner.ticket);
  }

  async has(key: string): Promise<boolean> {
    return (await this.getExpiry(key)) !== null;
  }

  async getExpiry(key: string): Promise<number | null> {
    const found = await this.#readKey(key, false);
    if (found === null) return null;
    const head = headOf('key', key, found.line, keyHead);
    return this.#lives(head) ? (head.expiresAt ?? Infinity) : null;
  }

  /** The keys are collected first, and given one by one. */
  async *keys(options?: KeyOptions): AsyncGenerator<string, void, undefined> {
    const prefix = prefixOf(options);
    const entries = await this.#access.run(async ({ keys, sweep }) => {
      const all = await keys.entries();
      sweep.meet(all);
      return all;
    });
    const living = entries.filter(({ id, head }) => !isExpired(head) && id.startsWith(prefix));
    yield* living.map(({ id }) => id).sort(byCodePoint);
  }

  async clear(): Promise<void> {
    const manner = this.#access.asked(undefined, 'nothing');
    await this.#access.run((place) => clearPlace(place, manner), manner.ticket);
  }

  /** One session after another; each is looked at once more before it goes. */
  async prune(options: PruneOptions): Promise<PruneReport> {
    const query = pruneQuery(options);
    query.signal?.throwIfAborted();
    const manner = this.#access.manner(undefined);
    return this.#access.run((place) => prunePlace(place, query, manner), null);
  }

  /** Reads every file and compares its checksum. */
  async verify(options?: UpkeepOptions): Promise<VerifyReport> {
    const signal = upkeepSignal(options);
    signal?.throwIfAborted();
    return this.#access.run((place) => verifyPlace(place, signal), null);
  }

  /** Removes expired keys on the way, where it can. `sizeBytes` sums up the files' sizes; beside it there are `messages` and `path`. */
  async getStats(): Promise<StorageStats> {
    const counts = await this.#access.run((place) => countPlace(place, this.#access.manner(undefined)));
    return { backend: 'file', ...counts, path: this.path };
  }

  /** What was asked for before lands; afterwards everything is rejected with `ERR_CLOSED`. */
  close(): Promise<void> {
    return this.#access.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #readKey(key: string, whole: boolean): Promise<Found | null> {
    checkId(key, 'key');
    return this.#access.run(({ keys }) => keys.read(key, whole));
  }

  /** Whether a key has not expired; one that has is removed where it is met. */
  #lives(head: KeyHead): boolean {
    if (!isExpired(head)) return true;
    if (!this.#access.closed)
      void removeIfExpired(this.#access.open(), head.id, this.#access.manner(undefined)).catch(() => undefined);
    return false;
  }
}
