/** Bugs of the ways that only some adapters have, in what is given and taken: values, ids and options. */
import { InMemoryStorageAdapter, type ChatMessage, type ChatSession } from '../ts/index.js';
import { failuresInMemory, testThatEachIsCaught, type Planted } from './support/planted.js';

type Memory = InMemoryStorageAdapter;

const VALUES = 'should give every value back equal, or refuse it and keep what was there';
const COPIES = 'should store a value as it is at the call, and give everybody one of their own';
const NO_IDS = 'should refuse what is no id, and store nothing';
const NO_OPTIONS = 'should refuse what is no option, no ttl and no session';
const NO_BOUND = 'should remove nothing where no moment is given';

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
