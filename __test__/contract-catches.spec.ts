import { join } from 'node:path';

import type { ChatSession, ListOptions, StorageAdapter } from '../ts/index.js';
import { testStorageAdapterContract } from '../ts/testing/index.js';
import { failuresOf } from './support/mini-runner.js';
import { JsonFileAdapter } from './support/plain-adapter.cjs';
import { failuresOnDisk, testThatEachIsCaught, withBug, type Bug, type Planted } from './support/planted.js';
import { temporaryDirectory } from './support/temporary.js';

/** One bug each, planted into an adapter that has none, and the test that must catch it. */
const planted: Planted<StorageAdapter> = {
  'a second save does nothing': [
    (adapter) => ({
      saveSession: async (id, session) =>
        (await adapter.getSession(id)) === null ? adapter.saveSession(id, session) : undefined,
    }),
    'should save a session, and save it again',
  ],
  'the session is stored when the loop gets to it': [
    (adapter) => ({
      saveSession: async (id, session) => {
        await Promise.resolve();
        await adapter.saveSession(id, session);
      },
    }),
    'should retrieve a copy of a session as it was saved, dates as dates',
  ],
  'dates come back as text': [
    (adapter) => ({
      getSession: async (id) => JSON.parse(JSON.stringify(await adapter.getSession(id))) as ChatSession | null,
    }),
    'should retrieve a copy of a session as it was saved, dates as dates',
  ],
  'the session is stored under its own id': [
    (adapter) => ({ saveSession: (_id, session) => adapter.saveSession(session.id, session) }),
    'should retrieve a copy of a session as it was saved, dates as dates',
  ],
  'the session is copied at its own level only': [
    (adapter) => ({
      saveSession: async (id, session) => {
        const copy = { ...session, messages: [...session.messages] };
        await Promise.resolve();
        await adapter.saveSession(id, copy);
      },
    }),
    'should retrieve a copy of a session as it was saved, dates as dates',
  ],
  'members that are not known are left out': [
    (adapter) => ({
      saveSession: (id, { activeAgent, context = {}, messages, createdAt, updatedAt }) =>
        adapter.saveSession(id, { id, activeAgent: activeAgent ?? '', context, messages, createdAt, updatedAt }),
    }),
    'should save a session, and save it again',
  ],
  'everybody gets the same session': [
    (adapter) => {
      const given = new Map<string, ChatSession | null>();
      return {
        saveSession: async (id, session) => (given.delete(id), adapter.saveSession(id, session)),
        getSession: async (id) => {
          if (!given.has(id)) given.set(id, await adapter.getSession(id));
          return given.get(id) ?? null;
        },
      };
    },
    'should retrieve a copy of a session as it was saved, dates as dates',
  ],
  'ids are told apart by their letters, not by their case': [
    (adapter) => ({ deleteSession: (id) => adapter.deleteSession(id.toLowerCase()) }),
    'should delete a session, once',
  ],
  'sessions and keys have one room': [
    (adapter) => ({ deleteSession: async (id) => (await adapter.delete(id), adapter.deleteSession(id)) }),
    'should delete a session, once',
  ],
  'deleting always says yes': [
    (adapter) => ({ deleteSession: async (id) => (await adapter.deleteSession(id), true) }),
    'should delete a session, once',
  ],
  'the oldest comes first': [
    (adapter) => ({ listSessions: (options) => adapter.listSessions({ order: 'asc', ...options }) }),
    'should list sessions, the newest update first',
  ],
  'the order is always that of the last update': [
    (adapter) => ({
      listSessions: ({ orderBy, ...options }: ListOptions = {}) =>
        adapter.listSessions(orderBy === 'id' ? { orderBy, ...options } : options),
    }),
    'should list sessions, the newest update first',
  ],
  'ties stay in the order in which they came': [
    (adapter) => ({
      listSessions: async ({ orderBy = 'updatedAt', order = 'desc', ...options }: ListOptions = {}) => {
        const all = await Promise.all(
          ['a', 'd', 'b', 'c'].map(async (id) => ({ ...(await adapter.getSession(id)), id })),
        );
        if (orderBy === 'id' || all.some(({ updatedAt }) => updatedAt === undefined))
          return adapter.listSessions({ orderBy, order, ...options });
        const sign = order === 'asc' ? 1 : -1;
        return all.sort((one, other) => sign * (Number(one[orderBy]) - Number(other[orderBy]))).map(({ id }) => id);
      },
    }),
    'should list sessions, the newest update first',
  ],
  'the offset is ignored': [
    (adapter) => ({
      listSessions: ({ offset: _ignored, ...options }: ListOptions = {}) => adapter.listSessions(options),
    }),
    'should list sessions page by page',
  ],
  'a limit of 0 means all': [
    (adapter) => ({
      listSessions: ({ limit, ...options }: ListOptions = {}) =>
        adapter.listSessions(limit === undefined || limit === 0 ? options : { ...options, limit }),
    }),
    'should list sessions page by page',
  ],
  'filters are ignored': [
    (adapter) => ({
      listSessions: ({ activeAgent: _ignored, ...options }: ListOptions = {}) => adapter.listSessions(options),
    }),
    'should list only the sessions that pass the filters',
  ],
  'updatedBefore is inclusive': [
    (adapter) => ({
      listSessions: ({ updatedBefore, ...options }: ListOptions = {}) =>
        adapter.listSessions(
          updatedBefore === undefined ? options : { ...options, updatedBefore: Number(updatedBefore) + 1 },
        ),
    }),
    'should list only the sessions that pass the filters',
  ],
  'createdAfter is ignored': [
    (adapter) => ({
      listSessions: ({ createdAfter: _ignored, ...options }: ListOptions = {}) => adapter.listSessions(options),
    }),
    'should list only the sessions that pass the filters',
  ],
  'createdBefore is inclusive': [
    (adapter) => ({
      listSessions: ({ createdBefore, ...options }: ListOptions = {}) =>
        adapter.listSessions(
          createdBefore === undefined ? options : { ...options, createdBefore: Number(createdBefore) + 1 },
        ),
    }),
    'should list only the sessions that pass the filters',
  ],
  'a prefix is a pattern': [
    (adapter) => ({
      listSessions: async ({ idPrefix = '', ...options }: ListOptions = {}) => {
        const pattern = new RegExp(`^${idPrefix.replaceAll('%', '.*').replaceAll('_', '.')}`);
        return (await adapter.listSessions(options)).filter((id) => pattern.test(id));
      },
    }),
    'should list only the sessions that pass the filters',
  ],
  'a prefix may be anywhere': [
    (adapter) => ({
      listSessions: async ({ idPrefix = '', ...options }: ListOptions = {}) =>
        (await adapter.listSessions(options)).filter((id) => id.includes(idPrefix)),
    }),
    'should list only the sessions that pass the filters',
  ],
  'statistics are made up': [
    () => ({ getStats: async () => ({ backend: 'x', sessions: 0, keys: 0, sizeBytes: 0 }) }),
    'should count sessions and keys',
  ],
  'clear leaves the keys': [
    (adapter) => ({
      clear: async () => {
        for (const id of await adapter.listSessions()) await adapter.deleteSession(id);
      },
    }),
    'should clear sessions and keys',
  ],
  'what was cleared is counted': [
    (adapter) => {
      let keys = 0;
      return {
        set: (key, value, ttl) => ((keys += 1), adapter.set(key, value, ttl)),
        getStats: async () => ({ ...(await adapter.getStats()), keys }),
      };
    },
    'should clear sessions and keys',
  ],
  'what is missing is an error': [
    (adapter) => ({
      get: async <V>(key: string) => {
        if (!(await adapter.has(key))) throw new Error('not found');
        return adapter.get<V>(key);
      },
    }),
    'should answer null or false for what is not there, never an error',
  ],
  'a failed save leaves nothing': [
    (adapter) => ({
      saveSession: async (id, session) => {
        const saving = adapter.saveSession(id, session);
        await saving.catch(() => adapter.deleteSession(id));
        await saving;
      },
    }),
    'should reject what is no session, and keep what it had',
  ],
  'nothing survives a restart': [
    (adapter) => ({ close: () => adapter.clear() }),
    'should survive a restart, unless it says that it does not',
  ],
  'a second initialize() begins anew': [
    (adapter) => {
      let times = 0;
      return {
        initialize: async () => {
          await adapter.initialize();
          if ((times += 1) > 1) await adapter.clear();
        },
      };
    },
    'should survive a restart, unless it says that it does not',
  ],
  'it claims to be volatile and is not': [
    () => ({ persistent: false }),
    'should survive a restart, unless it says that it does not',
  ],
  'a read does not see what was asked for before it': [
    (adapter) => ({
      set: async (key, value, ttl) => {
        const copy = structuredClone(value) as unknown;
        await new Promise(setImmediate);
        await adapter.set(key, copy, ttl);
      },
    }),
    'should take many writes at once, those of one key in the order of their calls',
  ],
  'of writes at once the first wins': [
    (adapter) => {
      const busy = new Set<string>();
      return {
        set: async (key, value, ttl) => {
          if (busy.has(key)) return;
          busy.add(key);
          await adapter.set(key, value, ttl);
          setImmediate(() => busy.delete(key));
        },
      };
    },
    'should take many writes at once, those of one key in the order of their calls',
  ],
};

test('the adapter is closed, and the place cleaned up, although clearing fails', async () => {
  const done: string[] = [];
  const bug: Bug<StorageAdapter> = (adapter) => ({
    clear: () => Promise.reject(new Error('it cannot be cleared')),
    close: async () => (done.push('closed'), adapter.close()),
  });
  const create = (): StorageAdapter => withBug(new JsonFileAdapter(join(temporaryDirectory(), 'store.json')), bug);
  const failed = await failuresOf(() => testStorageAdapterContract('planted', create, () => void done.push('clean')));
  expect(failed).toHaveLength(18);
  expect(done.filter((step) => step === 'clean')).toHaveLength(18);
  expect(done.filter((step) => step === 'closed').length).toBeGreaterThanOrEqual(18);
});

testThatEachIsCaught(
  planted,
  failuresOnDisk((directory) => new JsonFileAdapter(join(directory, 'store.json'))),
);
