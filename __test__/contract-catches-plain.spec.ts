/** Bugs of adapters that are written in an afternoon: caches, queries by hand, writes that nobody puts in a line. */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import type { ChatSession, ListOptions, StorageAdapter } from '../ts/index.js';
import { JsonFileAdapter } from './support/plain-adapter.cjs';
import { failuresOnDisk, testThatEachIsCaught, type Bug, type Planted } from './support/planted.js';

const RETRIEVE = 'should retrieve a copy of a session as it was saved, dates as dates';
const LIST = 'should list sessions, the newest update first';
const PAGES = 'should list sessions page by page';
const FILTER = 'should list only the sessions that pass the filters';
const TTL = 'should let a value expire after its ttl, and only then';
const WRITES = 'should take many writes at once, those of one key in the order of their calls';

const list =
  (change: (options: ListOptions) => ListOptions): Bug<StorageAdapter> =>
  (adapter) => ({ listSessions: (options = {}) => adapter.listSessions(change(options)) });

/** The time to live is changed before it is set. */
const ttl =
  (change: (seconds: number) => number): Bug<StorageAdapter> =>
  (adapter) => ({
    set: (key, value, seconds) => adapter.set(key, value, seconds === undefined ? undefined : change(seconds)),
  });

/** Some writes take longer than those that come after them; reads wait for all. */
const slow = (
  isSlow: (text: string) => boolean,
): { later: (value: unknown, write: () => Promise<void>) => Promise<void>; landed: () => Promise<unknown> } => {
  const writes: Promise<unknown>[] = [];
  const later = (value: unknown, write: () => Promise<void>): Promise<void> => {
    const writing = isSlow(JSON.stringify(value) ?? '') ? delay(5).then(write) : write();
    writes.push(writing.catch(() => undefined));
    return writing;
  };
  return { later, landed: () => Promise.all(writes) };
};

const slowSaves =
  (isSlow: (text: string) => boolean): Bug<StorageAdapter> =>
  (adapter) => {
    const { later, landed } = slow(isSlow);
    return {
      saveSession: (id, session) => {
        const copy = { ...session };
        return later(copy, () => adapter.saveSession(id, copy));
      },
      getSession: async (id) => (await landed(), adapter.getSession(id)),
    };
  };

const slowSets =
  (isSlow: (text: string) => boolean): Bug<StorageAdapter> =>
  (adapter) => {
    const { later, landed } = slow(isSlow);
    return {
      set: (key, value, seconds) => {
        const copy = structuredClone(value) as unknown;
        return later(copy, () => adapter.set(key, copy, seconds));
      },
      get: async <V>(key: string) => (await landed(), adapter.get<V>(key)),
    };
  };

/** A cache of what was read, whose parts that are `shared` everybody gets. */
const cached =
  (shared: (kept: ChatSession, fresh: ChatSession) => ChatSession): Bug<StorageAdapter> =>
  (adapter) => {
    const kept = new Map<string, ChatSession>();
    return {
      saveSession: (id, session) => (kept.delete(id), adapter.saveSession(id, session)),
      getSession: async (id) => {
        const fresh = await adapter.getSession(id);
        if (fresh === null) return null;
        if (!kept.has(id)) kept.set(id, fresh);
        return shared(kept.get(id) ?? fresh, (await adapter.getSession(id)) ?? fresh);
      },
    };
  };

/** One bug each, planted into an adapter that has none, and the test that must catch it. */
const planted: Planted<StorageAdapter> = {
  'the context of a session is shared by who reads it': [
    cached(({ context }, fresh) => (context === undefined ? fresh : { ...fresh, context })),
    RETRIEVE,
  ],
  'what a context has inside is shared by who reads it': [
    cached(({ context }, fresh) => (context === undefined ? fresh : { ...fresh, context: { ...context } })),
    RETRIEVE,
  ],
  'the messages of a session are shared by who reads it': [
    cached(({ messages }, fresh) => ({ ...fresh, messages: [...messages] })),
    RETRIEVE,
  ],
  'the metadata of messages is shared by who reads it': [
    cached(({ messages }, fresh) => ({ ...fresh, messages: messages.map((message) => ({ ...message })) })),
    RETRIEVE,
  ],
  'the order is heard only beside what to order by': [
    list((options) => (options.orderBy === undefined ? { ...options, order: 'desc' } : options)),
    LIST,
  ],
  'the limit comes before the filter by agent': [
    (adapter) => ({
      listSessions: async ({ activeAgent, ...options }: ListOptions = {}) => {
        const page = await adapter.listSessions(options);
        if (activeAgent === undefined) return page;
        const all = await adapter.listSessions({ activeAgent });
        return page.filter((id) => all.includes(id));
      },
    }),
    PAGES,
  ],
  'the limit comes before the filter by prefix': [
    (adapter) => ({
      listSessions: async ({ idPrefix = '', ...options }: ListOptions = {}) =>
        (await adapter.listSessions(options)).filter((id) => id.startsWith(idPrefix)),
    }),
    PAGES,
  ],
  'the limit comes before the filter by time': [
    (adapter) => ({
      listSessions: async ({ updatedBefore, ...options }: ListOptions = {}) => {
        const page = await adapter.listSessions(options);
        if (updatedBefore === undefined) return page;
        const all = await adapter.listSessions({ updatedBefore });
        return page.filter((id) => all.includes(id));
      },
    }),
    PAGES,
  ],
  'the limit comes before the order': [
    (adapter) => ({
      listSessions: async ({ orderBy, order = 'desc', ...options }: ListOptions = {}) => {
        const page = await adapter.listSessions(options);
        const all = await adapter.listSessions({ order, ...(orderBy && { orderBy }) });
        return all.filter((id) => page.includes(id));
      },
    }),
    PAGES,
  ],
  'the offset is heard only beside a limit': [
    list((options) => (options.limit === undefined ? { ...options, offset: 0 } : options)),
    PAGES,
  ],
  'a filter by time wants a Date': [
    list((options) => {
      for (const name of ['createdAfter', 'createdBefore', 'updatedAfter', 'updatedBefore'] as const)
        (options[name] as Date | undefined)?.getTime();
      return options;
    }),
    FILTER,
  ],
  'a filter by time is for Dates only': [
    list((options) => Object.fromEntries(Object.entries(options).filter(([, value]) => typeof value !== 'number'))),
    FILTER,
  ],
  'a filter by time switches that by agent off': [
    list(({ activeAgent, ...options }) =>
      options.updatedAfter === undefined && activeAgent !== undefined ? { ...options, activeAgent } : options,
    ),
    FILTER,
  ],
  'a filter by time switches that by prefix off': [
    list(({ idPrefix = '', ...options }) => (options.updatedAfter === undefined ? { ...options, idPrefix } : options)),
    FILTER,
  ],
  'of two filters by time one is heard': [
    list(({ updatedBefore, ...options }) =>
      options.updatedAfter === undefined && updatedBefore !== undefined ? { ...options, updatedBefore } : options,
    ),
    FILTER,
  ],
  'what was created is not asked for beside what was updated': [
    list(({ createdAfter, ...options }) =>
      options.updatedAfter === undefined && createdAfter !== undefined ? { ...options, createdAfter } : options,
    ),
    FILTER,
  ],
  'a ttl is a second too short': [ttl((seconds) => seconds - 1), TTL],
  'a ttl is a second too long': [ttl((seconds) => seconds + 1), TTL],
  'a ttl is of whole seconds, and short': [ttl((seconds) => Math.max(Math.floor(seconds), 0.05)), TTL],
  'a ttl is of whole seconds, and long': [ttl(Math.ceil), TTL],
  'a ttl is of whole seconds, and the nearest': [ttl((seconds) => Math.max(Math.round(seconds), 0.05)), TTL],
  'a ttl of many seconds is a hundredth of it': [ttl((seconds) => (seconds > 10 ? seconds / 100 : seconds)), TTL],
  'a large session is saved after a small one that came later': [slowSaves((text) => text.length > 10_000), WRITES],
  'every save is later than the delete behind it': [slowSaves(() => true), WRITES],
  'a large value is set after a small one that came later': [slowSets((text) => text.length > 10_000), WRITES],
  'every set is later than the delete behind it': [slowSets(() => true), WRITES],
  'a save behind a delete is dropped': [
    (adapter) => {
      const gone = new Set<string>();
      return {
        saveSession: async (id, session) => (gone.has(id) ? undefined : adapter.saveSession(id, session)),
        deleteSession: async (id) => {
          gone.add(id);
          setImmediate(() => gone.delete(id));
          return adapter.deleteSession(id);
        },
      };
    },
    WRITES,
  ],
};

testThatEachIsCaught(
  planted,
  failuresOnDisk((directory) => new JsonFileAdapter(join(directory, 'store.json'))),
);
