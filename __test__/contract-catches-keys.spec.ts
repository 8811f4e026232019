/** What an adapter does wrong with keys and their values. */
import { join } from 'node:path';

import type { StorageAdapter } from '../ts/index.js';
import { JsonFileAdapter } from './support/plain-adapter.cjs';
import { failuresOnDisk, testThatEachIsCaught, type Planted } from './support/planted.js';

/** One bug each, planted into an adapter that has none, and the test that must catch it. */
const planted: Planted<StorageAdapter> = {
  'the value is stored when the loop gets to it': [
    (adapter) => ({
      set: async (key, value, ttl) => {
        await Promise.resolve();
        await adapter.set(key, value, ttl);
      },
    }),
    'should set a value, and set it again',
  ],
  'everybody gets the same value': [
    (adapter) => {
      const given = new Map<string, unknown>();
      return {
        set: async (key, value, ttl) => (given.delete(key), adapter.set(key, value, ttl)),
        get: async <V>(key: string) => {
          if (!given.has(key)) given.set(key, await adapter.get(key));
          return given.get(key) as V;
        },
      };
    },
    'should set a value, and set it again',
  ],
  'keys are told apart by their letters, not by their case': [
    (adapter) => ({ has: (key) => adapter.has(key.toLowerCase()) }),
    'should tell whether it has a key',
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
  'whoever reads a key prolongs it': [
    (adapter) => {
      const ttls = new Map<string, number | undefined>();
      return {
        set: (key, value, ttl) => (ttls.set(key, ttl), adapter.set(key, value, ttl)),
        get: async <V>(key: string) => {
          const value = await adapter.get<V>(key);
          if (value !== null) await adapter.set(key, value, ttls.get(key));
          return value;
        },
      };
    },
    'should let a value expire after its ttl, and only then',
  ],
  'a key that has expired can be deleted': [
    (adapter) => {
      const all = new Set<string>();
      return {
        set: (key, value, ttl) => (all.add(key), adapter.set(key, value, ttl)),
        delete: async (key) => (await adapter.delete(key), all.delete(key)),
      };
    },
    'should let a value expire after its ttl, and only then',
  ],
  'keys that have expired are counted': [
    (adapter) => {
      const all = new Set<string>();
      return {
        set: (key, value, ttl) => (all.add(key), adapter.set(key, value, ttl)),
        getStats: async () => ({ ...(await adapter.getStats()), keys: all.size }),
      };
    },
    'should let a value expire after its ttl, and only then',
  ],
};

testThatEachIsCaught(
  planted,
  failuresOnDisk((directory) => new JsonFileAdapter(join(directory, 'store.json'))),
);
