/** A damaged session is replaced by what is saved over it, also where the adapter remembers what it has saved before. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

import { SQLiteStorageAdapter, type ChatMessage, type ChatSession, type SQLiteStorageOptions } from '../ts/index.js';
import { native } from '../ts/native.js';
import { temporaryDirectory } from './support/temporary.js';

/** So long that each message has pages of its own, which a save of another one does not write. */
const LONG = 40_000;

const message = (n: number): ChatMessage => ({
  id: `m${n}`,
  role: 'user',
  content: `text ${n} `.repeat(LONG / 7),
  timestamp: new Date(n),
});

const sessionOf = (count: number): ChatSession => ({
  id: 's',
  messages: Array.from({ length: count }, (_, n) => message(n)),
  createdAt: new Date(1),
  updatedAt: new Date(2),
});

let path = '';
const opened: SQLiteStorageAdapter[] = [];

function open(options: SQLiteStorageOptions = {}): SQLiteStorageAdapter {
  const adapter = new SQLiteStorageAdapter({ path, durability: 'process', ...options });
  opened.push(adapter);
  return adapter;
}

beforeEach(() => {
  path = join(temporaryDirectory(), 's.db');
});

afterEach(async () => {
  await Promise.all(opened.splice(0).map((adapter) => adapter.close()));
});

/** In a process of its own: whoever closes a file takes the locks along that its process has on it. */
const DAMAGE = `
  const { readFileSync, writeFileSync } = require('node:fs');
  const [path, hex, offset, byte] = process.argv.slice(1);
  let found = 0;
  for (const file of [path, path + '-wal']) {
    const all = readFileSync(file);
    const bytes = Buffer.from(hex, 'hex');
    for (let at = all.indexOf(bytes); at !== -1; at = all.indexOf(bytes, at + 1)) {
      all.writeUInt8(Number(byte), at + Number(offset));
      found += 1;
    }
    writeFileSync(file, all, { flag: 'r+' });
  }
  if (found === 0) throw new Error('there is nothing to be damaged');
`;

/**
 * Changes a byte wherever the store has these, in the file or in its log, which the engine believes while it is open. What
 * adapters know of pages they look up anew when somebody else has written.
 */
async function damage(bytes: string, offset: number, byte: number): Promise<void> {
  const hex = Buffer.from(bytes, 'latin1').toString('hex');
  execFileSync(process.execPath, ['-e', DAMAGE, path, hex, String(offset), String(byte)]);
  // What is there already is not written again.
  await open().set('k', opened.length);
}

/** Far behind the beginning of the second message, which is on a page with others. */
const damageText = (): Promise<void> => damage('text 1 '.repeat(100), 400, 0x58);

const corrupt = { code: 'ERR_CORRUPT' };

/** An adapter that has saved a session which was damaged since. */
async function damaged(
  options?: SQLiteStorageOptions,
): Promise<{ adapter: SQLiteStorageAdapter; session: ChatSession }> {
  const adapter = open(options);
  const session = sessionOf(4);
  await adapter.saveSession('s', session);
  await damageText();
  return { adapter, session };
}

/** All is there again, and to anybody. */
async function expectHealed(adapter: SQLiteStorageAdapter, session: ChatSession): Promise<void> {
  expect(await adapter.getSession('s')).toEqual(session);
  expect(await open().getSession('s')).toEqual(session);
  expect((await adapter.verify()).damaged).toEqual([]);
}

const readings: [string, (adapter: SQLiteStorageAdapter) => Promise<unknown>][] = [
  ['getSession', (adapter) => adapter.getSession('s')],
  ['getVersioned', (adapter) => adapter.getVersioned('s')],
  ['getSessions', (adapter) => adapter.getSessions(['s', 't'])],
  ['getMessages', (adapter) => adapter.getMessages('s')],
  ['a part of them', (adapter) => adapter.getMessages('s', { before: 2, last: 1 })],
];

test.each(readings)('after %s met the damage a save replaces all of it', async (_, read) => {
  const { adapter, session } = await damaged();
  await expect(read(adapter)).rejects.toMatchObject(corrupt);
  session.messages.push(message(4));
  await adapter.saveSession('s', session);
  await expectHealed(adapter, session);
});

test('and so does one that changes nothing, and one over the version that is there', async () => {
  const { adapter, session } = await damaged();
  await expect(adapter.getSession('s')).rejects.toMatchObject(corrupt);
  await adapter.saveSession('s', session);
  await expectHealed(adapter, session);
  await damageText();
  await expect(adapter.getSession('s')).rejects.toMatchObject(corrupt);
  const version = (await adapter.getSessionInfo('s'))?.version as number;
  await adapter.saveVersioned('s', session, { ifVersion: version });
  await expectHealed(adapter, session);
});

test('a small session that is read on the calling thread is replaced as well', async () => {
  const adapter = open();
  const session = sessionOf(0);
  session.messages = [0, 1, 2].map((n) => ({ ...message(n), content: `short ${n}` }));
  await adapter.saveSession('s', session);
  await damage('short 1', 0, 0x53);
  const here = jest.spyOn(native(), 'storageReadSmall');
  await expect(adapter.getSession('s')).rejects.toMatchObject(corrupt);
  expect(here).toHaveBeenCalledTimes(1);
  here.mockRestore();
  await adapter.saveSession('s', session);
  await expectHealed(adapter, session);
});

test('what verify names is replaced by the next save', async () => {
  const { adapter, session } = await damaged();
  expect((await adapter.verify()).damaged).toMatchObject([{ kind: 'session', id: 's' }]);
  session.messages.push(message(4));
  await adapter.saveSession('s', session);
  await expectHealed(adapter, session);
});

test('also where messages are added while the damage is being met', async () => {
  const { adapter, session } = await damaged();
  const read = adapter.getSession('s');
  const appended = adapter.appendMessages('s', [message(4)]);
  await expect(read).rejects.toMatchObject(corrupt);
  expect(await appended).toBe(5);
  session.messages.push(message(4));
  await adapter.saveSession('s', session);
  await expectHealed(adapter, session);
});

test('a save of changes to a message that is not there any more writes all, without anybody having read', async () => {
  const adapter = open();
  const session = sessionOf(4);
  await adapter.saveSession('s', session);
  // The second message's place, which is in front of its text, becomes another one.
  await damage('\x10\x00\x00{"id":"m1"', 2, 1);
  (session.messages[1] as ChatMessage).content = 'changed';
  await adapter.saveSession('s', session);
  await expectHealed(adapter, session);
});

test('what was not damaged goes on being saved by its changes', async () => {
  const { adapter, session } = await damaged();
  await adapter.saveSession('other', { ...session, id: 'other' });
  await expect(adapter.getSession('s')).rejects.toMatchObject(corrupt);
  const whole = jest.spyOn(native(), 'storageSaveComing');
  await adapter.saveSession('other', { ...session, id: 'other' });
  expect(whole).not.toHaveBeenCalled();
  await adapter.saveSession('s', session);
  expect(whole).toHaveBeenCalled();
  await adapter.saveSession('s', session);
  expect(whole).toHaveBeenCalledTimes(1);
  whole.mockRestore();
});

/** Two sessions, of which the row of one is damaged, and so the number that its messages are found by. */
async function damagedRow(): Promise<{ adapter: SQLiteStorageAdapter; session: ChatSession }> {
  const adapter = open();
  const session = { ...sessionOf(0), context: { notes: 'precious' } };
  session.messages = Array.from({ length: 3_000 }, (_, n) => ({ ...message(n), content: `short ${n}` }));
  await adapter.saveSession('s', session);
  await adapter.saveSession('other', { ...sessionOf(2), id: 'other' });
  await damage('precious', 0, 0x50);
  await expect(adapter.getSession('s')).rejects.toMatchObject(corrupt);
  return { adapter, session };
}

const newest = 9e9;

test.each([
  ['is overwritten', (adapter: SQLiteStorageAdapter, session: ChatSession) => adapter.saveSession('s', session), 3_002],
  ['is deleted', (adapter: SQLiteStorageAdapter) => adapter.deleteSession('s'), 2],
])('what a session with a damaged row leaves behind that %s, prune removes', async (_, mend, left) => {
  const { adapter, session } = await damagedRow();
  // As long as it is there, they may be wanted by whoever rescues it.
  expect(await adapter.prune({ updatedBefore: 0 })).toMatchObject({ sessions: 0, messages: 0, bytesFreed: 0 });
  await mend(adapter, session);
  expect((await adapter.verify()).damaged).toMatchObject([{ kind: 'file', id: 'messages' }]);
  expect(await adapter.prune({ updatedBefore: newest, dryRun: true })).toMatchObject({ messages: left });
  const report = await adapter.prune({ updatedBefore: 0 });
  expect(report).toMatchObject({ sessions: 0, messages: 3_000 });
  expect(report.bytesFreed).toBeGreaterThan(3_000 * 50);
  expect((await adapter.verify()).damaged).toEqual([]);
  expect(await adapter.getStats()).toMatchObject({ messages: left });
  expect((await adapter.getSession('other'))?.messages).toEqual(sessionOf(2).messages);
  expect(await adapter.prune({ updatedBefore: 0 })).toMatchObject({ messages: 0, bytesFreed: 0 });
});

test('a count of messages that is wrong, as earlier versions left it, is put right by the next prune', async () => {
  const adapter = open();
  await adapter.saveSession('s', sessionOf(4));
  // The number stands behind its name.
  await damage('\x03\x1d\x01messages', 11, 77);
  expect((await adapter.verify()).damaged).toMatchObject([{ kind: 'file', id: 'counters' }]);
  expect(await adapter.getStats()).toMatchObject({ messages: 77 });
  await adapter.prune({ updatedBefore: 0, dryRun: true });
  expect(await adapter.getStats()).toMatchObject({ messages: 77 });
  expect(await adapter.prune({ updatedBefore: 0 })).toMatchObject({ sessions: 0, messages: 0, bytesFreed: 0 });
  for (const any of [adapter, open()]) {
    expect((await any.verify()).damaged).toEqual([]);
    expect(await any.getStats()).toMatchObject({ messages: 4 });
  }
});
