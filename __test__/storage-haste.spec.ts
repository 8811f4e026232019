/** Of a large session only the state is taken at the call: what must not be stored is looked for later, in that state. */
import { EventEmitter } from 'node:events';
import { join } from 'node:path';

import { SQLiteStorageAdapter, type ChatMessage, type ChatSession, type SQLiteStorageOptions } from '../ts/index.js';
import { temporaryDirectory } from './support/temporary.js';

/** More than are looked at closely at once. */
const MANY = 200;

const sessionOf = (count = MANY, characters = 10): ChatSession => ({
  id: 's',
  messages: Array.from({ length: count }, (_, n) => ({
    id: `m${n}`,
    role: 'user' as const,
    content: 'x'.repeat(characters),
    timestamp: new Date(n),
    metadata: { list: [n] },
  })),
  createdAt: new Date(1),
  updatedAt: new Date(2),
});

const lastOf = ({ messages }: ChatSession): ChatMessage & { metadata: Record<string, any> } =>
  messages.at(-1) as ChatMessage & { metadata: Record<string, any> };

const outcomes = async (saves: Promise<unknown>[]): Promise<unknown[]> =>
  (await Promise.allSettled(saves)).map((save) => (save.status === 'fulfilled' ? 'saved' : save.reason.path));

let adapter: SQLiteStorageAdapter;
const open = (options: SQLiteStorageOptions = {}): SQLiteStorageAdapter =>
  new SQLiteStorageAdapter({ path: join(temporaryDirectory(), 's.db'), durability: 'process', ...options });

beforeEach(() => {
  adapter = open();
});

afterEach(() => adapter.close());

const get = { get: () => 'code', enumerable: true, configurable: true };
const last = `/messages/${MANY - 1}`;
const overlooked: [string, path: string, put: (session: ChatSession) => unknown][] = [
  ['a getter', `${last}/x`, (session) => Object.defineProperty(lastOf(session), 'x', get)],
  ['a getter further in', `${last}/metadata/a~1b`, (session) => Object.defineProperty(lastOf(session).metadata, 'a/b', get)],
  ['a getter in an array', `${last}/metadata/list/0`, (session) => Object.defineProperty(lastOf(session).metadata['list'], 0, get)],
  ['a symbol', `${last}/metadata/Symbol(s)`, (session) => (lastOf(session).metadata[Symbol('s') as never] = 1)],
  ['a property of a Date', `${last}/timestamp/zone`, (session) => Object.assign(lastOf(session).timestamp, { zone: 'UTC' })],
  ['a hidden name of an array', `${last}/metadata/list/x`, (session) => Object.defineProperty(lastOf(session).metadata['list'], 'x', { value: 1 })],
]; // prettier-ignore

describe('what was refused is not stored by the saves behind it', () => {
  test.each(overlooked)('%s', async (_, path, put) => {
    const session = sessionOf();
    put(session);
    const saves = [adapter.saveSession('s', session), adapter.saveSession('s', session)];
    session.messages.push({ ...(session.messages[0] as ChatMessage), id: 'new' });
    saves.push(adapter.saveSession('s', session), adapter.saveSessions([['s', session]]));
    expect(await outcomes(saves)).toEqual([path, path, path, path]);
    expect(await adapter.getSession('s')).toBeNull();
  });

  test('a message that has taken the place of one that is refused is looked at itself', async () => {
    const session = sessionOf();
    Object.defineProperty(lastOf(session), 'x', get);
    const saves = [adapter.saveSession('s', session)];
    session.messages[MANY - 1] = { ...lastOf(session) };
    saves.push(adapter.saveSession('s', session));
    expect(await outcomes(saves)).toEqual([`${last}/x`, 'saved']);
    expect(await adapter.getSession('s')).toEqual(session);
  });
});

describe('what becomes of a large session after the call changes nothing', () => {
  const late: [string, (session: ChatSession) => unknown][] = [
    ['the session itself', (session) => session],
    ['a getter', () => Object.defineProperty({}, 'x', get)],
    ['one that throws', () => Object.defineProperty({}, 'x', { get: () => { throw new Error('boom'); }, enumerable: true })],
    ['an AbortController', () => new AbortController()],
    ['an EventEmitter', () => new EventEmitter()],
    ['a proxy', () => new Proxy({}, { getOwnPropertyDescriptor: () => { throw new Error('boom'); } })],
    ['a typed array of millions', () => new Float32Array(2e6)],
    ['an array of millions', () => new Array(2e6).fill(0)],
  ]; // prettier-ignore

  test.each(late)('%s', async (_, make) => {
    for (const put of [
      (session: ChatSession) => (lastOf(session).metadata['late'] = make(session)),
      (session: ChatSession) => (lastOf(session)['late'] = make(session)),
      (session: ChatSession) => (lastOf(session).metadata = make(session) as never),
      (session: ChatSession) => (lastOf(session).metadata['list'] = make(session)),
      (session: ChatSession) => (lastOf(session).timestamp = make(session) as never),
      (session: ChatSession) => (session.messages[MANY - 1] = make(session) as never),
    ]) {
      const [one, two] = [sessionOf(MANY, 1_000), sessionOf(MANY, 1_000)];
      const saves = [adapter.saveSession('one', one), adapter.saveSessions([['two', two]])];
      put(one);
      put(two);
      expect(await outcomes(saves)).toEqual(['saved', 'saved']);
      const expected = sessionOf(MANY, 1_000);
      expect([await adapter.getSession('one'), await adapter.getSession('two')]).toEqual([expected, expected]);
    }
  });

  test('nor does what is taken away', async () => {
    const session = sessionOf(MANY, 1_000);
    const saved = adapter.saveSession('s', session);
    delete (session.messages[MANY - 2] as Partial<ChatMessage>).timestamp;
    lastOf(session).metadata['list'].length = 0;
    session.messages.length = 1;
    await saved;
    expect(await adapter.getSession('s')).toEqual(sessionOf(MANY, 1_000));
  });
});

test("`unsupported: 'json'` does not depend on the number of messages", async () => {
  const lenient = open({ unsupported: 'json' });
  const stored = [];
  for (const count of [10, MANY]) {
    const session = sessionOf(count);
    Object.defineProperty(session.messages[3], 'x', { get: () => new Date(0), enumerable: true });
    Object.assign((session.messages[4] as ChatMessage).timestamp, { toJSON: () => 'mine' });
    Object.defineProperty(session.messages[5], 'x', { get: () => 1, enumerable: true });
    await lenient.saveSession(`s${count}`, session);
    stored.push((await lenient.getSession(`s${count}`))?.messages.slice(3, 6));
  }
  expect(stored[1]).toEqual(stored[0]);
  expect(stored[0]?.[1]?.timestamp).toBe('mine');
  await lenient.close();
});

describe('code in a session that was saved before', () => {
  const boom = (): never => {
    throw new Error('boom');
  };

  test.each([10, MANY])('that throws is refused by its name, among %i messages', async (count) => {
    const session = sessionOf(count);
    await adapter.saveSession('s', session);
    Object.defineProperty(session.messages[3], 'content', { get: boom, enumerable: true });
    await expect(adapter.saveSession('s', session)).rejects.toMatchObject({
      code: 'ERR_VALUE_UNSUPPORTED',
      path: '/messages/3/content',
    });
    Object.defineProperty(session.messages, 3, { get: boom, enumerable: true });
    await expect(adapter.saveSession('s', session)).rejects.toMatchObject({
      code: 'ERR_VALUE_UNSUPPORTED',
      path: '/messages/3',
    });
  });

  test('that gives another message is refused', async () => {
    const session = sessionOf(10);
    await adapter.saveSession('s', session);
    const other = { ...lastOf(session), id: 'other' };
    Object.defineProperty(session.messages, 3, { get: () => other, enumerable: true });
    await expect(adapter.saveSession('s', session)).rejects.toMatchObject({
      code: 'ERR_VALUE_UNSUPPORTED',
      path: '/messages/3',
    });
    expect(await adapter.getSession('s')).toEqual(sessionOf(10));
  });
});
