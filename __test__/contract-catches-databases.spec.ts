/** Bugs of adapters that spread a session over tables, hashes and indexes. */
import { join } from 'node:path';

import {
  InMemoryStorageAdapter,
  type ChatMessage,
  type ChatSession,
  type ListOptions,
  type StorageAdapter,
} from '../ts/index.js';
import { JsonFileAdapter } from './support/plain-adapter.cjs';
import { failuresOnDisk, testThatEachIsCaught, type Bug, type Planted } from './support/planted.js';

const SAVE = 'should save a session, and save it again';
const RETRIEVE = 'should retrieve a copy of a session as it was saved, dates as dates';
const DELETE = 'should delete a session, once';
const LIST = 'should list sessions, the newest update first';
const FILTER = 'should list only the sessions that pass the filters';
const CLEAR = 'should clear sessions and keys';

/** Room for a text in a column of MySQL that is a `TEXT`. */
const COLUMN = 65_535;

/** What is stored is no session where the suite tries that; whatever comes of it is not the bug's matter. */
const isSession = (session: ChatSession): boolean => Array.isArray((session as Partial<ChatSession> | null)?.messages);

/** Sessions are changed when they are read. */
const read =
  (change: (session: ChatSession) => object | null): Bug<StorageAdapter> =>
  (adapter) => ({
    getSession: async (id) => {
      const session = await adapter.getSession(id);
      return session && (change(session) as ChatSession | null);
    },
  });

const readMessages = (change: (messages: ChatMessage[]) => ChatMessage[]): Bug<StorageAdapter> =>
  read((session) => ({ ...session, messages: change(session.messages) }));

/** Sessions are changed when they are saved, by what was saved of them before. */
const saved =
  (change: (session: ChatSession, before: ChatSession) => ChatSession): Bug<StorageAdapter> =>
  (adapter) => {
    const last = new Map<string, ChatSession>();
    return {
      saveSession: (id, session) => {
        const before = last.get(id);
        const changed = before !== undefined && isSession(session) ? change(session, before) : session;
        if (isSession(changed)) last.set(id, { ...changed, messages: changed.messages.map((one) => ({ ...one })) });
        return adapter.saveSession(id, changed);
      },
      deleteSession: (id) => (last.delete(id), adapter.deleteSession(id)),
      clear: () => (last.clear(), adapter.clear()),
    };
  };

/** Messages are left behind by what calls `leave`; whoever reads a session of that id has them, too. */
const orphaned =
  (
    bug: (adapter: StorageAdapter, leave: (id: string) => Promise<void>) => Partial<StorageAdapter>,
  ): Bug<StorageAdapter> =>
  (adapter) => {
    const orphans = new Map<string, ChatMessage[]>();
    return {
      ...bug(adapter, async (id) => {
        const session = await adapter.getSession(id);
        if (session !== null) orphans.set(id, session.messages);
      }),
      getSession: async (id) => {
        const session = await adapter.getSession(id);
        return session && { ...session, messages: [...(orphans.get(id) ?? []), ...session.messages] };
      },
    };
  };

const seconds = (date: Date): Date => new Date(Math.floor(Number(date) / 1000) * 1000);
const compare = (one: string | Date, other: string | Date): number => (one < other ? -1 : Number(one > other));

/** One bug each, planted into an adapter that has none, and the test that must catch it. */
const planted: Planted<StorageAdapter> = {
  'a session without messages is not joined': [
    read((session) => (session.messages.length === 0 ? null : session)),
    SAVE,
  ],
  'a member that is gone stays in the hash': [saved((session, before) => ({ ...before, ...session })), SAVE],
  'a member of a message that is gone stays in its hash': [
    saved((session, before) => {
      const old = new Map(before.messages.map((message) => [message.id, message]));
      return { ...session, messages: session.messages.map((message) => ({ ...old.get(message.id), ...message })) };
    }),
    SAVE,
  ],
  'no active agent is null': [read((session) => ({ activeAgent: null, ...session })), SAVE],
  'createdAt is that of the first save': [saved((session, { createdAt }) => ({ ...session, createdAt })), SAVE],
  'a message that is there already is ignored': [
    saved((session, before) => {
      const old = new Map(before.messages.map((message) => [message.id, message]));
      return { ...session, messages: session.messages.map((message) => old.get(message.id) ?? message) };
    }),
    SAVE,
  ],
  'a save without messages leaves those that there are': [
    saved((session, { messages }) => (session.messages.length === 0 ? { ...session, messages } : session)),
    SAVE,
  ],
  'messages stay where they have been': [
    saved((session, before) => {
      const place = new Map(before.messages.map((message, index) => [message.id, index]));
      const of = ({ id }: ChatMessage): number => place.get(id) ?? before.messages.length;
      return { ...session, messages: [...session.messages].sort((a, b) => of(a) - of(b)) };
    }),
    SAVE,
  ],
  'messages are in the order of their times': [
    readMessages((messages) => messages.sort((a, b) => compare(a.timestamp, b.timestamp))),
    RETRIEVE,
  ],
  'messages are in the order of their times, the newest first': [
    readMessages((messages) => messages.sort((a, b) => compare(b.timestamp, a.timestamp))),
    RETRIEVE,
  ],
  'messages are in the order of their ids': [
    readMessages((messages) => messages.sort((a, b) => compare(a.id, b.id))),
    RETRIEVE,
  ],
  'messages have whole seconds': [
    readMessages((messages) => messages.map((one) => ({ ...one, timestamp: seconds(one.timestamp) }))),
    RETRIEVE,
  ],
  'sessions have whole seconds': [
    read((session) => ({
      ...session,
      createdAt: seconds(session.createdAt),
      updatedAt: seconds(session.updatedAt),
    })),
    RETRIEVE,
  ],
  'a long content is cut off': [
    readMessages((messages) => messages.map((one) => ({ ...one, content: one.content.slice(0, COLUMN) }))),
    RETRIEVE,
  ],
  'a message belongs to one session': [
    (adapter) => ({
      saveSession: async (id, session) => {
        await adapter.saveSession(id, session);
        const ids = new Set(session.messages.map((message) => message.id));
        for (const other of await adapter.listSessions()) {
          const there = await adapter.getSession(other);
          if (other === id || there === null) continue;
          const messages = there.messages.filter((message) => !ids.has(message.id));
          if (messages.length < there.messages.length) await adapter.saveSession(other, { ...there, messages });
        }
      },
    }),
    RETRIEVE,
  ],
  'messages outlast their session': [
    orphaned((adapter, leave) => ({
      deleteSession: async (id) => {
        await leave(id);
        return adapter.deleteSession(id);
      },
    })),
    DELETE,
  ],
  'messages outlast clearing': [
    orphaned((adapter, leave) => ({
      clear: async () => {
        for (const id of await adapter.listSessions()) await leave(id);
        await adapter.clear();
      },
    })),
    CLEAR,
  ],
  'what was deleted is listed': [
    (adapter) => {
      const index = new Set<string>();
      return {
        saveSession: async (id, session) => {
          await adapter.saveSession(id, session);
          index.add(id);
        },
        clear: () => (index.clear(), adapter.clear()),
        listSessions: async (options) => {
          const found = await adapter.listSessions(options);
          return options === undefined ? [...new Set([...found, ...index])] : found;
        },
      };
    },
    DELETE,
  ],
  'listings look at the first save': [
    (adapter) => {
      const index = new InMemoryStorageAdapter();
      const listed = new Set<string>();
      return {
        saveSession: async (id, session) => {
          await adapter.saveSession(id, session);
          if (listed.has(id)) return;
          listed.add(id);
          await index.saveSession(id, session);
        },
        deleteSession: async (id) => {
          listed.delete(id);
          await index.deleteSession(id);
          return adapter.deleteSession(id);
        },
        clear: async () => {
          listed.clear();
          await index.clear();
          await adapter.clear();
        },
        listSessions: (options) => index.listSessions(options),
      };
    },
    LIST,
  ],
  'who has been the active agent is listed still': [
    (adapter) => {
      const agents = new Map<string, Set<string | undefined>>();
      return {
        saveSession: async (id, session) => {
          await adapter.saveSession(id, session);
          agents.set(id, (agents.get(id) ?? new Set()).add(session.activeAgent));
        },
        listSessions: async ({ activeAgent, ...options }: ListOptions = {}) =>
          (await adapter.listSessions(options)).filter(
            (id) => activeAgent === undefined || agents.get(id)?.has(activeAgent),
          ),
      };
    },
    FILTER,
  ],
  'listings know whole seconds': [
    (adapter) => ({
      listSessions: async ({ orderBy = 'updatedAt', order = 'desc', ...options }: ListOptions = {}) => {
        const sign = order === 'asc' ? 1 : -1;
        const place = async (id: string): Promise<[string, string | Date]> => {
          const session = { ...((await adapter.getSession(id)) as ChatSession), id };
          return [id, orderBy === 'id' ? id : seconds(session[orderBy])];
        };
        const found = await Promise.all((await adapter.listSessions({ ...options, orderBy, order })).map(place));
        return found.sort((a, b) => sign * (compare(a[1], b[1]) || compare(a[0], b[0]))).map(([id]) => id);
      },
    }),
    LIST,
  ],
  'bounds are in whole seconds': [
    (adapter) => ({
      listSessions: ({ updatedBefore, ...options }: ListOptions = {}) =>
        adapter.listSessions(
          updatedBefore === undefined ? options : { ...options, updatedBefore: seconds(new Date(updatedBefore)) },
        ),
    }),
    FILTER,
  ],
  'a long value is cut off': [
    (adapter) => ({
      get: async <V>(key: string) => {
        const value = await adapter.get<V>(key);
        return typeof value === 'string' ? (value.slice(0, COLUMN) as V) : value;
      },
    }),
    'should get values of every JSON type',
  ],
  'a ttl is a timer of 32 bits': [
    (adapter) => ({
      set: async (key, value, ttl) => {
        await adapter.set(key, value, ttl);
        if (ttl !== undefined && ttl * 1000 > 2 ** 31 - 1) await adapter.delete(key);
      },
    }),
    'should let a value expire after its ttl, and only then',
  ],
};

testThatEachIsCaught(
  planted,
  failuresOnDisk((directory) => new JsonFileAdapter(join(directory, 'store.json'))),
);
