/** What a store of sessions and keys is: any object with these methods, ours or yours. */
import { isStranger, lackingMethods } from '../options.js';
import type { ChatSession } from '../types.js';

/** Which sessions `listSessions` gives, and in which order. */
export interface ListOptions {
  /** At the most so many; 0 gives none. Default: all. */
  limit?: number;
  /** So many are passed over first. Default 0. */
  offset?: number;
  /** Only sessions with this active agent. */
  activeAgent?: string;
  /** Inclusive. */
  createdAfter?: Date | number;
  /** Exclusive. */
  createdBefore?: Date | number;
  /** Inclusive. */
  updatedAfter?: Date | number;
  /** Exclusive. */
  updatedBefore?: Date | number;
  /** Only ids that begin so. */
  idPrefix?: string;
  /** Default `updatedAt`; ties go by id. */
  orderBy?: 'updatedAt' | 'createdAt' | 'id';
  /** Default `desc`: the newest first. */
  order?: 'asc' | 'desc';
}

/** What a store holds. */
export interface StorageStats {
  /** What kind of store it is, for example `sqlite`. */
  backend: string;
  sessions: number;
  /** Keys that have not expired. */
  keys: number;
  sizeBytes: number;
  [more: string]: unknown;
}

/** A place for sessions and keys. `initialize()` twice is harmless; a method called before it initialises. */
export interface StorageAdapter {
  readonly name: string;
  /** Whether what is stored is there after `close()`. Absent means yes. */
  readonly persistent?: boolean;
  /** The methods beyond these that count: see `supports`. Absent: those that it has. */
  readonly capabilities?: readonly string[];
  initialize(): Promise<void>;
  close(): Promise<void>;
  /** Stores a copy of the session as it is at the call, under `sessionId`. */
  saveSession(sessionId: string, session: ChatSession): Promise<void>;
  getSession(sessionId: string): Promise<ChatSession | null>;
  /** Whether it was there. */
  deleteSession(sessionId: string): Promise<boolean>;
  listSessions(options?: ListOptions): Promise<string[]>;
  /** `ttl` in seconds, fractions allowed; without it any earlier one is gone. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- the origin's signature
  set(key: string, value: any, ttl?: number): Promise<void>;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- the origin's signature
  get<V = any>(key: string): Promise<V | null>;
  /** Whether it was there. */
  delete(key: string): Promise<boolean>;
  has(key: string): Promise<boolean>;
  /** Removes all sessions and keys. */
  clear(): Promise<void>;
  getStats(): Promise<StorageStats>;
}

const METHODS: Readonly<Record<Exclude<keyof StorageAdapter, 'name' | 'persistent' | 'capabilities'>, true>> = {
  initialize: true,
  close: true,
  saveSession: true,
  getSession: true,
  deleteSession: true,
  listSessions: true,
  set: true,
  get: true,
  delete: true,
  has: true,
  clear: true,
  getStats: true,
};

/** Of these, what no options have: a class of those may well have a `get` and an `initialize`. */
const OF_SESSIONS: readonly string[] = ['saveSession', 'getSession', 'deleteSession', 'listSessions'];

/** What libraries that load configurations give to each part of one, an empty part as well. */
const OF_LOADED: readonly string[] = ['get', 'has'];

/** Throws a TypeError that names those of the methods (by default all) which an adapter lacks. */
export function checkComplete(adapter: StorageAdapter, methods: readonly string[] = Object.keys(METHODS)): void {
  const lacking = lackingMethods(adapter, methods);
  if (lacking.length > 0) throw new TypeError(`the adapter lacks ${lacking.join(', ')}`);
}

/**
 * Whether it is meant for an adapter, whatever it is an instance of, and whatever it lacks: `checkComplete` says that. Where
 * `options` may stand in its place, what has one of them is no adapter because of a method that they may have as well.
 */
export function isAdapter(value: unknown, options: object = {}): value is StorageAdapter {
  const members = value as Readonly<Record<string, unknown>> | null | undefined;
  const found = Object.keys(METHODS).filter((name) => typeof members?.[name] === 'function');
  if (found.some((name) => OF_SESSIONS.includes(name))) return true;
  if (found.every((name) => OF_LOADED.includes(name)) || isStranger(value)) return false;
  return !Object.keys(options).some((name) => members?.[name] !== undefined);
}
