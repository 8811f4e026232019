/** Bugs of what concerns many at once: batches, iteration, pruning, expiry. */
import { InMemoryStorageAdapter, type ChatSession, type ListOptions } from '../ts/index.js';
import { failuresInMemory, testThatEachIsCaught, type Bug, type Planted } from './support/planted.js';

type Memory = InMemoryStorageAdapter;

const entries = <T>(pairs: Iterable<readonly [string, T]>): (readonly [string, T])[] => [...pairs];

const EXPIRE = 'should let each of many values expire after their ttl, and only then';

/** The ttl of a batch is taken for another one. */
const ofBatches =
  (taken: (ttl: number) => number | undefined): Bug<Memory> =>
  (adapter) => ({
    setMany: (pairs, ttl) => adapter.setMany(pairs, ttl === undefined ? undefined : taken(ttl)),
  });

/** One bug each, planted into an adapter that has none, and the test that must catch it. */
const planted: Planted<Memory> = {
  'missing sessions are in the batch': [
    (adapter) => ({
      getSessions: async (ids) => {
        const all = [...ids];
        const found = await adapter.getSessions(all);
        return new Map(all.map((id) => [id, found.get(id) as ChatSession]));
      },
    }),
    'should get the sessions that there are, in the order of the ids',
  ],
  'sessions without messages are not in the batch': [
    (adapter) => ({
      getSessions: async (ids) =>
        new Map([...(await adapter.getSessions(ids))].filter(([, { messages }]) => messages.length > 0)),
    }),
    'should get the sessions that there are, in the order of the ids',
  ],
  'a batch of saves stops in the middle': [
    (adapter) => ({
      saveSessions: async (pairs) => {
        for (const [id, session] of pairs) await adapter.saveSession(id, session);
      },
    }),
    'should save all sessions, or none',
  ],
  'a batch of saves is taken when the loop gets to it': [
    (adapter) => ({
      saveSessions: async (pairs) => {
        const all = [...pairs];
        await Promise.resolve();
        await adapter.saveSessions(all);
      },
    }),
    'should save all sessions, or none',
  ],
  'a batch of saves leaves what was there': [
    (adapter) => ({
      saveSessions: async (pairs) => {
        const all = structuredClone([...pairs]);
        const there = await adapter.getSessions(all.map(([id]) => id));
        await adapter.saveSessions(all.filter(([id]) => !there.has(id)));
      },
    }),
    'should save all sessions, or none',
  ],
  'a batch counts what was not there': [
    (adapter) => ({
      deleteSessions: async (ids) => {
        const all = [...ids];
        await adapter.deleteSessions(all);
        return all.length;
      },
    }),
    'should delete sessions, and tell how many there were',
  ],
  'null is taken for missing in a batch': [
    (adapter) => ({
      getMany: async (keys) => new Map([...(await adapter.getMany(keys))].filter(([, value]) => value !== null)),
    }),
    'should get the values that there are, in the order of the keys',
  ],
  'what has expired is in the batch': [
    (adapter) => {
      const all = new Map<string, unknown>();
      return {
        set: (key, value, ttl) => (all.set(key, value), adapter.set(key, value, ttl)),
        getMany: async <V>(keys: Iterable<string>) =>
          new Map([...keys].filter((key) => all.has(key)).map((key) => [key, all.get(key) as V])),
      };
    },
    'should get the values that there are, in the order of the keys',
  ],
  'a batch of values is taken when the loop gets to it': [
    (adapter) => ({
      setMany: async (pairs, ttl) => {
        const all = [...pairs];
        await Promise.resolve();
        await adapter.setMany(all, ttl);
      },
    }),
    'should set all values, or none',
  ],
  'a batch of values stops in the middle': [
    (adapter) => ({
      setMany: async (pairs, ttl) => {
        for (const [key, value] of pairs) await adapter.set(key, value, ttl);
      },
    }),
    'should set all values, or none',
  ],
  'a batch gives its ttl to the first': [
    (adapter) => ({
      setMany: async (pairs, ttl) => {
        const [first, ...rest] = entries(pairs);
        await adapter.setMany(rest);
        if (first !== undefined) await adapter.setMany([first], ttl);
      },
    }),
    'should let each of many values expire after their ttl, and only then',
  ],
  'a long ttl of a batch is a timer of 32 bits': [
    (adapter) => ({
      setMany: async (pairs, ttl) => {
        const all = [...pairs];
        await adapter.setMany(all, ttl);
        if (ttl !== undefined && ttl * 1000 > 2 ** 31 - 1) await adapter.deleteMany(all.map(([key]) => key));
      },
    }),
    'should let each of many values expire after their ttl, and only then',
  ],
  'the ttl of a batch is in milliseconds': [ofBatches((ttl) => ttl / 1000), EXPIRE],
  'the ttl of a batch is in whole seconds, rounded up': [ofBatches(Math.ceil), EXPIRE],
  'the ttl of a batch is in whole seconds, where there is one': [ofBatches((ttl) => Math.floor(ttl) || ttl), EXPIRE],
  'the ttl of a batch is a minute at the most': [ofBatches((ttl) => Math.min(ttl, 60)), EXPIRE],
  'the ttl of a batch is an hour at the most, or none': [ofBatches((ttl) => (ttl > 3_600 ? undefined : ttl)), EXPIRE],
  'a ttl is a day at the most, or none': [
    (adapter) => ({ set: (key, value, ttl = Infinity) => adapter.set(key, value, ttl > 86_400 ? undefined : ttl) }),
    'should tell when a key ends',
  ],
  'a batch counts a key twice': [
    (adapter) => ({
      deleteMany: async (keys) => {
        const all = [...keys];
        const there = await Promise.all(all.map((key) => adapter.has(key)));
        await adapter.deleteMany(all);
        return there.filter(Boolean).length;
      },
    }),
    'should delete values, and tell how many there were',
  ],
  'a batch counts what has expired': [
    (adapter) => {
      const all = new Set<string>();
      return {
        set: (key, value, ttl) => (all.add(key), adapter.set(key, value, ttl)),
        deleteMany: async (keys) => {
          const wanted = [...keys];
          await adapter.deleteMany(wanted);
          return wanted.filter((key) => all.delete(key)).length;
        },
      };
    },
    'should delete values, and tell how many there were',
  ],
  'only the first page is iterated': [
    (adapter) => ({
      async *sessions(options: ListOptions = {}) {
        yield* await adapter.listSessions({ ...options, limit: Math.min(options.limit ?? 1_000, 1_000) });
      },
    }),
    'should give what listSessions gives, across pages',
  ],
  'every listing ends after a page': [
    (adapter) => {
      const listSessions = async (options?: ListOptions): Promise<string[]> =>
        (await adapter.listSessions(options)).slice(0, 1_000);
      return {
        listSessions,
        async *sessions(options) {
          yield* await listSessions(options);
        },
      };
    },
    'should give what listSessions gives, across pages',
  ],
  'pages go on behind the moment of the last': [
    (adapter) => ({
      async *sessions(options: ListOptions = {}) {
        const page = await adapter.listSessions({ ...options, limit: Math.min(options.limit ?? 1_000, 1_000) });
        yield* page;
        const last = await adapter.getSession(page.at(-1) ?? '-');
        if (last !== null) yield* await adapter.listSessions({ ...options, updatedBefore: last.updatedAt });
      },
    }),
    'should give what listSessions gives, across pages',
  ],
  'a session that is written comes again': [
    (adapter) => ({
      async *sessions(options: ListOptions = {}) {
        for (let offset = 0; ; offset += 5) {
          const page = await adapter.listSessions({ order: options.order ?? 'desc', limit: 5, offset });
          if (page.length === 0) return;
          yield* page;
        }
      },
    }),
    'should give each session once while others are written, and stop where the loop is left',
  ],
  'keys are in the order of UTF-16': [
    (adapter) => ({
      async *keys(options) {
        const all: string[] = [];
        for await (const key of adapter.keys(options)) all.push(key);
        yield* all.sort();
      },
    }),
    'should give all living keys by code points, across pages',
  ],
  'a prefix is a pattern': [
    (adapter) => ({
      async *keys({ prefix = '' } = {}) {
        const pattern = new RegExp(`^${prefix.replaceAll('%', '.*').replaceAll('_', '.')}`);
        for await (const key of adapter.keys()) if (pattern.test(key)) yield key;
      },
    }),
    'should give only keys that begin as asked for',
  ],
  'the bound of a prune is inclusive': [
    (adapter) => ({
      prune: ({ updatedBefore, ...options }) => adapter.prune({ ...options, updatedBefore: Number(updatedBefore) + 1 }),
    }),
    'should remove sessions whose last update is earlier, and nothing else',
  ],
  'a prune cannot tell what it freed': [
    (adapter) => ({ prune: async (options) => ({ ...(await adapter.prune(options)), bytesFreed: NaN }) }),
    'should remove sessions whose last update is earlier, and nothing else',
  ],
  'a dry run is none': [
    (adapter) => ({
      prune: async (options) => ({ ...(await adapter.prune({ ...options, dryRun: false })), dryRun: true }),
    }),
    'should only count in a dry run',
  ],
  'a prune does not look at its signal': [
    (adapter) => ({ prune: ({ signal: _ignored, ...options }) => adapter.prune(options) }),
    'should do nothing once its signal has been given',
  ],
  'the end of a key is told as what is left': [
    (adapter) => ({
      getExpiry: async (key) => {
        const end = await adapter.getExpiry(key);
        return end === null ? null : end - Date.now();
      },
    }),
    'should tell when a key ends',
  ],
  'the end of a key outlasts it': [
    (adapter) => {
      const ends = new Map<string, number>();
      return {
        set: (key, value, ttl) => {
          ends.set(key, ttl === undefined ? Infinity : Date.now() + ttl * 1000);
          return adapter.set(key, value, ttl);
        },
        getExpiry: async (key) => ends.get(key) ?? null,
      };
    },
    'should tell when a key ends',
  ],
  'a key that is set anew keeps its end': [
    (adapter) => {
      const ends = new Map<string, number>();
      return {
        set: (key, value, ttl) => {
          if (ttl !== undefined) ends.set(key, Date.now() + ttl * 1000);
          return adapter.set(key, value, ttl);
        },
        getExpiry: async (key) => ((await adapter.has(key)) ? (ends.get(key) ?? Infinity) : null),
      };
    },
    'should tell when a key ends',
  ],
  'verifying counts nothing': [
    () => ({ verify: async () => ({ sessions: 0, keys: 0, messages: 0, damaged: [] }) }),
    'should find nothing damaged in what it has just written, and count it',
  ],
};

testThatEachIsCaught(planted, failuresInMemory({ supports: new InMemoryStorageAdapter().capabilities }));

describe('where nobody tells when keys end', () => {
  const ttls = Object.entries(planted).filter(([, [, caughtBy]]) => caughtBy === EXPIRE);
  // What is longer than a test waits for is for those to see who can ask.
  const seen = ttls.filter(([name]) => / is in | gives | timer /.test(name));
  testThatEachIsCaught(Object.fromEntries(seen), failuresInMemory({ supports: ['setMany'] }));
});
