/** Bugs that are seen only once an adapter has been closed, and opened again. */
import { join } from 'node:path';

import { FileStorageAdapter, type ChatSession, type ConflictError, type StorageAdapter } from '../ts/index.js';
import { JsonFileAdapter } from './support/plain-adapter.cjs';
import { failuresOnDisk, testThatEachIsCaught, type Bug, type Planted } from './support/planted.js';

const RESTART = 'should survive a restart, unless it says that it does not';

/** When it is closed, something happens to the keys that have a ttl. */
const ending =
  (happens: (adapter: StorageAdapter, key: string) => Promise<unknown>): Bug<StorageAdapter> =>
  (adapter) => {
    const keys = new Set<string>();
    return {
      set: async (key, value, ttl) => {
        await adapter.set(key, value, ttl);
        if (ttl === undefined) keys.delete(key);
        else keys.add(key);
      },
      close: async () => {
        for (const key of keys) await happens(adapter, key);
        await adapter.close();
      },
    };
  };

/** One bug each, planted into an adapter that has none, and the test that must catch it. */
const planted: Planted<StorageAdapter> = {
  'a ttl is in memory only': [
    ending(async (adapter, key) => {
      if (await adapter.has(key)) await adapter.set(key, await adapter.get(key));
    }),
    RESTART,
  ],
  'what has a ttl is in memory only': [ending((adapter, key) => adapter.delete(key)), RESTART],
  'a key is written once': [
    (adapter) => {
      const written = new Map<string, unknown>();
      return {
        set: async (key, value, ttl) => {
          await adapter.set(key, value, ttl);
          if (!written.has(key)) written.set(key, await adapter.get(key));
        },
        delete: (key) => (written.delete(key), adapter.delete(key)),
        close: async () => {
          for (const [key, value] of written) if (await adapter.has(key)) await adapter.set(key, value);
          await adapter.close();
        },
      };
    },
    RESTART,
  ],
  'a session is written once': [
    (adapter) => {
      const written = new Map<string, ChatSession | null>();
      return {
        saveSession: async (id, session) => {
          await adapter.saveSession(id, session);
          if (!written.has(id)) written.set(id, await adapter.getSession(id));
        },
        deleteSession: (id) => (written.delete(id), adapter.deleteSession(id)),
        close: async () => {
          for (const [id, session] of written) if (session !== null) await adapter.saveSession(id, session);
          await adapter.close();
        },
      };
    },
    RESTART,
  ],
  'a deleted key comes back': [
    (adapter) => {
      const written = new Map<string, unknown>();
      return {
        delete: async (key) => {
          if (await adapter.has(key)) written.set(key, await adapter.get(key));
          return adapter.delete(key);
        },
        close: async () => {
          for (const [key, value] of written) await adapter.set(key, value);
          await adapter.close();
        },
      };
    },
    RESTART,
  ],
  'a deleted session comes back': [
    (adapter) => {
      const written = new Map<string, ChatSession | null>();
      return {
        deleteSession: async (id) => {
          written.set(id, await adapter.getSession(id));
          return adapter.deleteSession(id);
        },
        close: async () => {
          for (const [id, session] of written) if (session !== null) await adapter.saveSession(id, session);
          await adapter.close();
        },
      };
    },
    RESTART,
  ],
};

describe('what every adapter must do', () => {
  testThatEachIsCaught(
    planted,
    failuresOnDisk((directory) => new JsonFileAdapter(join(directory, 'store.json'))),
  );
});

/** The same of what only some can do. */
const capable: Planted<FileStorageAdapter> = {
  'versions begin anew': [
    (adapter) => {
      // They are counted from the first that this object has seen.
      let first: number | undefined;
      const told = (version: number): number => version - (first ??= version) + 1;
      const meant = (version: number | null): number | null => version && version + (first ?? 1) - 1;
      return {
        getVersioned: async (id) => {
          const stored = await adapter.getVersioned(id);
          return stored && { ...stored, version: told(stored.version) };
        },
        saveVersioned: async (id, session, { ifVersion }) => {
          const copy = structuredClone(session);
          const saving = adapter.saveVersioned(id, copy, { ifVersion: meant(ifVersion) });
          const { version } = await saving.catch(({ code, actual }: ConflictError) => {
            throw Object.assign(new Error('lost'), { code, expected: ifVersion, actual: actual && told(actual) });
          });
          return { version: told(version) };
        },
      };
    },
    'should not take a version of before a restart for one of after it',
  ],
  'a ttl begins anew': [
    (adapter) => ({
      initialize: async () => {
        await adapter.initialize();
        for await (const key of adapter.keys()) {
          const end = (await adapter.getExpiry(key)) ?? 0;
          // Those that end soon are left alone: other tests wait for them.
          if (end !== Infinity && end > Date.now() + 60_000) await adapter.set(key, await adapter.get(key), 3_600);
        }
      },
    }),
    'should tell when a key ends',
  ],
};

describe('what only some can do', () => {
  testThatEachIsCaught(
    capable,
    failuresOnDisk((directory) => new FileStorageAdapter({ path: directory, durability: 'process' }), {
      supports: ['getVersioned', 'saveVersioned', 'getExpiry'],
    }),
  );
});
