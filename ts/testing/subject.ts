/** What every chapter of the storage suite gets. */
import type { StorageAdapter } from '../storage/adapter.js';
import type { Capability, StorageCapabilities } from '../storage/capabilities.js';
import type { Runner } from './runner.js';

/** The adapter under test: a new one for every test. */
export interface Subject {
  adapter: StorageAdapter;
  /** Closes it and makes another one for the same place, which is not initialised yet. */
  reopen(): Promise<void>;
  /** The same, initialised. */
  restart(): Promise<void>;
}

/** The adapter under test where it does more than every adapter must. */
export interface CapableSubject extends Subject {
  adapter: StorageAdapter & StorageCapabilities;
}

/** Registers tests of what every adapter must do. */
export type BasicChapter = (runner: Runner, subject: Subject) => void;

/** Registers the tests of some capabilities; `has` tells which of them the adapter is said to have. */
export type Chapter = (runner: Runner, subject: CapableSubject, has: (capability: Capability) => boolean) => void;

/** What a promise was rejected with; null where it was not. */
export async function failureOf(promise: Promise<unknown>): Promise<Record<string, unknown> | null> {
  return promise.then(
    () => null,
    (error: unknown) => error as Record<string, unknown>,
  );
}

/** What a call gives; false where it is refused, or throws. */
export async function orRefused(call: () => Promise<boolean>): Promise<boolean> {
  return Promise.resolve()
    .then(call)
    .catch(() => false);
}

/** What a call is rejected with. Throws where it is not, and where it throws itself: methods with promises reject. */
export async function rejectionOf(call: () => Promise<unknown>): Promise<Record<string, unknown>> {
  const failure = await failureOf(call());
  if (failure === null) throw new Error('it was to be refused, and was not');
  return failure;
}

/** Everything that an iteration gives. */
export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

/** Removed at one go by those who remove what they see: less than a page is likely to be, and few waits. */
const AT_ONCE = 100;

/** Everything that an iteration gives while what has been seen is removed. */
export async function collectRemoving(
  items: AsyncIterable<string>,
  remove: (item: string) => Promise<unknown>,
): Promise<string[]> {
  const all: string[] = [];
  for await (const item of items) {
    all.push(item);
    if (all.length % AT_ONCE === 0) await Promise.all(all.slice(-AT_ONCE).map(remove));
  }
  return all;
}

/** The getter of a member that nobody can read, and so nobody can store. */
export function thrower(): never {
  throw new Error('it cannot be stored');
}
