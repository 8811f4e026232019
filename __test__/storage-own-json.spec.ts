/** `unsupported: 'json'`: a session that is more than plain data is what its own `toJSON()` says, and is found by that. */
import { join } from 'node:path';

import {
  FileStorageAdapter,
  InMemoryStorageAdapter,
  SQLiteStorageAdapter,
  type ChatMessage,
  type ChatSession,
} from '../ts/index.js';
import { conversation } from './support/sessions.js';
import { temporaryDirectory } from './support/temporary.js';

const lenient = { unsupported: 'json' } as const;
const adapters = [
  ['memory', () => new InMemoryStorageAdapter(lenient)],
  ['file', () => new FileStorageAdapter({ path: temporaryDirectory(), ...lenient })],
  ['sqlite', () => new SQLiteStorageAdapter({ path: join(temporaryDirectory(), 's.db'), ...lenient })],
] as const;

const at = new Date(1_000);

/** As a program writes them that shows nothing of its insides. */
class Conversation {
  readonly id = 's';
  readonly createdAt = at;
  updatedAt = at;
  calls = 0;
  #agent: string;
  readonly #messages: ChatMessage[];

  constructor(agent = 'writer', messages = conversation(2)) {
    this.#agent = agent;
    this.#messages = messages;
  }

  get messages(): ChatMessage[] {
    return this.#messages;
  }

  get activeAgent(): string {
    return this.#agent;
  }

  handOverTo(agent: string): void {
    this.#agent = agent;
  }

  toJSON(): object {
    this.calls += 1;
    const { id, createdAt, updatedAt } = this;
    return { id, activeAgent: this.#agent, messages: this.#messages, createdAt, updatedAt, source: 'toJSON' };
  }
}

const stored = (activeAgent: string, messages = conversation(2)): unknown => {
  const [createdAt, updatedAt] = [at.toISOString(), at.toISOString()];
  return { id: 's', activeAgent, messages, createdAt, updatedAt, source: 'toJSON' };
};

/** A session with something instead of the `toJSON()` of its class. */
const saying = (toJSON: (this: Conversation) => unknown): ChatSession =>
  Object.defineProperty(new Conversation(), 'toJSON', { value: toJSON });

describe.each(adapters)('%s', (_, make) => {
  let store: ReturnType<typeof make>;
  beforeEach(() => (store = make()));
  afterEach(() => store.close());

  const found = async (agent: string): Promise<string[]> => store.listSessions({ activeAgent: agent });

  test('with private fields it is stored, and found by its agent', async () => {
    await store.saveSession('s', new Conversation());
    expect(await store.getSession('s')).toEqual(stored('writer'));
    expect(await found('writer')).toEqual(['s']);
    expect((await store.getSessionInfo('s'))?.activeAgent).toBe('writer');
    await store.set('k', new Conversation());
    expect(await store.get('k')).toMatchObject({ id: 's', activeAgent: 'writer', source: 'toJSON' });
  });

  test('it is asked once in each save, at the call', async () => {
    const session = new Conversation();
    for (const [n, agent] of ['writer', 'critic', 'editor'].entries()) {
      session.handOverTo(agent);
      const saved = store.saveSession('s', session);
      expect(session.calls).toBe(n + 1);
      session.messages.push(...conversation(1));
      session.handOverTo('nobody');
      await saved;
      expect(session.calls).toBe(n + 1);
      expect(await store.getSession('s')).toEqual(
        stored(agent, [...conversation(2), ...session.messages.slice(2, -1)]),
      );
      expect([await found(agent), await found('nobody')]).toEqual([['s'], []]);
    }
  });

  test('many at once are as well', async () => {
    const sessions = ['writer', 'critic'].map((agent) => new Conversation(agent));
    const pairs = sessions.map((session, n) => [`s${n}`, session] as const);
    if ('saveSessions' in store) await store.saveSessions(pairs);
    else await Promise.all(pairs.map(([id, session]) => store.saveSession(id, session)));
    expect([await found('writer'), await found('critic')]).toEqual([['s0'], ['s1']]);
    expect(sessions.map(({ calls }) => calls)).toEqual([1, 1]);
  });

  test('of what it gives, messages are not stored a second time', async () => {
    const seen: string[] = [];
    const messages = conversation(2).map((message) =>
      Object.assign(message, { large: 5n, toJSON: () => (seen.push(message.id), { id: message.id }) }),
    );
    await store.saveSession('s', new Conversation('writer', messages));
    expect(seen).toEqual(['m0', 'm1']);
    expect((await store.getSession('s'))?.messages).toEqual([{ id: 'm0' }, { id: 'm1' }]);
  });

  test('an object with one of its own is what that gives', async () => {
    const session: ChatSession = { id: 's', messages: conversation(300), createdAt: at, updatedAt: at };
    const own = { id: 's', toJSON: 'no code', messages: 'none', nested: { messages: [1], toJSON: () => 'within' } };
    Object.defineProperty(session, 'toJSON', { value: () => ({ ...own, activeAgent: session.messages.at(-1)?.id }) });
    for (const last of ['m299', 'm300', 'm301']) {
      await store.saveSession('s', session);
      const { messages } = session;
      expect(await store.getSession('s')).toEqual({ ...own, messages, nested: 'within', activeAgent: last });
      expect(await found(last)).toEqual(['s']);
      messages.push({ ...conversation(1)[0], id: `m${messages.length}` } as ChatMessage);
    }
  });

  test('the code of what it gives is not run, but for what JSON runs', async () => {
    await store.saveSession(
      's',
      saying(() => ({ id: 's', toJSON: () => 'again', activeAgent: { toJSON: () => 'writer' } })),
    );
    expect(await store.getSession('s')).toEqual({ id: 's', activeAgent: 'writer', messages: conversation(2) });
    expect(await found('writer')).toEqual(['s']);
  });

  test('who is left out there is not found either', async () => {
    const session = { id: 's', activeAgent: 'writer', messages: [], createdAt: at, updatedAt: at };
    await store.saveSession('s', { ...session, toJSON: () => ({ id: 's' }) } as ChatSession);
    await store.saveSession('t', { ...session, activeAgent: 5n } as unknown as ChatSession);
    await store.saveSession('u', { ...session, activeAgent: new URL('a:writer') } as unknown as ChatSession);
    for (const agent of ['writer', '5', 'a:writer']) expect(await found(agent)).toEqual([]);
    expect((await store.getSession('t'))?.activeAgent).toBe(5n);
  });

  test('an agent that an accessor gives is found as it comes back', async () => {
    const session = { id: 's', messages: [], createdAt: at, updatedAt: at };
    const agent = { get: () => 'writer', enumerable: true };
    await store.saveSession('s', Object.defineProperty({ ...session }, 'activeAgent', agent));
    expect((await store.getSession('s'))?.activeAgent).toBe('writer');
    expect(await found('writer')).toEqual(['s']);
  });

  test.each<[string, (this: Conversation) => unknown, RegExp]>([
    ['throws', () => { throw new Error('broken'); }, /something that threw when it was read/], // prettier-ignore
    ['gives a BigInt', () => ({ count: 5n }), /something that threw when it was read/],
    ['gives nothing', () => undefined, /gives no object/],
    ['gives a list', () => [1], /gives no object/],
    ['gives a text', () => '{}', /gives no object/],
  ])('one that %s is refused', async (_name, toJSON, message) => {
    const refused = { code: 'ERR_VALUE_UNSUPPORTED', message: expect.stringMatching(message) as string };
    await expect(store.saveSession('s', saying(toJSON))).rejects.toMatchObject(refused);
    expect(await store.getSession('s')).toBeNull();
  });

  test('one that cannot be had is refused', async () => {
    const session = Object.defineProperty(new Conversation(), 'toJSON', {
      get: () => { throw new Error('broken'); }, // prettier-ignore
    });
    await expect(store.saveSession('s', session)).rejects.toMatchObject({ code: 'ERR_VALUE_UNSUPPORTED' });
  });

  test('without one, what is more than JSON keeps its type', async () => {
    const session = { id: 's', messages: [], createdAt: at, updatedAt: at, toJSON: 'no code', seen: new Set(['a']) };
    await store.saveSession('s', session);
    expect(await store.getSession('s')).toEqual(session);
  });
});
