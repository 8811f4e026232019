/** Saves that are sent in pieces, because there is so much of the session. */
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';

import { SQLiteStorageAdapter, type ChatMessage, type ChatSession } from '../ts/index.js';
import { StorageError } from '../ts/errors.js';
import { native, type Native } from '../ts/native.js';
import type { Connection } from '../ts/storage/sqlite/connection.js';
import { saveInPieces, type Image } from '../ts/storage/sqlite/large-saves.js';
import type { SessionText } from '../ts/storage/sqlite/session-text.js';
import { runNode } from './support/child.js';
import { conversation, sessionOf } from './support/long-sessions.js';
import { temporaryDirectory } from './support/temporary.js';

const dist = join(__dirname, '..', 'dist', 'index.js');

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
