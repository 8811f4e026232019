/** Bugs of adapters that do something to what is their caller's: to what they were given, or have given already. */
import { InMemoryStorageAdapter, type ChatMessage, type ChatSession } from '../ts/index.js';
import { failuresInMemory, testThatEachIsCaught, type Planted } from './support/planted.js';

type Memory = InMemoryStorageAdapter;

const APPEND = 'should append messages as they are at the call, and give the new count';
const SAVE_ALL = 'should save all sessions, or none';
const SAVE_VERSIONED = 'should give a session with its version, and null where there is none';
const SET_ALL = 'should set all values, or none';
const LIST = 'should list what all options together ask for';

/** What is done to the caller's is done once it is stored. */
const mark = (things: Iterable<object>): void => {
  for (const thing of things) if (!Object.isFrozen(thing)) Object.assign(thing, { _stored: true });
};

/** One bug each, planted into an adapter that has none, and the test that must catch it. */
const planted: Planted<Memory> = {
  'an append empties what it was given': [
    (adapter) => ({
      appendMessages: async (id, messages) => {
        const count = await adapter.appendMessages(id, messages);
        if (!Object.isFrozen(messages)) (messages as ChatMessage[]).splice(0);
        return count;
      },
    }),
    APPEND,
  ],
  'an append marks what it was given': [
    (adapter) => ({
      appendMessages: async (id, messages) => {
        const all = [...messages];
        const count = await adapter.appendMessages(id, messages);
        mark(all);
        return count;
      },
    }),
    APPEND,
  ],
  'a batch marks its sessions': [
    (adapter) => ({
      saveSessions: async (pairs) => {
        const all = [...pairs];
        await adapter.saveSessions(all);
        mark(all.map(([, session]) => session));
      },
    }),
    SAVE_ALL,
  ],
  'a batch takes the messages of its sessions out': [
    (adapter) => ({
      saveSessions: async (pairs) => {
        const all = [...pairs];
        await adapter.saveSessions(all);
        for (const [, session] of all) session.messages = [];
      },
    }),
    SAVE_ALL,
  ],
  'a session that is saved with its version loses its messages': [
    (adapter) => ({
      saveVersioned: async (id, session: ChatSession, options) => {
        const version = await adapter.saveVersioned(id, session, options);
        session.messages.splice(0);
        return version;
      },
    }),
    SAVE_VERSIONED,
  ],
  'a batch empties its values': [
    (adapter) => ({
      setMany: async (pairs, ttl) => {
        const all = [...pairs];
        await adapter.setMany(all, ttl);
        for (const [, value] of all) if (Array.isArray(value)) value.splice(0);
      },
    }),
    SET_ALL,
  ],
  'everybody gets the same listing': [
    (adapter) => {
      const given = new Map<string, string[]>();
      return {
        listSessions: async (options) => {
          const found = await adapter.listSessions(options);
          const what = JSON.stringify([options, found]);
          if (!given.has(what)) given.set(what, found);
          return given.get(what) as string[];
        },
      };
    },
    LIST,
  ],
};

testThatEachIsCaught(planted, failuresInMemory({ supports: new InMemoryStorageAdapter().capabilities, strict: true }));
