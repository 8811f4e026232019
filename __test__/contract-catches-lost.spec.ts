/** Bugs of stores in memory that write some of what they are told to a disk, and forget it of the ways that few take. */
import { join } from 'node:path';

import { SQLiteStorageAdapter } from '../ts/index.js';
import { failuresOnDisk, testThatEachIsCaught, type Bug, type Planted } from './support/planted.js';

const KEPT = 'should keep over a restart what it was given, and lose what it was told to, by every way';

/** What a way does is undone when the adapter is closed: `sessions` and `values` tell it what to restore. */
const lost =
  (
    way: (
      adapter: SQLiteStorageAdapter,
      sessions: (ids: Iterable<string>) => Promise<void>,
      values: (keys: Iterable<string>) => Promise<void>,
    ) => Partial<SQLiteStorageAdapter>,
  ): Bug<SQLiteStorageAdapter> =>
  (adapter) => {
    const undo: (() => Promise<unknown>)[] = [];
    const sessions = async (ids: Iterable<string>): Promise<void> => {
      for (const id of ids) {
        const before = await adapter.getSession(id);
        undo.push(() => (before === null ? adapter.deleteSession(id) : adapter.saveSession(id, before)));
      }
    };
    const values = async (keys: Iterable<string>): Promise<void> => {
      for (const key of keys) {
        const before = await adapter.get<unknown>(key);
        undo.push(() => (before === null ? adapter.delete(key) : adapter.set(key, before)));
      }
    };
    return {
      ...way(adapter, sessions, values),
      close: async () => {
        for (const step of undo.splice(0)) await step();
        await adapter.close();
      },
    };
  };

/** One bug each, planted into an adapter that has none, and the test that must catch it. */
const planted: Planted<SQLiteStorageAdapter> = {
  'messages that were appended are in memory only': [
    lost((adapter, sessions) => ({
      appendMessages: async (id, messages) => (await sessions([id]), adapter.appendMessages(id, messages)),
    })),
    KEPT,
  ],
  'a session that was saved with its version is in memory only': [
    lost((adapter, sessions) => ({
      saveVersioned: async (id, session, options) => (
        await sessions([id]),
        adapter.saveVersioned(id, session, options)
      ),
    })),
    KEPT,
  ],
  'a batch of sessions is in memory only': [
    lost((adapter, sessions) => ({
      saveSessions: async (pairs) => (await sessions([...pairs].map(([id]) => id)), adapter.saveSessions(pairs)),
    })),
    KEPT,
  ],
  'a batch of sessions that was deleted comes back': [
    lost((adapter, sessions) => ({
      deleteSessions: async (ids) => (await sessions(ids), adapter.deleteSessions(ids)),
    })),
    KEPT,
  ],
  'a batch of values is in memory only': [
    lost((adapter, _sessions, values) => ({
      setMany: async (pairs, ttl) => (await values([...pairs].map(([key]) => key)), adapter.setMany(pairs, ttl)),
    })),
    KEPT,
  ],
  'a batch of keys that was deleted comes back': [
    lost((adapter, _sessions, values) => ({
      deleteMany: async (keys) => (await values(keys), adapter.deleteMany(keys)),
    })),
    KEPT,
  ],
  'what was pruned comes back': [
    lost((adapter, sessions) => ({
      prune: async (options) => (await sessions(await adapter.listSessions()), adapter.prune(options)),
    })),
    KEPT,
  ],
};

const ways = ['appendMessages', 'getVersioned', 'saveVersioned', 'saveSessions', 'deleteSessions', 'setMany', 'deleteMany', 'prune'] as const; // prettier-ignore

testThatEachIsCaught(
  planted,
  failuresOnDisk(
    (directory) => new SQLiteStorageAdapter({ path: join(directory, 'sessions.db'), durability: 'process' }),
    { supports: ways },
  ),
);
