/** Bugs of adapters that know only what they were told since they were opened, by the ways that few have. */
import { join } from 'node:path';

import { SQLiteStorageAdapter } from '../ts/index.js';
import { failuresOnDisk, testThatEachIsCaught, type Bug, type Planted } from './support/planted.js';

type Capable = SQLiteStorageAdapter;

const KEPT = 'should keep over a restart what it was given, and lose what it was told to, by every way';

/** What was written since the adapter was made: it tells of nothing else by what `way` puts in the place of its methods. */
const sinceStart =
  (way: (adapter: Capable, written: Set<string>) => Partial<Capable>): Bug<Capable> =>
  (adapter) => {
    const written = new Set<string>();
    return {
      saveSession: (id, session) => (written.add(`session ${id}`), adapter.saveSession(id, session)),
      saveSessions: (pairs) => {
        const all = [...pairs];
        for (const [id] of all) written.add(`session ${id}`);
        return adapter.saveSessions(all);
      },
      saveVersioned: (id, session, options) => (
        written.add(`session ${id}`),
        adapter.saveVersioned(id, session, options)
      ),
      set: (key, value, ttl) => (written.add(`key ${key}`), adapter.set(key, value, ttl)),
      setMany: (pairs, ttl) => {
        const all = [...pairs];
        for (const [key] of all) written.add(`key ${key}`);
        return adapter.setMany(all, ttl);
      },
      ...way(adapter, written),
    };
  };

/** One bug each, planted into an adapter that has none, and the test that must catch it. */
const planted: Planted<Capable> = {
  'after a restart there are no keys to iterate over': [
    sinceStart((adapter, written) => ({
      async *keys(options) {
        for await (const key of adapter.keys(options)) if (written.has(`key ${key}`)) yield key;
      },
    })),
    KEPT,
  ],
  'after a restart there are no sessions to iterate over': [
    sinceStart((adapter, written) => ({
      async *sessions(options) {
        for await (const id of adapter.sessions(options)) if (written.has(`session ${id}`)) yield id;
      },
    })),
    KEPT,
  ],
  'after a restart no session has messages, by its info': [
    sinceStart((adapter, written) => ({
      getSessionInfo: async (id) => {
        const info = await adapter.getSessionInfo(id);
        return info && { ...info, messageCount: written.has(`session ${id}`) ? info.messageCount : 0 };
      },
    })),
    KEPT,
  ],
  'after a restart no session has messages, in parts': [
    sinceStart((adapter, written) => ({
      getMessages: async (id, range) => {
        const messages = await adapter.getMessages(id, range);
        return messages && (written.has(`session ${id}`) ? messages : []);
      },
    })),
    KEPT,
  ],
  'after a restart there are no sessions in a batch': [
    sinceStart((adapter, written) => ({
      getSessions: async (ids) =>
        new Map([...(await adapter.getSessions(ids))].filter(([id]) => written.has(`session ${id}`))),
    })),
    KEPT,
  ],
  'after a restart there are no values in a batch': [
    sinceStart((adapter, written) => ({
      getMany: async <V>(keys: Iterable<string>) =>
        new Map([...(await adapter.getMany<V>(keys))].filter(([key]) => written.has(`key ${key}`))),
    })),
    KEPT,
  ],
  'after a restart no session is listed by its agent': [
    sinceStart((adapter, written) => ({
      listSessions: async (options = {}) =>
        (await adapter.listSessions(options)).filter(
          (id) => options.activeAgent === undefined || written.has(`session ${id}`),
        ),
    })),
    KEPT,
  ],
  'the ttl of a batch is in memory only': [
    (adapter) => {
      const ending = new Set<string>();
      return {
        setMany: (pairs, ttl) => {
          const all = [...pairs];
          for (const [key] of all) if (ttl !== undefined) ending.add(key);
          return adapter.setMany(all, ttl);
        },
        close: async () => {
          for (const key of ending) if (await adapter.has(key)) await adapter.set(key, await adapter.get(key));
          await adapter.close();
        },
      };
    },
    KEPT,
  ],
};

testThatEachIsCaught(
  planted,
  failuresOnDisk(
    (directory) => new SQLiteStorageAdapter({ path: join(directory, 'sessions.db'), durability: 'process' }),
    { supports: new SQLiteStorageAdapter().capabilities },
  ),
);
