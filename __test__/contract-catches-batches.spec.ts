/** Bugs of the ways that only some adapters have, where one method does what the others must not. */
import { ConflictError, InMemoryStorageAdapter, type ChatSession } from '../ts/index.js';
import { failuresInMemory, testThatEachIsCaught, type Bug, type Planted } from './support/planted.js';

type Memory = InMemoryStorageAdapter;

const SESSIONS = 'should show a batch of sessions whole, as it was or as it is';
const KEYS = 'should show a batch of values whole, as it was or as it is';
const ORDER = 'should answer calls that nobody waits for in the order in which they were made';
const GROW = 'should have versions grow with every change, also across deleting a session';
const OVER = 'should save over the version that was read, and over no other';

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Versions are told as this says, and meant as they were told. */
const versions =
  (
    bug: (adapter: Memory, forget: (id: string) => void, freeze: (id: string) => void) => Partial<Memory>,
  ): Bug<Memory> =>
  (adapter) => {
    const shown = new Map<string, { real: number; told: number; frozen: boolean }>();
    const tell = (id: string, real: number): number => {
      const before = shown.get(id) ?? { real: NaN, told: 0, frozen: false };
      if (before.real === real) return before.told;
      const told = before.frozen ? before.told : before.told + 1;
      shown.set(id, { real, told, frozen: false });
      return told;
    };
    const freeze = (id: string): void => {
      const before = shown.get(id);
      if (before !== undefined) shown.set(id, { ...before, frozen: true });
    };
    return {
      getVersioned: async (id) => {
        const stored = await adapter.getVersioned(id);
        return stored && { ...stored, version: tell(id, stored.version) };
      },
      saveVersioned: async (id, session, { ifVersion }) => {
        const stored = await adapter.getVersioned(id);
        const actual = stored && tell(id, stored.version);
        if (actual !== ifVersion) throw new ConflictError('ERR_CONFLICT', 'lost', { expected: ifVersion, actual });
        const { version } = await adapter.saveVersioned(id, session, { ifVersion: stored && stored.version });
        return { version: tell(id, version) };
      },
      ...bug(adapter, (id) => shown.delete(id), freeze),
    };
  };

/** One bug each, planted into an adapter that has none, and the test that must catch it. */
const planted: Planted<Memory> = {
  'a batch of sessions is saved one by one': [
    (adapter) => ({
      saveSessions: async (pairs) => {
        const all = structuredClone([...pairs]) as [string, ChatSession][];
        for (const pair of all) {
          await adapter.saveSession(...pair);
          await tick();
        }
      },
    }),
    SESSIONS,
  ],
  'a batch of sessions is deleted one by one': [
    (adapter) => ({
      deleteSessions: async (ids) => {
        let count = 0;
        for (const id of [...ids]) {
          count += Number(await adapter.deleteSession(id));
          await tick();
        }
        return count;
      },
    }),
    SESSIONS,
  ],
  'a batch of sessions is read one by one': [
    (adapter) => ({
      getSessions: async (ids) => {
        const found = new Map<string, ChatSession>();
        for (const id of [...ids]) {
          const session = await adapter.getSession(id);
          if (session !== null) found.set(id, session);
          await tick();
        }
        return found;
      },
    }),
    SESSIONS,
  ],
  'a batch of values is set one by one': [
    (adapter) => ({
      setMany: async (pairs, ttl) => {
        for (const [key, value] of [...pairs]) {
          await adapter.set(key, value, ttl);
          await tick();
        }
      },
    }),
    KEYS,
  ],
  'a batch of values is deleted one by one': [
    (adapter) => ({
      deleteMany: async (keys) => {
        let count = 0;
        for (const key of [...keys]) {
          count += Number(await adapter.delete(key));
          await tick();
        }
        return count;
      },
    }),
    KEYS,
  ],
  'a batch of values is read one by one': [
    (adapter) => ({
      getMany: async <V>(keys: Iterable<string>) => {
        const found = new Map<string, V>();
        for (const key of [...keys]) {
          const value = await adapter.get<V>(key);
          if (value !== null) found.set(key, value);
          await tick();
        }
        return found;
      },
    }),
    KEYS,
  ],
  'a batch of values comes after what was asked for later': [
    (adapter) => ({
      setMany: async (pairs, ttl) => {
        const all = [...pairs];
        await tick();
        await adapter.setMany(all, ttl);
      },
    }),
    ORDER,
  ],
  'a batch of sessions comes after what was asked for later': [
    (adapter) => ({
      saveSessions: async (pairs) => {
        const all = [...pairs];
        await tick();
        await adapter.saveSessions(all);
      },
    }),
    ORDER,
  ],
  'a batch of sessions leaves the version': [
    versions((adapter, _forget, freeze) => ({
      saveSessions: async (pairs) => {
        const all = [...pairs];
        await adapter.saveSessions(all);
        for (const [id] of all) freeze(id);
      },
    })),
    GROW,
  ],
  'versions begin anew once all is cleared': [
    versions((adapter, forget) => ({
      clear: async () => (await adapter.clear(), forget('session-1')),
    })),
    GROW,
  ],
  'versions begin anew once a session was pruned': [
    versions((adapter, forget) => ({
      prune: async (options) => {
        const report = await adapter.prune(options);
        forget('session-1');
        return report;
      },
    })),
    GROW,
  ],
  'versions begin anew once a batch was deleted': [
    versions((adapter, forget) => ({
      deleteSessions: async (ids) => {
        const all = [...ids];
        for (const id of all) forget(id);
        return adapter.deleteSessions(all);
      },
    })),
    GROW,
  ],
  'a version that there has not been yet is as good as the stored one': [
    (adapter) => ({
      saveVersioned: async (id, session, { ifVersion }) => {
        const { version = null } = (await adapter.getVersioned(id)) ?? {};
        const isLater = ifVersion !== null && version !== null && ifVersion > version;
        return adapter.saveVersioned(id, session, { ifVersion: isLater ? version : ifVersion });
      },
    }),
    OVER,
  ],
};

testThatEachIsCaught(planted, failuresInMemory({ supports: new InMemoryStorageAdapter().capabilities, strict: true }));
