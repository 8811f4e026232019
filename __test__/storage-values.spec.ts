import { isDeepStrictEqual } from 'node:util';
import { join } from 'node:path';
import fc from 'fast-check';

import {
  FileStorageAdapter,
  InMemoryStorageAdapter,
  SQLiteStorageAdapter,
  supports,
  type ChatMessage,
  type ChatSession,
  type StorageAdapter,
} from '../ts/index.js';
import { temporaryDirectory } from './support/temporary.js';
import { anyValue, objectOf, places, refusals } from './support/values.js';

const id = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 40 })
  .filter((text) => !text.includes('\0') && Buffer.byteLength(text) <= 512);

const moment = fc.date({ noInvalidDate: true });

/** Sessions whose every open place holds any value of the codec. */
const session: fc.Arbitrary<ChatSession> = fc
  .record({
    id: fc.string(),
    messages: fc.array(
      fc
        .record({ id: fc.string(), content: fc.string({ unit: 'binary' }), timestamp: anyValue, metadata: anyValue })
        .map((message) => ({ role: 'user' as const, ...message })),
      { maxLength: 5 },
    ),
    createdAt: moment,
    updatedAt: moment,
    activeAgent: fc.option(fc.string(), { nil: undefined }),
    extra: fc.uniqueArray(fc.tuple(fc.string(), anyValue), { selector: ([name]) => name, maxLength: 3 }),
  })
  .map(({ extra, ...known }) => {
    const names = new Set(Object.keys(known));
    return objectOf([...Object.entries(known), ...extra.filter(([name]) => !names.has(name))]) as ChatSession;
  });

const adapters: Record<string, () => StorageAdapter> = {
  sqlite: () => new SQLiteStorageAdapter({ path: join(temporaryDirectory(), 's.db'), durability: 'process' }),
  file: () => new FileStorageAdapter({ path: temporaryDirectory(), durability: 'process' }),
  memory: () => new InMemoryStorageAdapter(),
};

const empty = (): ChatSession => ({ id: 'e', messages: [], createdAt: new Date(1), updatedAt: new Date(2) });

async function rejection(promise: Promise<unknown>): Promise<{ code?: string; path?: string; name: string }> {
  return promise.then(
    () => {
      throw new Error('it did not reject');
    },
    (error: unknown) => error as { code?: string; path?: string; name: string },
  );
}

describe.each(Object.keys(adapters))('%s', (name) => {
  let adapter: StorageAdapter;

  beforeAll(async () => {
    adapter = (adapters[name] as () => StorageAdapter)();
    await adapter.initialize();
  });

  afterAll(() => adapter.close());

  test('sessions come back equal, whatever they hold', async () => {
    await fc.assert(
      fc.asyncProperty(id, session, async (key, value) => {
        await adapter.saveSession(key, value);
        const back = await adapter.getSession(key);
        expect(isDeepStrictEqual(back, value)).toBe(true);
        expect(Object.keys(back as object)).toEqual(Object.keys(value));
      }),
      { numRuns: 300 },
    );
  });

  test('values come back equal, whatever they are', async () => {
    await fc.assert(
      fc.asyncProperty(id, anyValue, async (key, value) => {
        await adapter.set(key, value);
        expect(isDeepStrictEqual(await adapter.get(key), value)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  test('what cannot come back is refused with its path, and what was there stays', async () => {
    await adapter.set('kept', 1);
    await adapter.saveSession('kept', empty());
    for (const make of Object.values(refusals)) {
      for (const [path, put] of places) {
        const failed = await rejection(adapter.set('kept', put(make())));
        expect(failed).toMatchObject({ code: 'ERR_VALUE_UNSUPPORTED', path: expect.stringMatching(`^${path}`) });
      }
      const message = {
        id: 'm',
        role: 'user' as const,
        content: '',
        timestamp: new Date(0),
        metadata: { tool: make() },
      };
      const inMessage = await rejection(adapter.saveSession('kept', { ...empty(), messages: [message] }));
      expect(inMessage.path).toMatch(/^\/messages\/0\/metadata\/tool/);
      const inContext = await rejection(adapter.saveSession('kept', { ...empty(), context: { tool: make() } }));
      expect(inContext.path).toMatch(/^\/context\/tool/);
    }
    expect(await adapter.get('kept')).toBe(1);
    expect(await adapter.getSession('kept')).toEqual(empty());
  });

  test('a promise in the place of a session is a forgotten await', async () => {
    const forgotten = adapter.getSession('nowhere') as Promise<never>;
    const failed = await rejection(adapter.saveSession('forgotten', forgotten as never));
    expect(failed).toBeInstanceOf(TypeError);
    expect(failed).toMatchObject({ message: expect.stringContaining('await') as string });
    if (supports(adapter, 'saveSessions'))
      expect(await rejection(adapter.saveSessions([['forgotten', forgotten as never]]))).toBeInstanceOf(TypeError);
    if (supports(adapter, 'saveVersioned'))
      expect(
        await rejection(adapter.saveVersioned('forgotten', forgotten as never, { ifVersion: null })),
      ).toBeInstanceOf(TypeError);
    expect(await adapter.getSession('forgotten')).toBeNull();
  });

  test('messages to append that are more than an array of them are refused', async () => {
    if (!supports(adapter, 'appendMessages')) throw new Error('all of ours can append');
    await adapter.saveSession('list', empty());
    const message: ChatMessage = { id: 'm', role: 'user', content: '', timestamp: new Date(0) };
    class Special extends Array<ChatMessage> {}
    const lists: ChatMessage[][] = [
      Object.assign([message], { total: 1 }),
      Object.assign(new Array<ChatMessage>(2), { 0: message }),
      Object.defineProperty([message], 0, { get: () => message }),
      new Proxy([message], {}),
      Special.from([message]) as Special,
    ];
    for (const list of lists) {
      const failed = await rejection(adapter.appendMessages('list', list));
      expect(failed).toMatchObject({ code: 'ERR_VALUE_UNSUPPORTED', path: expect.stringMatching('^/messages') });
    }
    expect(await adapter.getSession('list')).toEqual(empty());
  });

  test('ids and keys are any text, kept apart, or refused', async () => {
    const ids = [
      '../../x',
      'a/b',
      'a_b',
      'a:b',
      'A',
      'a',
      ' ',
      '.',
      '--',
      'é',
      'e\u0301',
      '🙂',
      "'; DROP TABLE sessions",
      '*',
    ];
    for (const key of ids) await adapter.set(key, key);
    for (const key of ids) expect(await adapter.get(key)).toBe(key);
    for (const wrong of ['', 'a\0b', '\ud800', 'x'.repeat(513), 'é'.repeat(257)]) {
      expect(await rejection(adapter.set(wrong, 1))).toMatchObject({ code: 'ERR_ID_INVALID' });
      expect(await rejection(adapter.getSession(wrong))).toMatchObject({ code: 'ERR_ID_INVALID' });
    }
    expect((await rejection(adapter.get(1 as never))).name).toBe('TypeError');
  });

  test('halves of characters in filters are treated alike', async () => {
    await adapter.clear();
    await adapter.saveSession('half', { ...empty(), activeAgent: 'x\ud800' });
    expect((await adapter.getSession('half'))?.activeAgent).toBe('x\ud800');
    expect(await adapter.listSessions({ activeAgent: 'x\ud800' })).toEqual(['half']);
    expect(await adapter.listSessions({ activeAgent: 'x' })).toEqual([]);
    expect(await rejection(adapter.listSessions({ idPrefix: '\ud83d' }))).toMatchObject({ code: 'ERR_OPTION_INVALID' });
  });

  test('wrong arguments are typed errors', async () => {
    for (const ttl of [0, -1, NaN, Infinity]) {
      expect(await rejection(adapter.set('k', 1, ttl))).toMatchObject({
        code: 'ERR_TTL_INVALID',
        name: 'StorageError',
      });
    }
    expect((await rejection(adapter.set('k', 1, '5' as never))).name).toBe('TypeError');
    for (const options of [
      { limit: -1 },
      { offset: 1.5 },
      { orderBy: 'size' },
      { order: 'up' },
      { createdAfter: NaN },
    ]) {
      expect(await rejection(adapter.listSessions(options as never))).toMatchObject({ code: 'ERR_OPTION_INVALID' });
    }
    for (const options of [{ limit: '1' }, { activeAgent: 1 }, { updatedBefore: 'now' }, null, 'all']) {
      expect((await rejection(adapter.listSessions(options as never))).name).toBe('TypeError');
    }
    for (const wrong of [{ createdAt: new Date(NaN) }, { updatedAt: '2025' }, { messages: {} }]) {
      expect((await rejection(adapter.saveSession('s', { ...empty(), ...wrong } as never))).name).toBe('TypeError');
    }
    for (const wrong of [{ createdAt: { [Symbol.toStringTag]: 'Date', getTime: () => 1 } }, { updatedAt: 1 }]) {
      expect((await rejection(adapter.saveSession('s', { ...empty(), ...wrong } as never))).name).toBe('TypeError');
    }
    const holes: ChatSession['messages'] = [];
    holes.length = 2;
    expect(await rejection(adapter.saveSession('s', { ...empty(), messages: holes }))).toMatchObject({
      path: '/messages',
    });
  });

  test('sessions that are not what they look like are refused, and none of their code runs', async () => {
    const run = (): never => {
      throw new Error('an accessor was run');
    };
    const get = { get: run, enumerable: true };
    const [message] = [{ id: 'm', role: 'user' as const, content: '', timestamp: new Date(0) }];
    const strange: [string, ChatSession][] = [
      ['', new Proxy(empty(), {})],
      ['', Object.assign(Object.create({ inherited: 1 }) as ChatSession, empty())],
      ['/messages', Object.defineProperty(empty(), 'messages', get)],
      ['/createdAt', Object.defineProperty(empty(), 'createdAt', get)],
      ['/activeAgent', Object.defineProperty(empty(), 'activeAgent', get)],
      ['/messages', { ...empty(), messages: new Proxy([message], {}) }],
      ['/messages', { ...empty(), messages: new (class Mine extends Array<typeof message> {})() }],
      ['/messages', { ...empty(), messages: Object.assign([message], { [Symbol('s')]: 1 }) }],
      ['/messages/0', { ...empty(), messages: Object.defineProperty([message], 0, get) }],
      ['/messages', { ...empty(), messages: Object.assign([message, , message], { total: 3 }) as ChatMessage[] }],
    ];
    for (const [path, value] of strange) {
      expect(await rejection(adapter.saveSession('s', value))).toMatchObject({ code: 'ERR_VALUE_UNSUPPORTED', path });
    }
    expect(await adapter.getSession('s')).toBeNull();
  });

  test.each([3, 1_100])(
    'a list of %i messages that is none any more is refused, also where it was saved',
    async (count) => {
      const messages = Array.from({ length: count }, (_, at) => ({
        ...({ id: `m${at}`, role: 'user', content: 'x' } as const),
        timestamp: new Date(at),
      }));
      const value = { ...empty(), messages };
      await adapter.saveSession('s', value);
      delete messages[1];
      Object.assign(messages, { total: count });
      for (const id of ['s', 't']) {
        expect(await rejection(adapter.saveSession(id, value))).toMatchObject({
          code: 'ERR_VALUE_UNSUPPORTED',
          path: '/messages',
        });
      }
      expect((await adapter.getSession('s'))?.messages).toHaveLength(count);
    },
  );
});
