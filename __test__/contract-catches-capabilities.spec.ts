import { InMemoryStorageAdapter, type ChatSession, type ListOptions } from '../ts/index.js';
import { testStorageAdapterContract } from '../ts/testing/index.js';
import { failuresOf } from './support/mini-runner.js';
import { withBug, type Bug } from './support/planted.js';

type Memory = InMemoryStorageAdapter;

const entries = <T>(pairs: Iterable<readonly [string, T]>): (readonly [string, T])[] => [...pairs];

/** One bug each, planted into an adapter that has none, and the test that must catch it. */
const planted: Record<string, [bug: Bug<Memory>, caughtBy: string]> = {
  'it claims what it has not': [
    () => ({ capabilities: ['getSessions'] }),
    'should have every method that it is said to have',
  ],
  'an append gives what it added': [
    (adapter) => ({
      appendMessages: async (id, messages) => (await adapter.appendMessages(id, messages), messages.length),
    }),
    'should append messages as they are at the call, and give the new count',
  ],
  'messages are taken when the loop gets to it': [
    (adapter) => ({
      appendMessages: async (id, messages) => {
        await Promise.resolve();
        return adapter.appendMessages(id, messages);
      },
    }),
    'should append messages as they are at the call, and give the new count',
  ],
  'an append forgets updatedAt': [
    (adapter) => ({
      appendMessages: async (id, messages) => {
        const before = await adapter.getSession(id);
        if (before === null) return adapter.appendMessages(id, messages);
        await adapter.saveSession(id, { ...before, messages: [...before.messages, ...messages] });
        return before.messages.length + messages.length;
      },
    }),
    'should make updatedAt the later of what is stored and now',
  ],
  'an append brings updatedAt back from the future': [
    (adapter) => ({
      appendMessages: async (id, messages) => {
        const before = await adapter.getSession(id);
        if (before !== null) await adapter.saveSession(id, { ...before, updatedAt: new Date(0) });
        return adapter.appendMessages(id, messages);
      },
    }),
    'should make updatedAt the later of what is stored and now',
  ],
  'appends read, wait and write': [
    (adapter) => ({
      appendMessages: async (id, messages) => {
        const before = await adapter.getSession(id);
        await new Promise(setImmediate);
        if (before !== null) await adapter.saveSession(id, before);
        return adapter.appendMessages(id, messages);
      },
    }),
    'should append in the order of the calls, between the saves',
  ],
  'an append makes a session': [
    (adapter) => ({
      appendMessages: async (id, messages) => {
        const at = new Date();
        if ((await adapter.getSession(id)) === null)
          await adapter.saveSession(id, { id, messages: [], createdAt: at, updatedAt: at });
        return adapter.appendMessages(id, messages);
      },
    }),
    'should refuse to append to a session that is not there, and make none',
  ],
  'before is inclusive': [
    (adapter) => ({
      getMessages: (id, range = {}) =>
        adapter.getMessages(id, range.before === undefined ? range : { ...range, before: range.before + 1 }),
    }),
    'should give the part that is asked for',
  ],
  'the limit takes the newest': [
    (adapter) => ({
      getMessages: async (id, { limit, ...range } = {}) => {
        const messages = await adapter.getMessages(id, range);
        return limit === undefined ? messages : (messages?.slice(Math.max(0, messages.length - limit)) ?? null);
      },
    }),
    'should give the part that is asked for',
  ],
  'of a missing session there are no messages': [
    (adapter) => ({ getMessages: async (id, range) => (await adapter.getMessages(id, range)) ?? [] }),
    'should give messages as they were saved, and null where there is no session',
  ],
  'the info has an old count': [
    (adapter) => ({
      getSessionInfo: async (id) => {
        const info = await adapter.getSessionInfo(id);
        return info && { ...info, messageCount: info.messageCount - 1 };
      },
    }),
    'should tell of a session without its messages',
  ],
  'the info has a version of its own': [
    (adapter) => ({
      getSessionInfo: async (id) => {
        const info = await adapter.getSessionInfo(id);
        return info && { ...info, version: 0 };
      },
    }),
    'should tell of a session without its messages',
  ],
  'a session with a version is taken when the loop gets to it': [
    (adapter) => ({
      saveVersioned: async (id, session, options) => {
        await Promise.resolve();
        return adapter.saveVersioned(id, session, options);
      },
    }),
    'should give a session with its version, and null where there is none',
  ],
  'a version is not compared': [
    (adapter) => ({
      saveVersioned: async (id, session) => {
        await adapter.saveSession(id, session);
        return { version: (await adapter.getVersioned(id))?.version ?? 0 };
      },
    }),
    'should save over the version that was read, and over no other',
  ],
  'null means any version': [
    (adapter) => ({
      saveVersioned: async (id, session, { ifVersion }) => {
        const stored = await adapter.getVersioned(id);
        return adapter.saveVersioned(id, session, { ifVersion: ifVersion ?? stored?.version ?? null });
      },
    }),
    'should save over the version that was read, and over no other',
  ],
  'a conflict does not tell the versions': [
    (adapter) => ({
      saveVersioned: (id, session, options) =>
        adapter.saveVersioned(id, session, options).catch(() => {
          throw Object.assign(new Error('lost'), { code: 'ERR_CONFLICT' });
        }),
    }),
    'should tell the loser both versions, and write nothing of its',
  ],
  'the loser is written all the same': [
    (adapter) => ({
      saveVersioned: async (id, session, options) => {
        const saving = adapter.saveVersioned(id, session, options);
        await saving.catch(() => adapter.saveSession(id, session));
        return saving;
      },
    }),
    'should tell the loser both versions, and write nothing of its',
  ],
  'versions begin anew with a session': [
    (adapter) => {
      const first = new Map<string, number>();
      const shifted = (id: string, version: number): number => version - (first.get(id) ?? version - 1);
      return {
        deleteSession: async (id) => {
          const { version = 0 } = (await adapter.getVersioned(id)) ?? {};
          first.set(id, version);
          return adapter.deleteSession(id);
        },
        getVersioned: async (id) => {
          const read = await adapter.getVersioned(id);
          return read && { ...read, version: first.has(id) ? shifted(id, read.version) : read.version };
        },
      };
    },
    'should have versions grow with every change, also across deleting a session',
  ],
  'versions are compared before the write has its turn': [
    (adapter) => ({
      saveVersioned: async (id, session, { ifVersion }) => {
        const stored = await adapter.getVersioned(id);
        const actual = stored?.version ?? null;
        if (actual !== ifVersion) return adapter.saveVersioned(id, session, { ifVersion });
        await new Promise(setImmediate);
        await adapter.saveSession(id, session);
        return { version: (await adapter.getVersioned(id))?.version ?? 0 };
      },
    }),
    'should let one of many who read the same version win',
  ],
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

function contractFailures(bug: Bug<Memory>): Promise<string[]> {
  const create = (): Memory => withBug(new InMemoryStorageAdapter(), bug);
  const { capabilities: supports } = new InMemoryStorageAdapter();
  return failuresOf(() => testStorageAdapterContract('planted', create, undefined, { supports }));
}

test('without a bug no test fails', async () => {
  expect(await contractFailures(() => ({}))).toEqual([]);
});

test.each(Object.keys(planted))(
  'it catches: %s',
  async (name) => {
    const [bug, caughtBy] = planted[name] as [Bug<Memory>, string];
    expect(await contractFailures(bug)).toContain(caughtBy);
  },
  30_000,
);
