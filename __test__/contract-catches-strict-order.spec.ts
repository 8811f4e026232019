/** What happens when: the order of calls, the beginning and the end, and what many of something take. */
import { InMemoryStorageAdapter, type ChatSession } from '../ts/index.js';
import { failuresInMemory, testThatEachIsCaught, type Planted } from './support/planted.js';

type Memory = InMemoryStorageAdapter;

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

/** One bug each, planted into an adapter that has none, and the test that must catch it. */
const planted: Planted<Memory> = {
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
