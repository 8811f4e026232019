import { InMemoryStorageAdapter, type ChatMessage, type ConflictError } from '../ts/index.js';
import { failuresInMemory, testThatEachIsCaught, type Planted } from './support/planted.js';

type Memory = InMemoryStorageAdapter;

/** One bug each, planted into an adapter that has none, and the test that must catch it. */
const planted: Planted<Memory> = {
  'it claims what it has not': [
    () => ({ capabilities: ['getSessions'] }),
    'should have every method that it is said to have',
  ],
  'an append gives what it added': [
    (adapter) => ({
      appendMessages: async (id, messages) => (await adapter.appendMessages(id, messages), messages.length),
    }),
    'should append messages as they are at the call, and give the new count',
  ],
  'an append composes letters': [
    (adapter) => ({
      appendMessages: (id, messages) =>
        adapter.appendMessages(
          id,
          messages.map((one) => ({ ...one, content: one.content.normalize('NFC') })),
        ),
    }),
    'should append messages as they are at the call, and give the new count',
  ],
  'an append leaves the step out': [
    (adapter) => ({
      appendMessages: (id, messages) =>
        adapter.appendMessages(
          id,
          messages.map(({ stepId: _, ...one }) => one as ChatMessage),
        ),
    }),
    'should append messages as they are at the call, and give the new count',
  ],
  'a part of the messages has no plans': [
    (adapter) => ({
      getMessages: async (id, range) =>
        (await adapter.getMessages(id, range))?.map(({ planId: _, ...one }) => one as ChatMessage) ?? null,
    }),
    'should give messages as they were saved, and null where there is no session',
  ],
  'messages are taken when the loop gets to it': [
    (adapter) => ({
      appendMessages: async (id, messages) => {
        await Promise.resolve();
        return adapter.appendMessages(id, messages);
      },
    }),
    'should append messages as they are at the call, and give the new count',
  ],
  'an append forgets updatedAt': [
    (adapter) => ({
      appendMessages: async (id, messages) => {
        const before = await adapter.getSession(id);
        if (before === null) return adapter.appendMessages(id, messages);
        await adapter.saveSession(id, { ...before, messages: [...before.messages, ...messages] });
        return before.messages.length + messages.length;
      },
    }),
    'should make updatedAt the later of what is stored and now',
  ],
  'an append brings updatedAt back from the future': [
    (adapter) => ({
      appendMessages: async (id, messages) => {
        const before = await adapter.getSession(id);
        if (before !== null) await adapter.saveSession(id, { ...before, updatedAt: new Date(0) });
        return adapter.appendMessages(id, messages);
      },
    }),
    'should make updatedAt the later of what is stored and now',
  ],
  'appends read, wait and write': [
    (adapter) => ({
      appendMessages: async (id, messages) => {
        const before = await adapter.getSession(id);
        await new Promise(setImmediate);
        if (before !== null) await adapter.saveSession(id, before);
        return adapter.appendMessages(id, messages);
      },
    }),
    'should append in the order of the calls, between the saves',
  ],
  'an append makes a session': [
    (adapter) => ({
      appendMessages: async (id, messages) => {
        const at = new Date();
        if ((await adapter.getSession(id)) === null)
          await adapter.saveSession(id, { id, messages: [], createdAt: at, updatedAt: at });
        return adapter.appendMessages(id, messages);
      },
    }),
    'should refuse to append to a session that is not there, and make none',
  ],
  'before is inclusive': [
    (adapter) => ({
      getMessages: (id, range = {}) =>
        adapter.getMessages(id, range.before === undefined ? range : { ...range, before: range.before + 1 }),
    }),
    'should give the part that is asked for',
  ],
  'the limit takes the newest': [
    (adapter) => ({
      getMessages: async (id, { limit, ...range } = {}) => {
        const messages = await adapter.getMessages(id, range);
        return limit === undefined ? messages : (messages?.slice(Math.max(0, messages.length - limit)) ?? null);
      },
    }),
    'should give the part that is asked for',
  ],
  'a part is in the order of times': [
    (adapter) => ({
      getMessages: async (id, { limit, ...range } = {}) => {
        const messages = await adapter.getMessages(id, range);
        return messages && messages.sort((a, b) => Number(a.timestamp) - Number(b.timestamp)).slice(0, limit);
      },
    }),
    'should give the part that is asked for',
  ],
  'no messages are no session': [
    (adapter) => ({
      getMessages: async (id, range) => {
        const messages = await adapter.getMessages(id);
        return messages?.length === 0 ? null : adapter.getMessages(id, range);
      },
    }),
    'should give messages as they were saved, and null where there is no session',
  ],
  'of a session without messages there is no info': [
    (adapter) => ({
      getSessionInfo: async (id) => {
        const info = await adapter.getSessionInfo(id);
        return info?.messageCount === 0 ? null : info;
      },
    }),
    'should tell of a session without its messages',
  ],
  'the info has an agent where there is none': [
    (adapter) => ({
      getSessionInfo: async (id) => {
        const info = await adapter.getSessionInfo(id);
        return info && { activeAgent: null as never, ...info };
      },
    }),
    'should tell of a session without its messages',
  ],
  'of a session without messages there is no version': [
    (adapter) => ({
      getVersioned: async (id) => {
        const stored = await adapter.getVersioned(id);
        return stored?.session.messages.length === 0 ? null : stored;
      },
    }),
    'should give a session with its version, and null where there is none',
  ],
  'of a missing session there are no messages': [
    (adapter) => ({ getMessages: async (id, range) => (await adapter.getMessages(id, range)) ?? [] }),
    'should give messages as they were saved, and null where there is no session',
  ],
  'the info has an old count': [
    (adapter) => ({
      getSessionInfo: async (id) => {
        const info = await adapter.getSessionInfo(id);
        return info && { ...info, messageCount: info.messageCount - 1 };
      },
    }),
    'should tell of a session without its messages',
  ],
  'the info has no size': [
    (adapter) => ({
      getSessionInfo: async (id) => {
        const info = await adapter.getSessionInfo(id);
        return info && { ...info, sizeBytes: 0 };
      },
    }),
    'should tell of a session without its messages',
  ],
  'the info has a version of its own': [
    (adapter) => ({
      getSessionInfo: async (id) => {
        const info = await adapter.getSessionInfo(id);
        return info && { ...info, version: 0 };
      },
    }),
    'should tell of a session without its messages',
  ],
  'a session with a version is taken when the loop gets to it': [
    (adapter) => ({
      saveVersioned: async (id, session, options) => {
        await Promise.resolve();
        return adapter.saveVersioned(id, session, options);
      },
    }),
    'should give a session with its version, and null where there is none',
  ],
  'a version is not compared': [
    (adapter) => ({
      saveVersioned: async (id, session) => {
        await adapter.saveSession(id, session);
        return { version: (await adapter.getVersioned(id))?.version ?? 0 };
      },
    }),
    'should save over the version that was read, and over no other',
  ],
  'null means any version': [
    (adapter) => ({
      saveVersioned: async (id, session, { ifVersion }) => {
        const stored = await adapter.getVersioned(id);
        return adapter.saveVersioned(id, session, { ifVersion: ifVersion ?? stored?.version ?? null });
      },
    }),
    'should save over the version that was read, and over no other',
  ],
  'a conflict does not tell the versions': [
    (adapter) => ({
      saveVersioned: (id, session, options) =>
        adapter.saveVersioned(id, session, options).catch(() => {
          throw Object.assign(new Error('lost'), { code: 'ERR_CONFLICT' });
        }),
    }),
    'should tell the loser both versions, and write nothing of its',
  ],
  'a conflict is an error like any other, but for its members': [
    (adapter) => ({
      saveVersioned: (id, session, options) =>
        adapter.saveVersioned(id, session, options).catch(({ code, message, expected, actual }: ConflictError) => {
          throw Object.assign(new Error(message), { name: 'ConflictError', code, expected, actual });
        }),
    }),
    'should tell the loser both versions, and write nothing of its',
  ],
  'the loser is written all the same': [
    (adapter) => ({
      saveVersioned: async (id, session, options) => {
        const saving = adapter.saveVersioned(id, session, options);
        await saving.catch(() => adapter.saveSession(id, session));
        return saving;
      },
    }),
    'should tell the loser both versions, and write nothing of its',
  ],
  'versions begin anew with a session': [
    (adapter) => {
      const first = new Map<string, number>();
      const shifted = (id: string, version: number): number => version - (first.get(id) ?? version - 1);
      return {
        deleteSession: async (id) => {
          const { version = 0 } = (await adapter.getVersioned(id)) ?? {};
          first.set(id, version);
          return adapter.deleteSession(id);
        },
        getVersioned: async (id) => {
          const read = await adapter.getVersioned(id);
          return read && { ...read, version: first.has(id) ? shifted(id, read.version) : read.version };
        },
      };
    },
    'should have versions grow with every change, also across deleting a session',
  ],
  'versions are compared before the write has its turn': [
    (adapter) => ({
      saveVersioned: async (id, session, { ifVersion }) => {
        const stored = await adapter.getVersioned(id);
        const actual = stored?.version ?? null;
        if (actual !== ifVersion) return adapter.saveVersioned(id, session, { ifVersion });
        await new Promise(setImmediate);
        await adapter.saveSession(id, session);
        return { version: (await adapter.getVersioned(id))?.version ?? 0 };
      },
    }),
    'should let one of many who read the same version win',
  ],
};

testThatEachIsCaught(planted, failuresInMemory({ supports: new InMemoryStorageAdapter().capabilities }));
