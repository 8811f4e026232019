import { join } from 'node:path';

import type { ChatSession, ListOptions, StorageAdapter } from '../ts/index.js';
import { testStorageAdapterContract } from '../ts/testing/index.js';
import { failuresOf } from './support/mini-runner.js';
import { JsonFileAdapter } from './support/plain-adapter.cjs';
import { withBug, type Bug } from './support/planted.js';
import { temporaryDirectory } from './support/temporary.js';

/** One bug each, planted into an adapter that has none, and the test that must catch it. */
const planted: Record<string, [bug: Bug<StorageAdapter>, caughtBy: string]> = {
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
  'deleting always says yes': [
    (adapter) => ({ deleteSession: async (id) => (await adapter.deleteSession(id), true) }),
    'should delete a session, once',
  ],
  'the oldest comes first': [
    (adapter) => ({ listSessions: (options) => adapter.listSessions({ order: 'asc', ...options }) }),
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
  'falsy values are taken for missing': [
    (adapter) => ({ get: async <V>(key: string) => (await adapter.get<V>(key)) || null }),
    'should get values of every JSON type',
  ],
  'has() looks at the value': [
    (adapter) => ({ has: async (key) => (await adapter.get(key)) !== null }),
    'should tell whether it has a key',
  ],
  'the ttl is ignored': [
    (adapter) => ({ set: (key, value) => adapter.set(key, value) }),
    'should let a value expire after its ttl, and only then',
  ],
  'the ttl is in milliseconds': [
    (adapter) => ({
      set: (key, value, ttl) => (ttl === undefined ? adapter.set(key, value) : adapter.set(key, value, ttl / 1000)),
    }),
    'should let a value expire after its ttl, and only then',
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
  'it claims to be volatile and is not': [
    () => ({ persistent: false }),
    'should survive a restart, unless it says that it does not',
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

function contractFailures(bug: Bug<StorageAdapter>): Promise<string[]> {
  let file = '';
  const open = (): StorageAdapter => withBug(new JsonFileAdapter(file), bug);
  const create = (): StorageAdapter => {
    file = join(temporaryDirectory(), 'store.json');
    return open();
  };
  return failuresOf(() => testStorageAdapterContract('planted', create, undefined, { reopen: open }));
}

test('without a bug no test fails', async () => {
  expect(await contractFailures(() => ({}))).toEqual([]);
});

test.each(Object.keys(planted))(
  'it catches: %s',
  async (name) => {
    const [bug, caughtBy] = planted[name] as [Bug<StorageAdapter>, string];
    expect(await contractFailures(bug)).toContain(caughtBy);
  },
  30_000,
);
