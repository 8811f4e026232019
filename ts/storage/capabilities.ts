/** What a store may offer beyond `StorageAdapter`, told apart by `supports`. */
import type { ChatMessage, ChatSession, Durability } from '../types.js';
import type { ListOptions, StorageAdapter } from './adapter.js';

/** How one write is done. */
export interface WriteOptions {
  /** What it survives once it is acknowledged. Default: what the adapter was opened with. */
  durability?: Durability;
}

/** A write that has to find what its author has read. */
export interface SaveVersionedOptions extends WriteOptions {
  /** The version that must be stored; null: there must be no such session. */
  ifVersion: number | null;
}

/** A session and its version, read in one snapshot. */
export interface VersionedSession {
  session: ChatSession;
  /** Grows with every change of the session, also across deleting and making it anew. */
  version: number;
}

/** Which of a session's messages: those before `before`, of these the newest `last`, of these the oldest `limit`. */
export interface MessageRange {
  /** The newest so many. Default: all. */
  last?: number;
  /** Only messages whose index is less. Default: no bound. */
  before?: number;
  /** The oldest so many of what is left. Default: all. */
  limit?: number;
}

/** What can be told of a session without its messages. */
export interface SessionInfo {
  messageCount: number;
  /** Of what is stored of it, roughly. */
  sizeBytes: number;
  activeAgent?: string;
  createdAt: Date;
  updatedAt: Date;
  version: number;
}

/** Which keys. */
export interface KeyOptions {
  /** Only keys that begin so. */
  prefix?: string;
}

/** Which sessions are old enough to go. */
export interface PruneOptions {
  /** Sessions whose `updatedAt` is earlier: a Date or milliseconds since the epoch. */
  updatedBefore: Date | number;
  /** Counts, and removes nothing. Default false. */
  dryRun?: boolean;
  /** Ends it: it is rejected with the signal's reason. What was removed until then stays removed. */
  signal?: AbortSignal;
}

/** How something that reads the whole store is done. */
export interface UpkeepOptions {
  /** Ends it: it is rejected with the signal's reason, once it has stopped, and leaves nothing behind. */
  signal?: AbortSignal;
}

/** What was removed, or, after a dry run, would have been. */
export interface PruneReport {
  sessions: number;
  messages: number;
  /** What the sessions took, as far as the store can tell. */
  bytesFreed: number;
  dryRun: boolean;
}

/** One thing that is not what was written. */
export interface Damage {
  kind: 'session' | 'key' | 'file';
  /** The session, the key, or the file's name. */
  id: string;
  detail: string;
}

/** What a store found when it read all that it has. */
export interface VerifyReport {
  /** Sessions read, sound or not. */
  sessions: number;
  /** Keys read, sound or not. */
  keys: number;
  /** Messages of sound sessions. */
  messages: number;
  damaged: Damage[];
}

/** Every method that only some stores have. */
export interface StorageCapabilities {
  /**
   * Adds messages at the end and gives the new count; `updatedAt` becomes the later of stored and now.
   * Rejects with `ERR_SESSION_UNKNOWN` where there is no such session.
   */
  appendMessages(sessionId: string, messages: readonly ChatMessage[], options?: WriteOptions): Promise<number>;
  /** A part of a session's messages, oldest first; null where there is no such session. */
  getMessages(sessionId: string, range?: MessageRange): Promise<ChatMessage[] | null>;
  getSessionInfo(sessionId: string): Promise<SessionInfo | null>;
  getVersioned(sessionId: string): Promise<VersionedSession | null>;
  /** Saves only where `ifVersion` is what is stored; else rejects with a `ConflictError` that has both versions. */
  saveVersioned(
    sessionId: string,
    session: ChatSession,
    options: SaveVersionedOptions,
  ): Promise<Pick<VersionedSession, 'version'>>;
  /** Those that there are, as they were at one moment, in the order of the ids. */
  getSessions(sessionIds: Iterable<string>): Promise<Map<string, ChatSession>>;
  /** All or none. */
  saveSessions(sessions: Iterable<readonly [string, ChatSession]>, options?: WriteOptions): Promise<void>;
  /** How many there were; all or none are gone. */
  deleteSessions(sessionIds: Iterable<string>, options?: WriteOptions): Promise<number>;
  /** All or none; `ttl` in seconds, for each of them. */
  setMany(entries: Iterable<readonly [string, unknown]>, ttl?: number, options?: WriteOptions): Promise<void>;
  /** Those that there are, as they were at one moment, in the order of the keys. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- as `get`
  getMany<V = any>(keys: Iterable<string>): Promise<Map<string, V>>;
  /** How many there were; all or none are gone. */
  deleteMany(keys: Iterable<string>, options?: WriteOptions): Promise<number>;
  /** What `listSessions` gives, a page at a time. What changes meanwhile may be in it or not. */
  sessions(options?: ListOptions): AsyncIterable<string>;
  /** Living keys by code points, a page at a time. What changes meanwhile may be in it or not. */
  keys(options?: KeyOptions): AsyncIterable<string>;
  /** When a key ends, in milliseconds since the epoch; `Infinity` where it stays, null where there is no such key. */
  getExpiry(key: string): Promise<number | null>;
  /** Removes sessions that nobody has changed for long, in batches. */
  prune(options: PruneOptions): Promise<PruneReport>;
  /** Writes a copy of the whole store to a file that must not be there yet. */
  backup(path: string, options?: UpkeepOptions): Promise<void>;
  /** Reads everything and compares checksums. Damage is reported, never thrown. */
  verify(options?: UpkeepOptions): Promise<VerifyReport>;
}

/** The name of a method that only some stores have. */
export type Capability = keyof StorageCapabilities;

/**
 * Whether an adapter has a method: a type guard. Where an adapter lists `capabilities`, a method that is not in the list
 * does not count.
 */
export function supports<A extends StorageAdapter, C extends Capability>(
  adapter: A,
  capability: C,
): adapter is A & Pick<StorageCapabilities, C> {
  const method = (adapter as A & Partial<StorageCapabilities>)[capability];
  return typeof method === 'function' && (adapter.capabilities?.includes(capability) ?? true);
}
