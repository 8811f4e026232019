import { statSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';

import { ConflictError, SQLiteStorageAdapter, type ChatMessage, type ChatSession } from '../ts/index.js';
import { StorageError } from '../ts/errors.js';
import { native, type Native } from '../ts/native.js';
import type { Connection } from '../ts/storage/sqlite/connection.js';
import { saveInPieces, type Image } from '../ts/storage/sqlite/large-saves.js';
import type { SessionText } from '../ts/storage/sqlite/session-text.js';
import { runNode } from './support/child.js';
import { temporaryDirectory } from './support/temporary.js';

const dist = join(__dirname, '..', 'dist', 'index.js');

const conversation = (count: number, from = 0): ChatMessage[] =>
  Array.from({ length: count }, (_, n) => ({
    id: `m${from + n}`,
    role: 'user',
    content: `text ${from + n} `.repeat(40),
    timestamp: new Date(n),
  }));

const sessionOf = (messages: ChatMessage[], more: Partial<ChatSession> = {}): ChatSession => ({
  id: 's',
  messages,
  createdAt: new Date(1),
  updatedAt: new Date(2),
  ...more,
});

let path = '';
let adapter: SQLiteStorageAdapter;
let other: SQLiteStorageAdapter;

beforeEach(() => {
  path = join(temporaryDirectory(), 's.db');
  adapter = new SQLiteStorageAdapter({ path, durability: 'process' });
  other = new SQLiteStorageAdapter({ path, durability: 'process' });
});

afterEach(async () => {
  await Promise.all([adapter.close(), other.close()]);
});

describe('what a save writes does not grow with the session', () => {
  /** Bytes that reach the disk when a session of so many messages is read, changed and saved. */
  async function written(count: number, change: (messages: ChatMessage[]) => unknown): Promise<number> {
    const file = join(temporaryDirectory(), 's.db');
    const first = new SQLiteStorageAdapter({ path: file, durability: 'process' });
    await first.saveSession('s', sessionOf(conversation(count)));
    await first.close();
    const second = new SQLiteStorageAdapter({ path: file, durability: 'process' });
    const session = (await second.getSession('s')) as ChatSession;
    change(session.messages);
    await second.saveSession('s', session);
    const bytes = statSync(`${file}-wal`).size;
    expect(await second.getSession('s')).toEqual(session);
    await second.close();
    return bytes;
  }

  test.each<[string, (messages: ChatMessage[]) => unknown]>([
    ['one message added at the end', (messages) => messages.push(...conversation(1, 1e6))],
    ['the oldest removed', (messages) => messages.shift()],
    ['one changed in the middle', (messages) => ((messages[messages.length >> 1] as ChatMessage).content += '!')],
    ['one inserted in the middle', (messages) => messages.splice(messages.length >> 1, 0, ...conversation(1, 1e6))],
  ])('%s', async (_, change) => {
    const [few, many] = [await written(100, change), await written(10_000, change)];
    expect(few).toBeGreaterThan(0);
    // A level or two more of the tree's pages.
    expect(many).toBeLessThanOrEqual(few + 4 * 16_384);
  });
});

test('a save is of the state at the call, however large the session', async () => {
  const session = sessionOf(conversation(3_000));
  const saved = adapter.saveSession('s', session);
  (session.messages[2_999] as ChatMessage).content = 'later';
  session.messages.push(...conversation(1, 5_000));
  const again = adapter.saveSession('s', session);
  (session.messages[0] as ChatMessage).content = 'later still';
  await Promise.all([saved, again]);
  const read = (await other.getSession('s')) as ChatSession;
  expect(read.messages.length).toBe(3_001);
  expect(read.messages[2_999]?.content).toBe('later');
  expect(read.messages[0]).toEqual(conversation(1)[0]);
});

test('who reads during a first save in pieces sees nothing or all of it', async () => {
  const session = sessionOf(conversation(4_000));
  await other.initialize();
  let done = false;
  const saved = adapter.saveSession('s', session).finally(() => (done = true));
  const seen = new Set<number | undefined>();
  while (!done) {
    seen.add((await other.getSession('s'))?.messages.length);
    await turn();
  }
  await saved;
  seen.add((await other.getSession('s'))?.messages.length);
  expect([...seen].every((count) => count === undefined || count === 4_000)).toBe(true);
  expect(seen.has(4_000)).toBe(true);
});

describe('a session that somebody else has changed', () => {
  test('is saved in full, as it was at each call', async () => {
    const session = sessionOf(conversation(50));
    await adapter.saveSession('s', session);
    await other.saveSession('s', sessionOf(conversation(3)));
    session.messages.shift();
    const saves = [adapter.saveSession('s', session)];
    const afterFirst = structuredClone(session);
    session.messages.push(...conversation(1, 100));
    saves.push(adapter.saveSession('s', session));
    (session.messages[7] as ChatMessage).content = 'not yet';
    await saves[0];
    expect(afterFirst.messages.length).toBe(49);
    await Promise.all(saves);
    const read = (await other.getSession('s')) as ChatSession;
    expect(read.messages).toEqual([
      ...conversation(49, 1).map((message, n) => ({ ...message, timestamp: new Date(n + 1) })),
      ...conversation(1, 100),
    ]);
    // And what is known of it now is right: the next changes are small ones again.
    await adapter.saveSession('s', session);
    expect(await other.getSession('s')).toEqual(session);
  });

  test('or deleted, keeps the order of the calls', async () => {
    const session = sessionOf(conversation(20));
    await adapter.saveSession('s', session);
    await other.deleteSession('s');
    session.messages.push(...conversation(1, 100));
    const saved = adapter.saveSession('s', session);
    const read = adapter.getSession('s');
    const listed = adapter.listSessions();
    const deleted = adapter.deleteSession('s');
    const gone = adapter.getSession('s');
    const last = adapter.saveSession('s', sessionOf(conversation(1)));
    const appended = adapter.appendMessages('s', conversation(1, 200));
    await Promise.all([saved, last]);
    expect((await read)?.messages.length).toBe(21);
    expect(await listed).toEqual(['s']);
    expect(await deleted).toBe(true);
    expect(await gone).toBeNull();
    expect(await appended).toBe(2);
    expect((await other.getSession('s'))?.messages.length).toBe(2);
  });

  test('is gone after a clear that was called later', async () => {
    const session = sessionOf(conversation(20));
    await adapter.saveSession('s', session);
    await other.saveSession('s', sessionOf([]));
    session.messages.pop();
    const saved = adapter.saveSession('s', session);
    const cleared = adapter.clear();
    const after = adapter.saveSession('t', session);
    await Promise.all([saved, cleared, after]);
    expect(await other.listSessions()).toEqual(['t']);
  });
});

test('calls on one session, not waited for, have their effect in their order', async () => {
  for (let round = 0; round < 10; round += 1) {
    const session = sessionOf(conversation(200));
    const calls = [adapter.saveSession('s', session)];
    const first = adapter.getSession('s');
    session.messages.pop();
    calls.push(adapter.saveSession('s', session));
    const second = adapter.getSession('s');
    const deleted = adapter.deleteSession('s');
    const none = adapter.getSession('s');
    session.messages.pop();
    calls.push(adapter.saveSession('s', session));
    session.messages.pop();
    calls.push(adapter.saveSession('s', session));
    const last = adapter.getVersioned('s');
    await Promise.all(calls);
    expect([(await first)?.messages.length, (await second)?.messages.length]).toEqual([200, 199]);
    expect([await deleted, await none, (await last)?.session.messages.length]).toEqual([true, null, 197]);
  }
});

describe('appending', () => {
  test('gives the new count, and what is known of the session goes on', async () => {
    const session = sessionOf(conversation(3));
    await adapter.saveSession('s', session);
    const more = conversation(2, 10);
    expect(await adapter.appendMessages('s', more)).toBe(5);
    session.messages.push(...more);
    const read = (await adapter.getSession('s')) as ChatSession;
    expect(read.messages).toEqual(session.messages);
    expect(read.updatedAt.getTime()).toBeGreaterThan(session.updatedAt.getTime());
    session.messages.splice(1, 1);
    await adapter.saveSession('s', session);
    expect(await other.getSession('s')).toEqual(session);
    expect(await Promise.all([adapter.appendMessages('s', more), adapter.appendMessages('s', more)])).toEqual([6, 8]);
  });

  test('to what is not there, or what is no message, is refused', async () => {
    await expect(adapter.appendMessages('s', [])).rejects.toMatchObject({ code: 'ERR_SESSION_UNKNOWN' });
    await adapter.saveSession('s', sessionOf([]));
    const wrong = [{ ...conversation(1)[0], tool: () => 1 }] as unknown as ChatMessage[];
    await expect(adapter.appendMessages('s', wrong)).rejects.toMatchObject({ path: '/messages/0/tool' });
    await expect(adapter.appendMessages('s', 'x' as never)).rejects.toBeInstanceOf(TypeError);
  });
});

describe('versions', () => {
  test('grow, and the loser hears of both', async () => {
    const session = sessionOf(conversation(3));
    const { version } = await adapter.saveVersioned('s', session, { ifVersion: null });
    expect((await adapter.getVersioned('s'))?.version).toBe(version);
    session.messages.push(...conversation(1, 9));
    const next = await adapter.saveVersioned('s', session, { ifVersion: version });
    expect(next.version).toBeGreaterThan(version);
    const lost = await adapter.saveVersioned('s', session, { ifVersion: version }).catch((error: unknown) => error);
    expect(lost).toBeInstanceOf(ConflictError);
    expect(lost).toMatchObject({ code: 'ERR_CONFLICT', expected: version, actual: next.version });
    await expect(adapter.saveVersioned('s', session, { ifVersion: null })).rejects.toMatchObject({ expected: null });
    await expect(adapter.saveVersioned('t', session, { ifVersion: 1 })).rejects.toMatchObject({ actual: null });
    await adapter.saveSession('s', session);
    expect(await other.getSession('s')).toEqual(session);
  });

  test('of two that increment, neither loses what the other did', async () => {
    await adapter.saveSession('s', sessionOf([], { context: { count: 0 } }));
    const increment = async (store: SQLiteStorageAdapter): Promise<void> => {
      for (let done = 0; done < 20;) {
        const { session, version } = (await store.getVersioned('s')) as { session: ChatSession; version: number };
        session.context = { count: (session.context?.['count'] as number) + 1 };
        const saved = await store.saveVersioned('s', session, { ifVersion: version }).then(
          () => true,
          (error: unknown) => {
            if (error instanceof ConflictError) return false;
            throw error;
          },
        );
        if (saved) done += 1;
      }
    };
    await Promise.all([increment(adapter), increment(other)]);
    expect((await adapter.getSession('s'))?.context).toEqual({ count: 40 });
  });
});

test('a large save that nobody waited for lands at process.exit(), and what was asked for behind it', async () => {
  const script = `
    const { SQLiteStorageAdapter } = require(${JSON.stringify(dist)});
    const adapter = new SQLiteStorageAdapter({ path: ${JSON.stringify(path)} });
    const messages = Array.from({ length: 5000 }, (_, n) => ({ id: 'm' + n, role: 'user', content: 'text '.repeat(40), timestamp: new Date(n) }));
    const session = { id: 's', messages, createdAt: new Date(1), updatedAt: new Date(2) };
    adapter.initialize().then(() => {
      adapter.saveSession('s', session);
      messages.pop();
      adapter.saveSession('s', session);
      adapter.deleteSession('t');
      adapter.saveSessions([['u', session], ['v', session]]);
      adapter.saveSession('t', session);
      process.exit(0);
    });`;
  expect(await runNode(['-e', script], { cwd: temporaryDirectory() })).toEqual({ code: 0, output: '' });
  expect((await adapter.getSession('s'))?.messages.length).toBe(4_999);
  expect((await adapter.listSessions({ orderBy: 'id', order: 'asc' })).join('')).toBe('stuv');
});

test('what first saves of large sessions have to write counts in the queue', async () => {
  const narrow = new SQLiteStorageAdapter({ path, durability: 'process', maxQueueBytes: 1_000_000 });
  const session = sessionOf(conversation(5_000)); // some 2 MB
  const ids = Array.from({ length: 20 }, (_, n) => `s${n}`);
  const outcomes = await Promise.allSettled(ids.map((id) => narrow.saveSession(id, session)));
  const saved = ids.filter((_, n) => outcomes[n]?.status === 'fulfilled');
  for (const outcome of outcomes) {
    if (outcome.status === 'fulfilled') continue;
    expect(outcome).toMatchObject({ reason: { code: 'ERR_BACKPRESSURE', name: 'StorageError' } });
  }
  expect(saved.length).toBeGreaterThan(0);
  expect(saved.length).toBeLessThan(10);
  expect((await narrow.listSessions({ orderBy: 'id' })).toSorted()).toEqual(saved.toSorted());
  // None of it takes any room any more.
  for (const id of ids) await narrow.saveSession(id, session);
  expect(await narrow.getSession('s19')).toEqual(session);
  await narrow.close();
});

test('what has come of a large save has no room any more once it is given up, unless all has come', async () => {
  const abandoned = jest.spyOn(native(), 'abandonMessages');
  const first = { texts: ['{}'], types: '' };
  for (const complete of [false, true]) {
    let giveUp: (error: Error) => void = () => undefined;
    let step = (): boolean => false;
    const connection = {
      now: (ask: (binary: Native) => unknown) => ask(native()),
      go: () => new Promise((_, reject) => (giveUp = reject)),
      pace: { begin: (it: () => boolean) => (step = it) },
    } as unknown as Connection;
    const text = { next: () => first, done: complete } as unknown as SessionText;
    const saved = saveInPieces(connection, {} as Image, first, text, false, () => undefined);
    expect(step()).toBe(!complete);
    giveUp(new StorageError('ERR_INDETERMINATE', 'nobody knows'));
    await expect(saved).rejects.toMatchObject({ code: 'ERR_INDETERMINATE' });
    expect(abandoned).toHaveBeenCalledTimes(1);
    expect(step()).toBe(false);
  }
  abandoned.mockRestore();
});

test('a close waits for a save in pieces', async () => {
  const saved = adapter.saveSession('s', sessionOf(conversation(3_000)));
  const closed = adapter.close();
  await expect(adapter.getSession('s')).rejects.toMatchObject({ code: 'ERR_CLOSED' });
  await expect(adapter.saveSession('s', sessionOf([]))).rejects.toMatchObject({ code: 'ERR_CLOSED' });
  await Promise.all([saved, closed]);
  expect((await other.getSession('s'))?.messages.length).toBe(3_000);
});

test('what is refused in the middle of a large session is named, and nothing is stored', async () => {
  const session = sessionOf(conversation(1_000));
  Object.defineProperty(session.messages[900], 'content', { get: () => 'code', enumerable: true });
  await expect(adapter.saveSession('s', session)).rejects.toMatchObject({
    code: 'ERR_VALUE_UNSUPPORTED',
    path: '/messages/900/content',
  });
  expect(await adapter.getSession('s')).toBeNull();
  session.messages.splice(900, 1);
  await adapter.saveSession('s', session);
  expect(await adapter.getSession('s')).toEqual(session);
});
