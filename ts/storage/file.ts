/** Sessions and keys in a directory, a file each, that a person can read. */
import { resolve } from 'node:path';

import { decode, encode, type Encoded, type EncodeOptions } from '../codec.js';
import { StorageError } from '../errors.js';
import { checkId } from '../ids.js';
import { numberOption, optionsObject, pathOption, timeoutOption, wordOption } from '../options.js';
import { encodeSession, type EncodedSession } from '../session.js';
import type { ChatMessage, ChatSession, Durability } from '../types.js';
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
  VerifyReport,
  VersionedSession,
  WriteOptions,
} from './capabilities.js';
import {
  checkMessages,
  durabilityOf,
  messageRange,
  prefixOf,
  pruneQuery,
  versionedWrite,
} from './capability-arguments.js';
import { storageError, type Decision, type Found, type Manner } from './file/files.js';
import {
  headOf,
  keyFile,
  keyHead,
  readKey,
  readSession,
  sessionFile,
  sessionHead,
  type KeyHead,
} from './file/format.js';
import { FILE_OPTIONS, type FileStorageOptions } from './file/options.js';
import { placeOf, type Place } from './file/place.js';
import type { Steps } from './file/steps.js';
import type { Ticket } from './file/ticket.js';
import { UnderWay } from './file/under-way.js';
import { countPlace, isExpired, prunePlace, removeExpired, removeIfExpired, verifyPlace } from './file/upkeep.js';
import { byCodePoint, selected } from './listing.js';
import {
  checkVersion,
  countOf,
  encodeMessages,
  messagesOf,
  sessionOf,
  unknownSession,
  withMessages,
  type EncodedMessages,
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
  readonly #durability: Durability;
  readonly #encoding: EncodeOptions;
  readonly #busyTimeoutMs: number;
  readonly #underWay: UnderWay;
  #place: Place | null = null;
  #closing: Promise<void> | null = null;

  /** Checks the options; the directory is made by `initialize()` or the first call. */
  constructor(options?: FileStorageOptions) {
    const given = optionsObject('options', options, FILE_OPTIONS);
    this.path = resolve(pathOption('path', given.path, './data/sessions'));
    this.#durability = wordOption('durability', given.durability, 'power', ['process', 'power']);
    this.#encoding = { unsupported: wordOption('unsupported', given.unsupported, 'refuse', ['refuse', 'json']) };
    this.#busyTimeoutMs = numberOption('busyTimeoutMs', given.busyTimeoutMs, 5_000, { min: 0, max: 2 ** 31 - 1 });
    const maxQueueBytes = numberOption('maxQueueBytes', given.maxQueueBytes, 64 * 2 ** 20, { min: 1, max: 2 ** 40 });
    this.#underWay = new UnderWay(timeoutOption(given.timeoutMs), maxQueueBytes);
  }

  async initialize(): Promise<void> {
    await this.#run((place) => place.begin());
    // Nobody but a close waits for it: an expired key is invisible anyhow.
    this.#run((place) => removeExpired(place, this.#manner(undefined)), null).catch(() => undefined);
  }

  async saveSession(sessionId: string, session: ChatSession, options?: WriteOptions): Promise<void> {
    checkId(sessionId, 'sessionId');
    const encoded = encodeSession(session, this.#encoding);
    await this.#changeSession(sessionId, this.#asked(options), sizeOf(encoded), () => encoded);
  }

  async getSession(sessionId: string): Promise<ChatSession | null> {
    return (await this.getVersioned(sessionId))?.session ?? null;
  }

  async deleteSession(sessionId: string, options?: WriteOptions): Promise<boolean> {
    checkId(sessionId, 'sessionId');
    const manner = this.#asked(options);
    return this.#run(({ sessions }) => sessions.change(sessionId, gone, manner), manner.ticket);
  }

  async listSessions(options?: ListOptions): Promise<string[]> {
    const query = listQuery(options);
    return this.#run(async ({ sessions }) => {
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
    const { session } = await this.#changeSession(sessionId, this.#asked(options, 'whole'), sizeOf(added), (stored) => {
      if (stored === null) throw unknownSession(sessionId);
      return withMessages(readSession(sessionId, stored.bytes).stored, added, now);
    });
    return countOf(session);
  }

  async getMessages(sessionId: string, range?: MessageRange): Promise<ChatMessage[] | null> {
    checkId(sessionId, 'sessionId');
    const bounds = messageRange(range);
    const found = await this.#run(({ sessions }) => sessions.read(sessionId, true));
    if (found === null) return null;
    const { head, stored } = readSession(sessionId, found.bytes);
    return messagesOf(stored, ...bounds(head.messageCount));
  }

  /** Reads the first line of the file; `sizeBytes` is the size of the file. */
  async getSessionInfo(sessionId: string): Promise<SessionInfo | null> {
    checkId(sessionId, 'sessionId');
    const found = await this.#run(({ sessions }) => sessions.read(sessionId, false));
    if (found === null) return null;
    const { messageCount, activeAgent, createdAt, updatedAt, version } = headOf(
      'session',
      sessionId,
      found.line,
      sessionHead,
    );
    return {
      messageCount,
      sizeBytes: found.stats.size,
      ...(activeAgent === undefined ? {} : { activeAgent }),
      createdAt: new Date(createdAt),
      updatedAt: new Date(updatedAt),
      version,
    };
  }

  async getVersioned(sessionId: string): Promise<VersionedSession | null> {
    checkId(sessionId, 'sessionId');
    const found = await this.#run(({ sessions }) => sessions.read(sessionId, true));
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
    const { version } = await this.#changeSession(sessionId, this.#asked(others), sizeOf(encoded), (stored) => {
      const actual = stored === null ? null : headOf('session', sessionId, stored.line, sessionHead).version;
      checkVersion(sessionId, expected, actual);
      return encoded;
    });
    return { version };
  }

  /** The ids are collected first, and given one by one. */
  async *sessions(options?: ListOptions): AsyncGenerator<string, void, undefined> {
    yield* await this.listSessions(options);
  }

  async set(key: string, value: unknown, ttl?: number, options?: WriteOptions): Promise<void> {
    checkId(key, 'key');
    const contents = keyFile(key, expiryOf(ttl), encode(value, this.#encoding));
    const manner = this.#asked(options, 'nothing');
    const set = ({ keys }: Place): Promise<null> => keys.change(key, () => ({ result: null, contents }), manner);
    await this.#run(set, manner.ticket, contents.length);
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
    const manner = this.#asked(options);
    const decide = (found: Found | null): Decision<boolean> => ({
      result: found !== null && !isExpired(keyHead(found.line)),
      contents: null,
    });
    return this.#run(({ keys }) => keys.change(key, decide, manner), manner.ticket);
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
    const entries = await this.#run(({ keys }) => keys.entries());
    const living = entries.filter(({ id, head }) => !isExpired(head) && id.startsWith(prefix));
    yield* living.map(({ id }) => id).sort(byCodePoint);
  }

  async clear(): Promise<void> {
    const { ticket, ...manner } = this.#asked(undefined, 'nothing');
    const begin = function* ({ sessions, keys }: Place): Steps<void> {
      yield* sessions.clear(manner);
      yield* keys.clear(manner);
    };
    const clear = (place: Place): Promise<void> => {
      const cleared = place.turns.writeAll(() => begin(place), ticket);
      if (!manner.power) for (const { late } of [place.sessions, place.keys]) late.owe(cleared);
      return cleared;
    };
    await this.#run(clear, ticket);
  }

  /** One session after another; each is looked at once more before it goes. */
  async prune(options: PruneOptions): Promise<PruneReport> {
    const query = pruneQuery(options);
    const manner = this.#manner(undefined);
    return this.#run((place) => prunePlace(place, query, manner), null);
  }

  /** Reads every file and compares its checksum. */
  async verify(): Promise<VerifyReport> {
    return this.#run(verifyPlace, null);
  }

  /** Removes expired keys on the way. `sizeBytes` sums up the files' sizes; beside it there are `messages` and `path`. */
  async getStats(): Promise<StorageStats> {
    const counts = await this.#run((place) => countPlace(place, this.#manner(undefined)));
    return { backend: 'file', ...counts, path: this.path };
  }

  /** What was asked for before lands; afterwards everything is rejected with `ERR_CLOSED`. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<void> {
    const place = this.#place;
    // What other adapters do not use either is for the garbage collector.
    this.#place = null;
    await this.#underWay.settled(
      async () => place?.turns.settled(),
      async () => place?.syncNames(),
    );
  }

  #open(): Place {
    if (this.#closing !== null) throw new StorageError('ERR_CLOSED', 'the store is closed');
    try {
      this.#place ??= placeOf(this.path);
    } catch (error) {
      throw storageError(error);
    }
    return this.#place;
  }

  /** The work is begun at the call, so that turns are in the order of the calls. Without a ticket it may take its time. */
  async #run<T>(
    work: (place: Place) => Promise<T>,
    ticket: Ticket | null = this.#underWay.ticket('read'),
    bytes = 0,
  ): Promise<T> {
    try {
      return await this.#underWay.run(async () => work(this.#open()), ticket, bytes);
    } catch (error) {
      throw storageError(error);
    }
  }

  /** The manner of a change that somebody waits for. */
  #asked(options: WriteOptions | undefined, reads?: Manner['reads']): Manner & { ticket: Ticket } {
    return { ...this.#manner(options, reads), ticket: this.#underWay.ticket('write') };
  }

  #manner(options: WriteOptions | undefined, reads: Manner['reads'] = 'line'): Manner {
    const power = durabilityOf(options, this.#durability) === 'power';
    return { reads, power, busyTimeoutMs: this.#busyTimeoutMs };
  }

  /** Stores what `next` makes of what is stored, under the next version. */
  async #changeSession(
    id: string,
    manner: Manner & { ticket: Ticket },
    bytes: number,
    next: (stored: Found | null) => EncodedSession,
  ): Promise<{ session: EncodedSession; version: number }> {
    const change = (place: Place): Promise<{ session: EncodedSession; version: number }> => {
      const decide = (found: Found | null): Decision<{ session: EncodedSession; version: number }> => {
        const session = next(found);
        const version = place.nextVersion(found === null ? undefined : sessionHead(found.line)?.version);
        return { result: { session, version }, contents: sessionFile(id, version, session) };
      };
      return place.sessions.change(id, decide, manner);
    };
    return this.#run(change, manner.ticket, bytes);
  }

  async #readKey(key: string, whole: boolean): Promise<Found | null> {
    checkId(key, 'key');
    return this.#run(({ keys }) => keys.read(key, whole));
  }

  /** Whether a key has not expired; one that has is removed where it is met. */
  #lives(head: KeyHead): boolean {
    if (!isExpired(head)) return true;
    if (this.#closing === null)
      void removeIfExpired(this.#open(), head.id, this.#manner(undefined)).catch(() => undefined);
    return false;
  }
}

/** About as many bytes as what is to be written takes in memory. */
function sizeOf({ messages, messageTypes, head }: EncodedMessages & { head?: Encoded }): number {
  return messages.length + messageTypes.length + (head?.text.length ?? 0) + (head?.types?.length ?? 0);
}

const gone = (found: Found | null): Decision<boolean> =>
  found === null ? { result: false } : { result: true, contents: null };
