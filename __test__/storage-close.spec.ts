/** Whatever is asked for before, while or after a store closes is answered. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { SQLiteStorageAdapter, type ChatMessage, type ChatSession } from '../ts/index.js';
import { Calls } from '../ts/calls.js';
import { StorageError } from '../ts/errors.js';
import { native } from '../ts/native.js';
import { temporaryDirectory } from './support/temporary.js';

const sessionOf = (id: string, count = 1): ChatSession => ({
  id,
  messages: Array.from({ length: count }, (_, n): ChatMessage => ({
    id: `m${n}`,
    role: 'user',
    content: `text ${n} `.repeat(20),
    timestamp: new Date(n),
  })),
  createdAt: new Date(0),
  updatedAt: new Date(0),
});

/** Everything that can be asked of a store. */
const questions: Record<string, (adapter: SQLiteStorageAdapter, target: string) => Promise<unknown>> = {
  initialize: (adapter) => adapter.initialize(),
  saveSession: (adapter) => adapter.saveSession('s', sessionOf('s', 3)),
  'saveSession, large': (adapter) => adapter.saveSession('large', sessionOf('large', 5_000)),
  getSession: (adapter) => adapter.getSession('s'),
  deleteSession: (adapter) => adapter.deleteSession('gone'),
  listSessions: (adapter) => adapter.listSessions(),
  appendMessages: (adapter) => adapter.appendMessages('s', sessionOf('s').messages),
  getMessages: (adapter) => adapter.getMessages('s'),
  getSessionInfo: (adapter) => adapter.getSessionInfo('s'),
  getVersioned: (adapter) => adapter.getVersioned('s'),
  saveVersioned: (adapter) => adapter.saveVersioned('new', sessionOf('new'), { ifVersion: null }),
  getSessions: (adapter) => adapter.getSessions(['s']),
  'getSessions of none': (adapter) => adapter.getSessions([]),
  saveSessions: (adapter) => adapter.saveSessions([['batch', sessionOf('batch', 2_000)]]),
  'saveSessions again': (adapter) => adapter.saveSessions([['again', sessionOf('again', 2_000)]]),
  deleteSessions: (adapter) => adapter.deleteSessions(['gone']),
  set: (adapter) => adapter.set('k', 1),
  get: (adapter) => adapter.get('k'),
  delete: (adapter) => adapter.delete('gone'),
  has: (adapter) => adapter.has('k'),
  setMany: (adapter) => adapter.setMany([['k', 1]]),
  getMany: (adapter) => adapter.getMany(['k']),
  deleteMany: (adapter) => adapter.deleteMany(['gone']),
  getExpiry: (adapter) => adapter.getExpiry('k'),
  sessions: async (adapter) => adapter.sessions().next(),
  'sessions, none': async (adapter) => adapter.sessions({ limit: 0 }).next(),
  keys: async (adapter) => adapter.keys().next(),
  getStats: (adapter) => adapter.getStats(),
  prune: (adapter) => adapter.prune({ updatedBefore: -1 }),
  'prune, dry run': (adapter) => adapter.prune({ updatedBefore: -1, dryRun: true }),
  verify: (adapter) => adapter.verify(),
  backup: (adapter, target) => adapter.backup(target),
  clear: (adapter) => adapter.clear(),
};

let directory = '';
let adapter: SQLiteStorageAdapter;

beforeEach(() => {
  directory = temporaryDirectory();
  adapter = new SQLiteStorageAdapter({ path: join(directory, 's.db'), durability: 'process' });
});

afterEach(() => adapter.close());

const askAll = (): Promise<unknown>[] =>
  Object.values(questions).map((ask, n) => ask(adapter, join(directory, `${n}.copy`)));

test('what is asked for after the close is refused, each kind of question', async () => {
  await adapter.saveSession('s', sessionOf('s'));
  await adapter.close();
  for (const outcome of await Promise.allSettled(askAll())) {
    expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'ERR_CLOSED' } });
  }
});

test('what is asked for while it closes is refused, and what was asked for before lands', async () => {
  await adapter.saveSession('s', sessionOf('s'));
  const names = Object.keys(questions);
  const before = Promise.allSettled(askAll());
  const closed = adapter.close();
  const after = await Promise.allSettled(askAll());
  for (const outcome of after) expect(outcome).toMatchObject({ reason: { code: 'ERR_CLOSED' } });
  await closed;
  // What reads for long is ended early.
  const mayEnd = new Set(['verify', 'backup', 'prune, dry run']);
  for (const [at, outcome] of (await before).entries()) {
    if (outcome.status === 'rejected' && mayEnd.has(names[at] as string)) {
      expect(outcome).toMatchObject({ reason: { code: 'ERR_CLOSED' } });
    } else expect([names[at], outcome]).toMatchObject([names[at], { status: 'fulfilled' }]);
  }
});

test('two batches that take their time to be sent land before the close', async () => {
  const saved = ['a', 'b', 'c'].map((id) => adapter.saveSessions([[id, sessionOf(id, 2_000)]]));
  await adapter.close();
  await Promise.all(saved);
  const again = new SQLiteStorageAdapter({ path: adapter.path });
  expect((await again.listSessions({ orderBy: 'id', order: 'asc' })).sort()).toEqual(['a', 'b', 'c']);
  await again.close();
});

test('a prune that was begun goes on to its end', async () => {
  await adapter.saveSessions(Array.from({ length: 1_200 }, (_, n) => [`s${n}`, sessionOf(`s${n}`)] as const));
  const pruned = adapter.prune({ updatedBefore: 1 });
  await adapter.close();
  expect(await pruned).toMatchObject({ sessions: 1_200 });
  const again = new SQLiteStorageAdapter({ path: adapter.path });
  expect(await again.listSessions()).toEqual([]);
  await again.close();
});

test('a close ends a dry run, as it ends what is before it', async () => {
  await adapter.saveSessions([['s', sessionOf('s', 20_000)]]);
  const binary = native();
  const counting = jest.spyOn(binary, 'storagePrune');
  const verified = Array.from({ length: 20 }, () => adapter.verify().catch((error: { code?: string }) => error.code));
  const would = adapter.prune({ updatedBefore: 1, dryRun: true }).catch((error: { code?: string }) => error.code);
  const closed = adapter.close();
  expect(await would).toBe('ERR_CLOSED');
  expect((await Promise.all(verified)).at(-1)).toBe('ERR_CLOSED');
  expect(counting).toHaveBeenCalledTimes(1);
  counting.mockRestore();
  await closed;
});

test('a close that waits in vain for a save closes the file all the same', async () => {
  const patient = new SQLiteStorageAdapter({ path: adapter.path, durability: 'process', timeoutMs: 3_000 });
  const session = sessionOf('s');
  await patient.saveSession('s', session);
  const binary = native();
  const [saving, closing] = [jest.spyOn(binary, 'storageSaveChanges'), jest.spyOn(binary, 'storageClose')];
  saving.mockImplementation(() => undefined);
  session.messages.pop();
  const saved = patient.saveSession('s', session);
  const closed = patient.close();
  await expect(saved).rejects.toMatchObject({ code: 'ERR_INDETERMINATE' });
  await expect(closed).rejects.toMatchObject({ code: 'ERR_TIMEOUT' });
  expect(closing).toHaveBeenCalledTimes(1);
  for (const spy of [saving, closing]) spy.mockRestore();
});

test('a close answers although the file cannot be opened, whenever that turns out', async () => {
  const path = join(directory, 'taken');
  mkdirSync(path);
  for (let wait = 0; wait < 20; wait += 1) {
    const broken = new SQLiteStorageAdapter({ path });
    const asked = Promise.allSettled([broken.set('k', 1), broken.saveSessions([['s', sessionOf('s', 300)]])]);
    for (let turn = 0; turn < wait % 5; turn += 1) await new Promise(setImmediate);
    const rest = Promise.allSettled([broken.getStats(), broken.clear(), broken.has('k'), broken.listSessions()]);
    await broken.close();
    for (const outcome of [...(await asked), ...(await rest)]) expect(outcome.status).toBe('rejected');
  }
});

test('the binary refuses at once what could not be answered any more', async () => {
  const calls = new Calls(StorageError);
  const options = {
    path: join(directory, 'raw.db'),
    readers: 1,
    busyTimeoutMs: 1_000,
    maxQueueBytes: 1e6,
    direct: false,
  };
  let handle: ReturnType<ReturnType<typeof native>['storageOpen']> | undefined;
  await calls.run((binary, slot) => (handle = binary.storageOpen(options, calls.settle, slot)));
  const opened = handle as NonNullable<typeof handle>;
  await calls.run((binary, slot) => binary.storageClose(opened, slot));
  const closed = { code: 'ERR_CLOSED' };
  await expect(calls.run((binary, slot) => binary.storageClear(opened, slot, false))).rejects.toMatchObject(closed);
  await expect(calls.run((binary, slot) => binary.storageVerify(opened, slot))).rejects.toMatchObject(closed);
  await expect(calls.run((binary, slot) => binary.storageGetStats(opened, slot, 0, true))).rejects.toMatchObject(
    closed,
  );
  await expect(calls.run((binary, slot) => binary.storageClose(opened, slot))).rejects.toMatchObject(closed);
});
