/** Bugs of adapters that remember what they have read, or keep what they tell of a session in a place of its own. */
import { InMemoryStorageAdapter, type ListOptions } from '../ts/index.js';
import { failuresInMemory, testThatEachIsCaught, type Bug, type Planted } from './support/planted.js';

type Memory = InMemoryStorageAdapter;

const SAME = 'should tell the same of a session by every way of reading, whatever has changed it';

/** Every way in which a session is changed. */
const WRITERS = ['saveSession', 'deleteSession', 'clear', 'appendMessages', 'saveVersioned', 'saveSessions', 'deleteSessions', 'prune'] as const; // prettier-ignore
type Writer = (typeof WRITERS)[number];

/** What is read is remembered, in a store of its own, until the session is changed in a way that is thought of. */
const remembering =
  (forgotten: Writer, bug: (adapter: Memory, remembered: Memory) => Partial<Memory>): Bug<Memory> =>
  (adapter) => {
    const remembered = new InMemoryStorageAdapter();
    const noticing = WRITERS.filter((name) => name !== forgotten).map((name) => {
      const write = adapter[name].bind(adapter) as (...given: unknown[]) => unknown;
      const writing = (...given: unknown[]): unknown => (void remembered.clear(), write(...given));
      return [name, writing];
    });
    return { ...(Object.fromEntries(noticing) as Partial<Memory>), ...bug(adapter, remembered) };
  };

/** The value that is remembered; this one, from now on, where there is none. */
const first = async <T>(remembered: Memory, id: string, value: T): Promise<T> => {
  if (value !== null && !(await remembered.has(id))) await remembered.set(id, value);
  return (await remembered.has(id)) ? ((await remembered.get<T>(id)) as T) : value;
};

/** The session is an old one, and its version that of today: who saves over it loses what came between. */
const oldSession = (adapter: Memory, remembered: Memory): Partial<Memory> => ({
  getVersioned: async (id) => {
    const stored = await adapter.getVersioned(id);
    return stored && { ...stored, session: await first(remembered, id, stored.session) };
  },
});

const oldInfo = (adapter: Memory, remembered: Memory): Partial<Memory> => ({
  getSessionInfo: async (id) => {
    const info = await adapter.getSessionInfo(id);
    const told = await first(remembered, id, info);
    return told && { ...told, version: info?.version ?? 0 };
  },
});

const oldMessages = (adapter: Memory, remembered: Memory): Partial<Memory> => ({
  getMessages: async (id, range) => {
    const messages = await adapter.getMessages(id, range);
    return range === undefined && messages !== null ? first(remembered, id, messages) : messages;
  },
});

const oldBatch = (adapter: Memory, remembered: Memory): Partial<Memory> => ({
  getSessions: async (ids) => {
    const found = await adapter.getSessions(ids);
    // Of several at once every one is read.
    if (found.size !== 1) return found;
    for (const [id, session] of found) found.set(id, await first(remembered, id, session));
    return found;
  },
});

/** An index of who is active where, from which a session that goes away by this way is not taken. */
const ghosts =
  (way: 'deleteSession' | 'deleteSessions' | 'prune' | 'clear', by: 'listSessions' | 'sessions'): Bug<Memory> =>
  (adapter) => {
    const agents = new Map<string, string | undefined>();
    const gone = new Map<string, string | undefined>();
    const remove = adapter[way].bind(adapter) as (...given: unknown[]) => Promise<unknown>;
    const listed = async (options: ListOptions = {}): Promise<string[]> => {
      const more = [...gone].filter(([, agent]) => agent !== undefined && agent === options.activeAgent);
      return [...(await adapter.listSessions(options)), ...more.map(([id]) => id)];
    };
    return {
      saveSession: async (id, session) => {
        await adapter.saveSession(id, session);
        agents.set(id, session.activeAgent);
        gone.delete(id);
      },
      [way]: async (...given: unknown[]) => {
        const answer = await remove(...given);
        for (const [id, agent] of agents) if ((await adapter.getSession(id)) === null) gone.set(id, agent);
        return answer;
      },
      ...(by === 'listSessions'
        ? { listSessions: listed }
        : {
            async *sessions(options) {
              yield* await listed(options);
            },
          }),
    } as Partial<Memory>;
  };

/** One bug each, planted into an adapter that has none, and the test that must catch it. */
const planted: Planted<Memory> = {
  'the session with its version is the one before the append': [remembering('appendMessages', oldSession), SAME],
  'the session with its version is the one before the save': [remembering('saveSession', oldSession), SAME],
  'the session with its version is the one before the batch': [remembering('saveSessions', oldSession), SAME],
  'the session with its version is the one before that': [remembering('saveVersioned', oldSession), SAME],
  'the info is that of before the append': [remembering('appendMessages', oldInfo), SAME],
  'the info is that of before the save': [remembering('saveSession', oldInfo), SAME],
  'the info is that of before the batch': [remembering('saveSessions', oldInfo), SAME],
  'the info outlasts its session': [remembering('deleteSession', oldInfo), SAME],
  'the info outlasts its session, in a batch': [remembering('deleteSessions', oldInfo), SAME],
  'the info outlasts its session, in a prune': [remembering('prune', oldInfo), SAME],
  'the info outlasts clearing': [remembering('clear', oldInfo), SAME],
  'the messages are those of before the append': [remembering('appendMessages', oldMessages), SAME],
  'the messages are those of before the batch': [remembering('saveSessions', oldMessages), SAME],
  'a batch is read as it was before the append': [remembering('appendMessages', oldBatch), SAME],
  'a batch is read as it was before the save with a version': [remembering('saveVersioned', oldBatch), SAME],
  'who was deleted is listed by its agent': [ghosts('deleteSession', 'listSessions'), SAME],
  'who was deleted in a batch is listed by its agent': [ghosts('deleteSessions', 'listSessions'), SAME],
  'who was pruned is listed by its agent': [ghosts('prune', 'listSessions'), SAME],
  'who was cleared is listed by its agent': [ghosts('clear', 'listSessions'), SAME],
  'who was deleted is iterated over by its agent': [ghosts('deleteSession', 'sessions'), SAME],
  'who was pruned is iterated over by its agent': [ghosts('prune', 'sessions'), SAME],
};

testThatEachIsCaught(planted, failuresInMemory({ supports: new InMemoryStorageAdapter().capabilities, strict: true }));
