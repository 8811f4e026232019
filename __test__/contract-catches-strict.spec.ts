import { posix } from 'node:path';

import { InMemoryStorageAdapter, type ChatSession, type ListOptions } from '../ts/index.js';
import { failuresInMemory, testThatEachIsCaught, type Bug, type Planted } from './support/planted.js';

type Memory = InMemoryStorageAdapter;

const VALUES = 'should give every value back equal, or refuse it and keep what was there';
const COPIES = 'should store a value as it is at the call, and give everybody one of their own';
const APART = 'should tell all ids apart';
const NO_IDS = 'should refuse what is no id, and store nothing';
const TOGETHER = 'should list what all options together ask for';
const UNDEFINED = 'should take what is undefined for what is not given';
const NO_OPTIONS = 'should refuse what is no option, no ttl and no session';
const ORDER = 'should answer calls that nobody waits for in the order in which they were made';
const MIXTURE = 'should show the old state or the new one, never a mixture';
const LONG = 'should keep every message of a long session';
const MANY = 'should list every one of many sessions';
const FIRST = 'should initialise itself at the first call, and be initialised as often as one likes';
const CLOSED = 'should refuse everything once it is closed, and be closed as often as one likes';
const CLOSING = 'should let land what was asked for before it was closed, and nothing that was later';
const AROUND = 'should keep a write that fails from touching those before and after it';
const LOOPS = 'should bear with loops that are left, and with what fails inside of them';

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Each key and each session id is changed before it is used. */
const ids =
  (change: (id: string) => string): Bug<Memory> =>
  (adapter) => ({
    set: (key, value, ttl) => adapter.set(change(key), value, ttl),
    get: (key) => adapter.get(change(key)),
    has: (key) => adapter.has(change(key)),
    delete: (key) => adapter.delete(change(key)),
    saveSession: (id, session) => adapter.saveSession(change(id), session),
    getSession: (id) => adapter.getSession(change(id)),
    deleteSession: (id) => adapter.deleteSession(change(id)),
  });

/** Values are changed before they are set. */
const set =
  (change: (value: unknown) => unknown): Bug<Memory> =>
  (adapter) => ({ set: (key, value, ttl) => adapter.set(key, change(value), ttl) });

const list =
  (change: (options: ListOptions) => ListOptions): Bug<Memory> =>
  (adapter) => ({ listSessions: (options) => adapter.listSessions(options && change(options)) });

/** One bug each, planted into an adapter that has none, and the test that must catch it. */
const planted: Planted<Memory> = {
  'values are JSON': [set((value) => JSON.parse(JSON.stringify(value)) as unknown), VALUES],
  'minus zero is zero': [
    set((value) => (Array.isArray(value) ? value.map((one: unknown) => (one === 0 ? 0 : one)) : value)),
    VALUES,
  ],
  'halves of characters are mended': [
    set((value) =>
      Array.isArray(value) ? value.map((one) => (typeof one === 'string' ? Buffer.from(one).toString() : one)) : value,
    ),
    VALUES,
  ],
  'functions are left out': [
    set((value) => (Object.values(value as object).some((one) => typeof one === 'function') ? {} : value)),
    VALUES,
  ],
  'a refused value takes what was there': [
    (adapter) => ({
      set: async (key, value, ttl) =>
        adapter.set(key, value, ttl).catch(async (error: unknown) => {
          await adapter.delete(key);
          throw error;
        }),
    }),
    VALUES,
  ],
  'messages are JSON': [
    (adapter) => ({
      saveSession: async (id, session) => {
        const messages = session.messages.map((one) => ({
          ...one,
          metadata: JSON.parse(JSON.stringify(one.metadata ?? {})) as object,
        }));
        return adapter.saveSession(id, { ...session, messages });
      },
    }),
    VALUES,
  ],
  'a session is stored when the loop gets to it': [
    (adapter) => ({
      saveSession: async (id, session) => {
        await tick();
        return adapter.saveSession(id, session);
      },
    }),
    COPIES,
  ],
  'everybody gets the same value': [
    (adapter) => {
      const given = new Map<string, unknown>();
      return {
        set: (key, value, ttl) => (given.delete(key), adapter.set(key, value, ttl)),
        get: async <V>(key: string) => {
          if (!given.has(key)) given.set(key, await adapter.get(key));
          return given.get(key) as V;
        },
      };
    },
    COPIES,
  ],
  'ids are cut off': [
    ids((id) => (typeof id === 'string' && id.length > 511 && id.length < 513 ? id.slice(0, 511) : id)),
    APART,
  ],
  'ids are trimmed': [ids((id) => (typeof id === 'string' ? id.trim() || id : id)), APART],
  'ids are normalised': [ids((id) => (typeof id === 'string' ? id.normalize() : id)), APART],
  'ids are paths': [ids((id) => (typeof id === 'string' && id !== '' ? posix.normalize(id) : id)), APART],
  'ids are patterns of a database': [
    (adapter) => ({
      listSessions: async ({ idPrefix = '', ...rest } = {}) => {
        const pattern = new RegExp(`^${idPrefix.replaceAll('_', '.')}`, 'su');
        return (await adapter.listSessions(rest)).filter((id) => pattern.test(id));
      },
    }),
    APART,
  ],
  'nothing is a name as well': [ids((id) => (id === '' ? 'nothing' : id)), NO_IDS],
  'ids of any length are taken': [
    ids((id) => (typeof id === 'string' && Buffer.byteLength(id) > 512 ? 'long' : id)),
    NO_IDS,
  ],
  'halves of characters are taken for whole': [
    ids((id) => (typeof id === 'string' ? Buffer.from(id).toString() : id)),
    NO_IDS,
  ],
  'a number is a text': [ids((id) => (typeof id === 'number' ? String(id) : id)), NO_IDS],
  'what is no id is thrown, not rejected': [
    (adapter) => ({
      has: (key) => {
        if (typeof key !== 'string') throw new TypeError('no text');
        return adapter.has(key);
      },
    }),
    NO_IDS,
  ],
  'the limit comes before the filter': [
    (adapter) => ({
      listSessions: async (options) => {
        const { limit, offset } = options ?? {};
        if (typeof limit !== 'number' || !(limit >= 0) || options?.activeAgent === undefined)
          return adapter.listSessions(options);
        const { activeAgent, ...rest } = options;
        const page = await adapter.listSessions(rest);
        const of = await adapter.listSessions({ activeAgent, limit: 99, offset: 0 * (offset ?? 0) });
        return page.filter((id) => of.includes(id));
      },
    }),
    TOGETHER,
  ],
  'times are Dates only': [
    list((options) =>
      Object.fromEntries(
        Object.entries(options).filter(
          ([name, value]) => !/After|Before/.test(name) || Number.isNaN(value) || typeof value !== 'number',
        ),
      ),
    ),
    TOGETHER,
  ],
  'undefined is nothing': [
    list((options) => ('limit' in options && options.limit === undefined ? { ...options, limit: 0 } : options)),
    UNDEFINED,
  ],
  'a ttl that is undefined changes nothing': [
    (adapter) => {
      const ends = new Map<string, number>();
      return {
        set: (...given) => {
          const [key, value, ttl] = given;
          if (typeof ttl === 'number') ends.set(key, ttl);
          return adapter.set(key, value, given.length > 2 ? (ttl === undefined ? ends.get(key) : ttl) : undefined);
        },
      };
    },
    UNDEFINED,
  ],
  'null is not given': [
    list((options) => ('limit' in options && (options.limit as unknown) === null ? {} : options)),
    NO_OPTIONS,
  ],
  'a limit below nothing is none': [list((options) => (Number(options.limit) < 0 ? {} : options)), NO_OPTIONS],
  'another order is the usual one': [
    list((options) => ((options.order as string) === 'ASC' ? {} : options)),
    NO_OPTIONS,
  ],
  'a ttl of 0 deletes': [
    (adapter) => ({
      set: async (key, value, ttl) => (ttl === 0 ? void (await adapter.delete(key)) : adapter.set(key, value, ttl)),
    }),
    NO_OPTIONS,
  ],
  'a session without a time is of now': [
    (adapter) => ({
      saveSession: async (id, session) =>
        adapter.saveSession(
          id,
          (session as unknown) === null || session.updatedAt !== undefined
            ? session
            : { ...(session as ChatSession), updatedAt: new Date() },
        ),
    }),
    NO_OPTIONS,
  ],
  'a delete comes after what was asked for later': [
    (adapter) => ({
      delete: async (key) => {
        await tick();
        return adapter.delete(key);
      },
    }),
    ORDER,
  ],
  'clearing comes after what was asked for later': [
    (adapter) => ({
      clear: async () => {
        await tick();
        await adapter.clear();
      },
    }),
    ORDER,
  ],
  'a read does not see what was asked for before it': [
    (adapter) => {
      const old = new Map<string, unknown>();
      return {
        set: async (key, value, ttl) => {
          const setting = adapter.set(key, value, ttl);
          await tick();
          old.set(key, value);
          return setting;
        },
        get: async <V>(key: string) =>
          (old.has(key) && typeof old.get(key) === 'number' ? old.get(key) : adapter.get(key)) as V,
      };
    },
    ORDER,
  ],
  'a large session is saved in two halves': [
    (adapter) => ({
      saveSession: async (id, session) => {
        if ((session as ChatSession | null)?.messages?.length !== 300) return adapter.saveSession(id, session);
        const before = (await adapter.getSession(id))?.messages ?? session.messages;
        await adapter.saveSession(id, {
          ...session,
          messages: [...session.messages.slice(0, 150), ...before.slice(150)],
        });
        await tick();
        return adapter.saveSession(id, session);
      },
    }),
    MIXTURE,
  ],
  'only the first thousand messages are kept': [
    (adapter) => ({
      getSession: async (id) => {
        const session = await adapter.getSession(id);
        return session && { ...session, messages: session.messages.slice(0, 1_000) };
      },
    }),
    LONG,
  ],
  'only the last thousand messages are kept': [
    (adapter) => ({
      getSession: async (id) => {
        const session = await adapter.getSession(id);
        return session && { ...session, messages: session.messages.slice(-1_000) };
      },
    }),
    LONG,
  ],
  'a listing has a hundred at the most': [
    (adapter) => ({ listSessions: async (options) => (await adapter.listSessions(options)).slice(0, 100) }),
    MANY,
  ],
  'a listing has a thousand at the most': [
    (adapter) => ({ listSessions: async (options) => (await adapter.listSessions(options)).slice(0, 1_000) }),
    MANY,
  ],
  'it has to be initialised first': [
    (adapter) => {
      let ready = false;
      return {
        initialize: async () => void (ready = true),
        set: async (key, value, ttl) => {
          if (!ready) throw new Error('not initialised');
          return adapter.set(key, value, ttl);
        },
      };
    },
    FIRST,
  ],
  'it reads on when it is closed': [
    (adapter) => ({
      get: async <V>(key: string) =>
        adapter.get<V>(key).catch((error: { code?: string }) => {
          if (error.code === 'ERR_CLOSED') return null;
          throw error;
        }),
    }),
    CLOSED,
  ],
  'it lists on when it is closed': [
    (adapter) => ({
      keys: async function* () {
        try {
          yield* adapter.keys();
        } catch {
          return;
        }
      },
    }),
    CLOSED,
  ],
  'it is closed once': [
    (adapter) => {
      let closed = false;
      return {
        close: async () => {
          if (closed) throw new Error('it is closed');
          closed = true;
          return adapter.close();
        },
      };
    },
    CLOSED,
  ],
  'closing drops what is on its way': [
    (adapter) => ({
      set: async (key, value, ttl) => {
        if (value === 1) await tick();
        return adapter.set(key, value, ttl);
      },
    }),
    CLOSING,
  ],
  'it takes writes while it closes': [
    (adapter) => ({
      close: async () => {
        await tick();
        return adapter.close();
      },
    }),
    CLOSING,
  ],
  'after a write that failed all fail': [
    (adapter) => {
      let broken = false;
      return {
        set: async (key, value, ttl) => {
          if (broken) throw new Error('broken');
          return adapter.set(key, value, ttl).catch((error: unknown) => {
            broken = true;
            throw error;
          });
        },
      };
    },
    AROUND,
  ],
  'a write that failed takes the session with it': [
    (adapter) => ({
      saveSession: async (id, session) =>
        adapter.saveSession(id, session).catch(async (error: unknown) => {
          await adapter.deleteSession(id).catch(() => false);
          throw error;
        }),
    }),
    AROUND,
  ],
  'a loop that is left leaves the store busy': [
    (adapter) => {
      let loops = 0;
      return {
        keys: async function* (options) {
          loops += 1;
          yield* adapter.keys(options);
          loops -= 1;
        },
        set: async (key, value, ttl) => {
          if (loops > 0) throw new Error('busy');
          return adapter.set(key, value, ttl);
        },
      };
    },
    LOOPS,
  ],
};

testThatEachIsCaught(planted, failuresInMemory({ supports: ['keys'], strict: true }));
