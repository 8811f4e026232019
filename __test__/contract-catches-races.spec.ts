/** Bugs that lose what was acknowledged: ttls that are given anew, and calls that come while another one is under way. */
import { setTimeout as delay } from 'node:timers/promises';

import { InMemoryStorageAdapter, type ChatMessage, type ChatSession } from '../ts/index.js';
import { failuresInMemory, testThatEachIsCaught, type Bug, type Planted } from './support/planted.js';

type Memory = InMemoryStorageAdapter;

const TTL = 'should let a value expire after its ttl, and only then';
const TTL_OF_MANY = 'should let each of many values expire after their ttl, and only then';
const ENDED = 'should keep what is set while a key that has ended is read';
const PRUNED = 'should keep what is saved while old sessions are pruned';
const DELETED = 'should leave deleted what was appended to just before';
const PASSED = 'should refuse a version of before a call that nobody has waited for';
const ORDER = 'should answer calls that nobody waits for in the order in which they were made';

const seconds = (ttl: unknown): ttl is number => typeof ttl === 'number' && ttl > 0;

/** Values are taken at the call, so that what comes after a wait is what was given. */
const frozen = async (session: ChatSession): Promise<ChatSession> => {
  const scratch = new InMemoryStorageAdapter();
  await scratch.saveSession('s', session);
  return (await scratch.getSession('s')) as ChatSession;
};

/** The first end of a key is kept for as long as it lives: `EXPIRE … NX`, or an upsert that leaves `expires_at` as it is. */
const firstEndStays: Bug<Memory> = (adapter) => {
  const ends = new Map<string, number>();
  const left = (key: string, ttl: number): number => {
    const end = ends.get(key) ?? 0;
    if (end > Date.now()) return (end - Date.now()) / 1000;
    ends.set(key, Date.now() + ttl * 1000);
    return ttl;
  };
  return {
    set: (key, value, ttl, options) => {
      if (ttl === undefined) ends.delete(key);
      return adapter.set(key, value, seconds(ttl) ? left(key, ttl) : ttl, options);
    },
    setMany: async (pairs, ttl) => {
      const all = [...pairs];
      if (!seconds(ttl)) for (const [key] of all) ends.delete(key);
      if (!seconds(ttl)) return adapter.setMany(all, ttl);
      await Promise.all(all.map(([key, value]) => adapter.setMany([[key, value]], left(key, ttl))));
    },
    clear: () => (ends.clear(), adapter.clear()),
  };
};

/** What ends a key is a timer, which only a value without a ttl takes away. */
const firstTimerStays: Bug<Memory> = (adapter) => {
  const timers = new Map<string, NodeJS.Timeout>();
  const timed = async (keys: string[], ttl: number | undefined, set: () => Promise<void>): Promise<void> => {
    await set();
    for (const key of keys) {
      if (ttl === undefined) clearTimeout(timers.get(key));
      else if (ttl < 1_000) timers.set(key, setTimeout(() => void adapter.delete(key).catch(() => false), ttl * 1000).unref()); // prettier-ignore
    }
  };
  return {
    set: (key, value, ttl) => timed([key], ttl, () => adapter.set(key, value, ttl)),
    setMany: (pairs, ttl) => {
      const all = [...pairs];
      return timed(all.map(([key]) => key), ttl, () => adapter.setMany(all, ttl)); // prettier-ignore
    },
  };
};

/** Whoever meets a key that has ended deletes it, a trip later, and whatever it is by then. */
const deletedByReaders =
  (isDeleted: (expiry: number | null) => boolean): Bug<Memory> =>
  (adapter) => {
    const ends = new Map<string, number>();
    const met = async <T>(key: string, answer: Promise<T>): Promise<T> => {
      const end = ends.get(key) ?? Infinity;
      const read = await answer;
      if (end <= Date.now() && isDeleted(await adapter.getExpiry(key))) await adapter.delete(key);
      return read;
    };
    return {
      set: async (key, value, ttl, options) => {
        await adapter.set(key, value, ttl, options);
        ends.set(key, Date.now() + (ttl ?? Infinity) * 1000);
      },
      get: <V>(key: string) => met(key, adapter.get<V>(key)),
      has: (key) => met(key, adapter.has(key)),
    };
  };

const olds = async (adapter: Memory, updatedBefore: Date | number): Promise<string[]> =>
  adapter.listSessions({ updatedBefore });

/** One bug each, planted into an adapter that has none, and the test that must catch it. */
const planted: Planted<Memory> = {
  'a ttl that is given anew is ignored': [firstEndStays, TTL],
  'a ttl that many are given anew is ignored': [firstEndStays, TTL_OF_MANY],
  'a ttl that is given anew leaves the timer of the first one': [firstTimerStays, TTL],
  'a ttl that many are given anew leaves the timers of the first one': [firstTimerStays, TTL_OF_MANY],
  'whoever reads a key that has ended deletes it later': [deletedByReaders(() => true), ENDED],
  'whoever reads a key that has ended deletes it later, unless it stays by then': [
    deletedByReaders((expiry) => expiry !== Infinity),
    ENDED,
  ],
  'it lists what is old, waits, and deletes that': [
    (adapter) => ({
      prune: async (options) => {
        const report = await adapter.prune({ ...options, dryRun: true });
        if (options.dryRun === true) return report;
        const ids = await olds(adapter, options.updatedBefore);
        await delay(5);
        await adapter.deleteSessions(ids);
        return { ...report, dryRun: false };
      },
    }),
    PRUNED,
  ],
  'it waits, lists what is old, and deletes that a moment later': [
    (adapter) => ({
      prune: async (options) => {
        await delay(5);
        const report = await adapter.prune({ ...options, dryRun: true });
        for (const id of await olds(adapter, options.updatedBefore)) {
          await new Promise(setImmediate);
          await adapter.deleteSession(id);
        }
        return { ...report, dryRun: false };
      },
    }),
    PRUNED,
  ],
  'an append writes back what was deleted meanwhile': [
    (adapter) => ({
      appendMessages: async (id, messages) => {
        const appending = adapter.appendMessages(id, messages);
        const after = adapter.getSession(id);
        const count = await appending;
        const session = await after;
        if (session !== null && (await adapter.getSession(id)) === null) await adapter.saveSession(id, session);
        return count;
      },
    }),
    DELETED,
  ],
  'messages are read as they were before what is being appended': [
    (adapter) => {
      const before = new Map<string, Promise<ChatMessage[] | null>>();
      return {
        appendMessages: (id, messages) => {
          if (!before.has(id)) before.set(id, adapter.getMessages(id));
          const appending = adapter.appendMessages(id, messages);
          const done = (): boolean => before.delete(id);
          appending.then(done, done);
          return appending;
        },
        getMessages: (id, range) => (range === undefined && before.get(id)) || adapter.getMessages(id, range),
      };
    },
    ORDER,
  ],
  'a version is compared with that of before what is being appended': [
    (adapter) => {
      const before = new Map<string, ReturnType<Memory['getVersioned']>>();
      return {
        appendMessages: (id, messages) => {
          before.set(id, adapter.getVersioned(id));
          const appending = adapter.appendMessages(id, messages);
          const done = (): boolean => before.delete(id);
          appending.then(done, done);
          return appending;
        },
        saveVersioned: async (id, session, options) => {
          const [was, taken] = [before.get(id), frozen(session)];
          if (was === undefined) return adapter.saveVersioned(id, session, options);
          if ((await was)?.version !== options.ifVersion) return adapter.saveVersioned(id, await taken, options);
          const ifVersion = (await adapter.getVersioned(id))?.version ?? null;
          return adapter.saveVersioned(id, await taken, { ifVersion });
        },
      };
    },
    PASSED,
  ],
  'a session is made by its version where there is one': [
    (adapter) => ({
      saveVersioned: async (id, session, options) => {
        if (options.ifVersion !== null) return adapter.saveVersioned(id, session, options);
        await adapter.saveSession(id, session);
        return { version: (await adapter.getVersioned(id))?.version ?? 0 };
      },
    }),
    ORDER,
  ],
};

testThatEachIsCaught(planted, failuresInMemory({ supports: new InMemoryStorageAdapter().capabilities, strict: true }));
