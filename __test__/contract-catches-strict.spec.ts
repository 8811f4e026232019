/** What is given and taken: values, ids and options. */
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
};

testThatEachIsCaught(planted, failuresInMemory({ supports: ['keys'], strict: true }));
