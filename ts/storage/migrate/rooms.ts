/** The two rooms of a store as a migration sees them: what to copy, how to copy it, whether it is there already. */
import type { StorageAdapter } from '../adapter.js';
import { supports } from '../capabilities.js';
import { fingerprintOfSession, fingerprintOfValue, type Fingerprint } from './contents.js';

/** One session or key. */
export interface Item extends Fingerprint {
  /** Milliseconds since the epoch; `Infinity`: it stays, or there is nobody who could tell. */
  expiresAt: number;
  saveTo(store: StorageAdapter): Promise<void>;
}

/** Reads an item; null where there is none. */
export type Read = (store: StorageAdapter, id: string) => Promise<Item | null>;

export const readSession: Read = async (store, id) => {
  const session = await store.getSession(id);
  if (session === null) return null;
  return {
    ...fingerprintOfSession(session),
    expiresAt: Infinity,
    saveTo: (other) => other.saveSession(id, session),
  };
};

/** `ttl`, in seconds, is for keys whose end the store cannot tell. */
export const readKey =
  (ttl?: number): Read =>
  async (store, key) => {
    const value = await store.get<unknown>(key);
    const expiresAt = await expiryOf(store, key, value);
    if (expiresAt === null || expiresAt <= Date.now()) return null;
    const left = (): number | undefined => {
      if (expiresAt !== Infinity) return (expiresAt - Date.now()) / 1000;
      return supports(store, 'getExpiry') ? undefined : ttl;
    };
    return { ...fingerprintOfValue(value), expiresAt, saveTo: (other) => setUnlessOver(other, key, value, left()) };
  };

/** When a key ends; null where there is none. */
async function expiryOf(store: StorageAdapter, key: string, value: unknown): Promise<number | null> {
  if (supports(store, 'getExpiry')) return store.getExpiry(key);
  // A key may hold null.
  return value !== null || (await store.has(key)) ? Infinity : null;
}

async function setUnlessOver(
  store: StorageAdapter,
  key: string,
  value: unknown,
  ttl: number | undefined,
): Promise<void> {
  if (ttl === undefined || ttl > 0) await store.set(key, value, ttl);
}

/** Stores count the time a key has left from the moment it is set. */
const SAME_END_MS = 1_000;

/** Whether an item is there as it should be. An end that only one of the stores can tell cannot be compared. */
export function isSame(item: Item, there: Item | null, compareEnds: boolean): boolean {
  if (there?.digest !== item.digest) return false;
  if (!compareEnds || item.expiresAt === there.expiresAt) return true;
  return Math.abs(item.expiresAt - there.expiresAt) < SAME_END_MS;
}
