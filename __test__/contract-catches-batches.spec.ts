/** Bugs of the ways that only some adapters have, where one method does what the others must not. */
import { ConflictError, InMemoryStorageAdapter, type ChatMessage, type ChatSession } from '../ts/index.js';
import { failuresInMemory, testThatEachIsCaught, type Bug, type Planted } from './support/planted.js';

type Memory = InMemoryStorageAdapter;

const VALUES = 'should give every value back equal, or refuse it and keep what was there';
const COPIES = 'should store a value as it is at the call, and give everybody one of their own';
const SESSIONS = 'should show a batch of sessions whole, as it was or as it is';
const KEYS = 'should show a batch of values whole, as it was or as it is';
const ORDER = 'should answer calls that nobody waits for in the order in which they were made';
const GROW = 'should have versions grow with every change, also across deleting a session';
const OVER = 'should save over the version that was read, and over no other';
const NO_IDS = 'should refuse what is no id, and store nothing';
const NO_OPTIONS = 'should refuse what is no option, no ttl and no session';
const NO_BOUND = 'should remove nothing where no moment is given';

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const DATES = ['timestamp', 'createdAt', 'updatedAt'];

/** What is left of a value, or of a session, once it has been JSON. */
const asJson = <T>(value: T): T =>
  JSON.parse(JSON.stringify(value), (name, member: unknown) =>
    DATES.includes(name) ? new Date(member as string) : member,
  ) as T;

/** What was given before is given again, as long as it looks the same. */
const sharing = (): (<T>(id: string, value: T) => T) => {
  const given = new Map<string, { text: string; value: unknown }>();
  return <T>(id: string, value: T): T => {
    const text = JSON.stringify(value, (_name, member: unknown) => (typeof member === 'bigint' ? 'big' : member));
    if (given.get(id)?.text !== text) given.set(id, { text, value });
    return given.get(id)?.value as T;
  };
};

/** Only what is closed is told; whatever else is wrong has no answer. */
const swallow = async <T>(call: Promise<T>, answer: T): Promise<T> =>
  call.catch((error: { code?: string }) => {
    if (error.code === 'ERR_CLOSED') throw error;
    return answer;
  });

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
  'appended messages are JSON': [
    (adapter) => ({ appendMessages: async (id, messages) => adapter.appendMessages(id, asJson(messages)) }),
    VALUES,
  ],
  'what cannot be appended is left out': [
    (adapter) => ({
      appendMessages: async (id, messages) => swallow(adapter.appendMessages(id, messages), messages.length),
    }),
    NO_IDS,
  ],
  'a session with a version is JSON': [
    (adapter) => ({
      saveVersioned: async (id, session, options) => adapter.saveVersioned(id, asJson(session), options),
    }),
    VALUES,
  ],
  'a batch of values is JSON': [
    (adapter) => ({
      setMany: async (pairs, ttl) =>
        adapter.setMany(
          [...pairs].map(([key, value]) => [key, value === undefined ? value : asJson(value)]),
          ttl,
        ),
    }),
    VALUES,
  ],
  'a batch of sessions is JSON': [
    (adapter) => ({
      saveSessions: async (pairs) => adapter.saveSessions([...pairs].map(([id, session]) => [id, asJson(session)])),
    }),
    VALUES,
  ],
  'messages are read as JSON': [
    (adapter) => ({ getMessages: async (id, range) => asJson(await adapter.getMessages(id, range)) }),
    VALUES,
  ],
  'a batch of values is read as JSON': [
    (adapter) => ({
      getMany: async <V>(keys: Iterable<string>) =>
        new Map([...(await adapter.getMany<V>(keys))].map(([key, value]) => [key, asJson({ value }).value])),
    }),
    VALUES,
  ],
  'everybody gets the same values of a batch': [
    (adapter) => {
      const share = sharing();
      return {
        getMany: async <V>(keys: Iterable<string>) =>
          new Map([...(await adapter.getMany<V>(keys))].map(([key, value]) => [key, share(key, value)])),
      };
    },
    COPIES,
  ],
  'everybody gets the same sessions of a batch': [
    (adapter) => {
      const share = sharing();
      return {
        getSessions: async (ids) =>
          new Map([...(await adapter.getSessions(ids))].map(([id, session]) => [id, share(id, session)])),
      };
    },
    COPIES,
  ],
  'everybody gets the same messages': [
    (adapter) => {
      const share = sharing();
      return {
        getMessages: async (id, range) =>
          (await adapter.getMessages(id, range))?.map((message, index): ChatMessage =>
            share(`${id} ${index}`, message),
          ) ?? null,
      };
    },
    COPIES,
  ],
  'everybody gets the same session with its version': [
    (adapter) => {
      const share = sharing();
      return {
        getVersioned: async (id) => {
          const stored = await adapter.getVersioned(id);
          return stored && { ...stored, session: share(id, stored.session) };
        },
      };
    },
    COPIES,
  ],
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
  'a prune without a moment takes all': [
    (adapter) => ({
      prune: async (options) => {
        const { updatedBefore = 8e15, ...rest } = (options as Partial<typeof options> | undefined) ?? {};
        return adapter.prune({ ...rest, updatedBefore });
      },
    }),
    NO_BOUND,
  ],
  'a prune without a moment does nothing, and says nothing': [
    (adapter) => ({
      prune: async (options) =>
        (options as Partial<typeof options>).updatedBefore === undefined
          ? { sessions: 0, messages: 0, bytesFreed: 0, dryRun: false }
          : adapter.prune(options),
    }),
    NO_OPTIONS,
  ],
  'whatever is wrong with a batch of ids, there are no sessions': [
    (adapter) => ({ getSessions: async (ids) => swallow(adapter.getSessions(ids), new Map<string, ChatSession>()) }),
    NO_IDS,
  ],
  'whatever is wrong with a batch of keys, there are no values': [
    (adapter) => ({
      getMany: async <V>(keys: Iterable<string>) => swallow(adapter.getMany<V>(keys), new Map<string, V>()),
    }),
    NO_IDS,
  ],
  'whatever is wrong with a batch of keys, none was deleted': [
    (adapter) => ({ deleteMany: async (keys) => swallow(adapter.deleteMany(keys), 0) }),
    NO_IDS,
  ],
  'what is no id is left out of a batch': [
    (adapter) => ({
      deleteSessions: async (ids) =>
        adapter.deleteSessions(
          [...ids].filter((id) => typeof id === 'string' && id !== '' && !/[\0\ud800-\udfff]/.test(id)),
        ),
    }),
    NO_IDS,
  ],
  'whatever is wrong, there are no messages': [
    (adapter) => ({ getMessages: async (id, range) => swallow(adapter.getMessages(id, range), null) }),
    NO_IDS,
  ],
};

testThatEachIsCaught(planted, failuresInMemory({ supports: new InMemoryStorageAdapter().capabilities, strict: true }));
