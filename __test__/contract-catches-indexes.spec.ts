/** Bugs of adapters that keep indexes and counts beside what they store, and forget to go along with it. */
import { join } from 'node:path';

import type { ListOptions, StorageAdapter } from '../ts/index.js';
import { JsonFileAdapter } from './support/plain-adapter.cjs';
import { failuresOnDisk, testThatEachIsCaught, type Bug, type Planted } from './support/planted.js';

const DELETE = 'should delete a session, once';
const CLEAR = 'should clear sessions and keys';
const COUNT = 'should count sessions and keys';
const RESTART = 'should survive a restart, unless it says that it does not';

/** Listings that ask for this are of an index in memory: of what was saved since the adapter was made. */
const sinceStart =
  (asks: (options: ListOptions) => boolean): Bug<StorageAdapter> =>
  (adapter) => {
    const index = new Set<string>();
    return {
      saveSession: async (id, session) => {
        await adapter.saveSession(id, session);
        index.add(id);
      },
      listSessions: async (options = {}) =>
        (await adapter.listSessions(options)).filter((id) => !asks(options) || index.has(id)),
    };
  };

/** Who is active where is in an index, from which nothing is taken by this way; `anew`: what is there no more is left out. */
const ghosts =
  (way: 'deleteSession' | 'clear', anew = false): Bug<StorageAdapter> =>
  (adapter) => {
    const agents = new Map<string, string>();
    const gone = new Map<string, string>();
    const leave = (id: string): void => {
      const agent = agents.get(id);
      if (agent !== undefined) gone.set(id, agent);
      agents.delete(id);
    };
    const deleteSession = (id: string): Promise<boolean> => (leave(id), adapter.deleteSession(id));
    const clear = (): Promise<void> => ([...agents.keys()].forEach(leave), adapter.clear());
    return {
      ...(way === 'clear' ? { clear } : { deleteSession }),
      saveSession: async (id, session) => {
        await adapter.saveSession(id, session);
        // One without an agent has no line of its own in it.
        if (session.activeAgent === undefined) return;
        agents.set(id, session.activeAgent);
        gone.delete(id);
      },
      listSessions: async (options = {}) => {
        const [found, all] = [await adapter.listSessions(options), await adapter.listSessions()];
        const more = [...gone].filter(([id, agent]) => agent === options.activeAgent && (!anew || all.includes(id)));
        return [...found, ...more.map(([id]) => id)];
      },
    };
  };

/** One bug each, planted into an adapter that has none, and the test that must catch it. */
const planted: Planted<StorageAdapter> = {
  'what was deleted is listed by its agent': [ghosts('deleteSession'), DELETE],
  'what was cleared is listed by its agent': [ghosts('clear'), CLEAR],
  'what is new is listed by the agent of what was deleted': [ghosts('deleteSession', true), DELETE],
  'what is new is listed by the agent of what was cleared': [ghosts('clear', true), CLEAR],
  'what was deleted is listed by its times': [
    (adapter) => {
      const gone = new Set<string>();
      return {
        deleteSession: async (id) => {
          const there = await adapter.deleteSession(id);
          if (there) gone.add(id);
          return there;
        },
        listSessions: async (options = {}) => {
          const all = await adapter.listSessions(options);
          return options.updatedAfter === undefined ? all : [...all, ...gone];
        },
      };
    },
    DELETE,
  ],
  'a session that is saved again is counted twice': [
    (adapter) => {
      let sessions = 0;
      return {
        saveSession: async (id, session) => {
          await adapter.saveSession(id, session);
          sessions += 1;
        },
        deleteSession: async (id) => {
          const there = await adapter.deleteSession(id);
          if (there) sessions -= 1;
          return there;
        },
        clear: () => ((sessions = 0), adapter.clear()),
        getStats: async () => ({ ...(await adapter.getStats()), sessions }),
      };
    },
    COUNT,
  ],
  'a session that was deleted is counted': [
    (adapter) => {
      const sessions = new Set<string>();
      return {
        saveSession: async (id, session) => {
          await adapter.saveSession(id, session);
          sessions.add(id);
        },
        clear: () => (sessions.clear(), adapter.clear()),
        getStats: async () => ({ ...(await adapter.getStats()), sessions: sessions.size }),
      };
    },
    COUNT,
  ],
  'a key that is set again is counted twice': [
    (adapter) => {
      let keys = 0;
      return {
        set: async (key, value, ttl) => {
          await adapter.set(key, value, ttl);
          keys += 1;
        },
        delete: async (key) => {
          const there = await adapter.delete(key);
          if (there) keys -= 1;
          return there;
        },
        clear: () => ((keys = 0), adapter.clear()),
        getStats: async () => ({ ...(await adapter.getStats()), keys }),
      };
    },
    COUNT,
  ],
  'after a restart nobody is listed by their agent': [
    sinceStart(({ activeAgent }) => activeAgent !== undefined),
    RESTART,
  ],
  'after a restart nobody is listed by when it was made': [
    sinceStart(({ orderBy }) => orderBy === 'createdAt'),
    RESTART,
  ],
  'after a restart nobody is listed by their ids': [sinceStart(({ orderBy }) => orderBy === 'id'), RESTART],
  'after a restart nobody was made after something': [
    sinceStart(({ createdAfter }) => createdAfter !== undefined),
    RESTART,
  ],
  'after a restart nobody was made before something': [
    sinceStart(({ createdBefore }) => createdBefore !== undefined),
    RESTART,
  ],
  'after a restart nobody was changed after something': [
    sinceStart(({ updatedAfter }) => updatedAfter !== undefined),
    RESTART,
  ],
  'after a restart nobody was changed before something': [
    sinceStart(({ updatedBefore }) => updatedBefore !== undefined),
    RESTART,
  ],
  'after a restart no id begins as asked for': [sinceStart(({ idPrefix }) => idPrefix !== undefined), RESTART],
};

testThatEachIsCaught(
  planted,
  failuresOnDisk((directory) => new JsonFileAdapter(join(directory, 'store.json'))),
);
