import fs, { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { SQLiteStorageAdapter, supports } from '../ts/index.js';
import { native } from '../ts/native.js';
import { conversation, sessionOf } from './support/sessions.js';
import { temporaryDirectory } from './support/temporary.js';

async function all(items: AsyncIterable<string>): Promise<string[]> {
  const collected: string[] = [];
  for await (const item of items) collected.push(item);
  return collected;
}

let path = '';
let adapter: SQLiteStorageAdapter;

beforeEach(() => {
  path = join(temporaryDirectory(), 's.db');
  adapter = new SQLiteStorageAdapter({ path, durability: 'process' });
});

afterEach(() => adapter.close());

test('every capability that is listed is there', () => {
  for (const name of adapter.capabilities) expect(supports(adapter, name as 'prune')).toBe(true);
});

test('parts of a session, and what can be told without them', async () => {
  const session = { ...sessionOf('s', 5, conversation(10)), activeAgent: 'planner' };
  await adapter.saveSession('s', session);
  const ids = async (range?: object): Promise<string | undefined> =>
    (await adapter.getMessages('s', range))?.map(({ id }) => id.slice(1)).join('');
  expect(await ids()).toBe('0123456789');
  expect(await ids({ last: 3 })).toBe('789');
  expect(await ids({ before: 4 })).toBe('0123');
  expect(await ids({ before: 8, last: 4, limit: 2 })).toBe('45');
  expect(await ids({ limit: Infinity, last: 0 })).toBe('');
  expect(await adapter.getMessages('s', { last: 1 })).toEqual(session.messages.slice(9));
  expect(await adapter.getMessages('nobody')).toBeNull();
  const info = await adapter.getSessionInfo('s');
  expect(info).toMatchObject({
    messageCount: 10,
    activeAgent: 'planner',
    createdAt: new Date(5),
    updatedAt: new Date(5),
  });
  expect(info?.sizeBytes).toBeGreaterThan(100);
  expect(Object.keys(info ?? {}).sort()).toEqual([
    'activeAgent',
    'createdAt',
    'messageCount',
    'sizeBytes',
    'updatedAt',
    'version',
  ]);
  expect(info?.version).toBe((await adapter.getVersioned('s'))?.version);
  expect(await adapter.getSessionInfo('nobody')).toBeNull();
  await adapter.saveSession('s', sessionOf('s', 6));
  expect(await adapter.getSessionInfo('s')).not.toHaveProperty('activeAgent');
});

test('the size of a session counts what it is beside its messages', async () => {
  await adapter.saveSession('s', { ...sessionOf('s', 5, []), context: { notes: 'x'.repeat(10_000) } });
  expect((await adapter.getSessionInfo('s'))?.sizeBytes).toBeGreaterThan(10_000);
});

test('a read with a save on its way sees it, in every kind of reading', async () => {
  for (let count = 1; count < 10; count += 1) {
    const saved = adapter.saveSession('s', sessionOf('s', count, conversation(count)));
    const read = [
      adapter.getMessages('s').then((messages) => messages?.length),
      adapter.getSessionInfo('s').then((info) => info?.messageCount),
      adapter.getSessions(['s', 'none']).then((found) => found.get('s')?.messages.length),
      adapter.getStats().then((stats) => stats['messages']),
    ];
    expect(await Promise.all(read)).toEqual([count, count, count, count]);
    await saved;
  }
});

describe('pages', () => {
  test('of sessions give what the list gives, in every order', async () => {
    const many = Array.from({ length: 2_100 }, (_, n) => sessionOf(`s${n % 7}/${n}`, n >> 2, []));
    await adapter.saveSessions(many.map((session) => [session.id, session]));
    for (const orderBy of ['updatedAt', 'createdAt', 'id'] as const) {
      for (const order of ['asc', 'desc'] as const) {
        expect(await all(adapter.sessions({ orderBy, order }))).toEqual(await adapter.listSessions({ orderBy, order }));
      }
    }
    const part = { offset: 5, limit: 1_500, updatedAfter: 10, idPrefix: 's' };
    expect(await all(adapter.sessions(part))).toEqual(await adapter.listSessions(part));
    expect(await all(adapter.sessions({ limit: 0 }))).toEqual([]);
    for await (const id of adapter.sessions({ orderBy: 'id', order: 'asc' })) {
      expect(id).toBe('s0/0');
      break;
    }
  });

  test('give each session once, and end, although each is moved on as it is given', async () => {
    const many = Array.from({ length: 1_200 }, (_, n) => sessionOf(`s${n}`, n, []));
    await adapter.saveSessions(many.map((session) => [session.id, session]));
    const seen: string[] = [];
    const appends: Promise<number>[] = [];
    for await (const id of adapter.sessions({ order: 'asc' })) {
      seen.push(id);
      appends.push(adapter.appendMessages(id, conversation(1)));
      if (seen.length > many.length) break;
    }
    await Promise.all(appends);
    expect(seen).toEqual(many.map(({ id }) => id));
  });

  test('of keys come by code points, without those that have ended', async () => {
    const keys = Array.from({ length: 2_050 }, (_, n) => `k${n}`);
    await adapter.setMany(keys.map((key) => [key, 1]));
    await adapter.setMany([
      ['other', 1],
      ['\u{1F642}', 1],
      ['\uffff', 1],
    ]);
    expect(await all(adapter.keys({ prefix: 'k' }))).toEqual([...keys].sort());
    expect((await all(adapter.keys())).slice(-3)).toEqual(['other', '\uffff', '\u{1F642}']);
  });
});

describe('prune', () => {
  test('takes what was asked for immediately before it', async () => {
    const saves = Array.from({ length: 10 }, (_, n) => adapter.saveSession(`s${n}`, sessionOf(`s${n}`, n)));
    expect(await adapter.prune({ updatedBefore: 1_000 })).toMatchObject({ sessions: 10 });
    await Promise.all(saves);
    expect(await adapter.listSessions()).toEqual([]);
  });

  const fill = (): Promise<void> =>
    adapter.saveSessions(Array.from({ length: 1_200 }, (_, n) => [`s${n}`, sessionOf(`s${n}`, n)] as const));

  test('removes what is old, batch by batch, and says what it did', async () => {
    await fill();
    const known = sessionOf('s1', 1);
    await adapter.saveSession('s1', known);
    const would = await adapter.prune({ updatedBefore: new Date(1_100), dryRun: true });
    expect(would).toMatchObject({ sessions: 1_100, messages: 2_200, dryRun: true });
    expect((await adapter.getStats()).sessions).toBe(1_200);
    const report = await adapter.prune({ updatedBefore: 1_100 });
    expect(report).toMatchObject({ sessions: 1_100, messages: 2_200, dryRun: false });
    expect(report.bytesFreed).toBeGreaterThan(0);
    expect(await adapter.getStats()).toMatchObject({ sessions: 100, messages: 200 });
    // What is pruned is forgotten: a save of it is in full.
    await adapter.saveSession('s1', known);
    expect(await adapter.getSession('s1')).toEqual(known);
  });

  test('a dry run takes its time, as it changes nothing', async () => {
    await fill();
    const binary = native();
    const [counting, asking] = [jest.spyOn(binary, 'storagePrune'), jest.spyOn(binary, 'storageGetStats')];
    const patient = new SQLiteStorageAdapter({ path, timeoutMs: 200 });
    await patient.initialize();
    let count: () => void = () => undefined;
    const begun = new Promise<void>((resolve) => {
      counting.mockImplementationOnce((...words) => {
        counting.mockRestore();
        count = () => void binary.storagePrune(...words);
        resolve();
      });
    });
    asking.mockImplementationOnce(() => undefined);
    const would = patient.prune({ updatedBefore: 1_100, dryRun: true });
    await begun;
    // Asked for later, and given up.
    await expect(patient.getStats()).rejects.toMatchObject({ code: 'ERR_TIMEOUT' });
    count();
    expect(await would).toMatchObject({ sessions: 1_100, dryRun: true });
    asking.mockRestore();
    await patient.close();
  });

  test('takes no wrong type for a signal or a dry run', async () => {
    await adapter.saveSession('old', sessionOf('old', 1));
    for (const wrong of [{ signal: {} }, { signal: null }, { signal: 'x' }, { dryRun: 1 }, { dryRun: null }]) {
      const pruned = adapter.prune({ updatedBefore: 100, ...(wrong as object) });
      await expect(pruned).rejects.toThrow(/must be/);
    }
    expect(await adapter.listSessions()).toEqual(['old']);
  });

  test('ends between two batches when it is told to', async () => {
    await fill();
    await expect(adapter.prune({ updatedBefore: 9e9, signal: AbortSignal.abort() })).rejects.toMatchObject({
      name: 'AbortError',
    });
    expect((await adapter.getStats()).sessions).toBe(1_200);
    const stop = new AbortController();
    const binary = native();
    const ask = binary.storagePrune;
    // As soon as the second one has been asked for.
    const asking = jest.spyOn(binary, 'storagePrune').mockImplementation((...words) => {
      if (asking.mock.calls.length === 2) void Promise.resolve().then(() => stop.abort());
      ask(...words);
    });
    const pruned = adapter.prune({ updatedBefore: 9e9, signal: stop.signal });
    await expect(pruned).rejects.toMatchObject({ name: 'AbortError' });
    asking.mockRestore();
    const { sessions } = await adapter.getStats();
    expect(sessions).toBeGreaterThan(0);
    expect(sessions).toBeLessThan(1_200);
    await expect(adapter.prune({} as never)).rejects.toMatchObject({ code: 'ERR_OPTION_INVALID' });
  });
});

test('a backup holds what was asked for before it, and never replaces a file', async () => {
  const copy = join(temporaryDirectory(), 'copy.db');
  const saved = adapter.saveSession('s', sessionOf('s', 1, conversation(500)));
  await Promise.all([saved, adapter.set('k', 1), adapter.backup(copy)]);
  const restored = new SQLiteStorageAdapter({ path: copy });
  expect(await restored.getSession('s')).toEqual(sessionOf('s', 1, conversation(500)));
  expect(await restored.get('k')).toBe(1);
  await restored.close();
  const taken = join(temporaryDirectory(), 'taken');
  writeFileSync(taken, 'mine');
  await expect(adapter.backup(taken)).rejects.toMatchObject({ code: 'ERR_OPTION_INVALID' });
  await expect(adapter.backup('')).rejects.toMatchObject({ code: 'ERR_OPTION_INVALID' });
  await expect(adapter.backup(undefined as never)).rejects.toBeInstanceOf(TypeError);
  expect(existsSync(join(taken, '..', 'copy.db'))).toBe(false);
});

test('whether there is a file where a backup is to go, the event loop does not ask the disk', async () => {
  const taken = join(temporaryDirectory(), 'taken');
  writeFileSync(taken, 'mine');
  await adapter.initialize();
  const waits = ([name, member]: [string, unknown]): boolean => name.endsWith('Sync') && typeof member === 'function';
  const asked = Object.entries(fs)
    .filter(waits)
    .map(([name]) => jest.spyOn(fs, name as 'existsSync'));
  const made = adapter.backup(taken);
  expect(asked.flatMap((method) => method.mock.calls)).toEqual([]);
  jest.restoreAllMocks();
  await expect(made).rejects.toMatchObject({
    code: 'ERR_OPTION_INVALID',
    message: `there is a file at ${JSON.stringify(taken)}`,
  });
});

test('verify reads everything', async () => {
  await adapter.saveSession('s', sessionOf('s', 1, conversation(500)));
  await adapter.set('k', 1);
  expect(await adapter.verify()).toEqual({ sessions: 1, messages: 500, keys: 1, damaged: [] });
});

test('one write may be more durable than the others, and a wrong word is refused', async () => {
  await adapter.saveSession('s', sessionOf('s', 1), { durability: 'power' });
  await adapter.set('k', 1, undefined, { durability: 'power' });
  await adapter.appendMessages('s', conversation(1), { durability: 'process' });
  await expect(adapter.saveSession('s', sessionOf('s', 1), { durability: 'disk' as never })).rejects.toMatchObject({
    code: 'ERR_OPTION_INVALID',
  });
});

test("with readers: 'async' nothing is read on the calling thread", async () => {
  const quiet = new SQLiteStorageAdapter({ path, readers: 'async', snapshotBytes: 0 });
  await quiet.saveSession('s', sessionOf('s', 1));
  await quiet.set('k', 1);
  const order: string[] = [];
  const read = quiet.get('k').then(() => order.push('key'));
  const session = quiet.getSession('s').then(() => order.push('session'));
  await new Promise<void>((resolve) => queueMicrotask(resolve));
  for (let n = 0; n < 50; n += 1) await Promise.resolve();
  order.push('microtasks');
  await Promise.all([read, session]);
  expect(order[0]).toBe('microtasks');
  await quiet.close();
  expect(() => new SQLiteStorageAdapter({ path, readers: 'sync' as never })).toThrow(
    new TypeError("readers must be a number or 'async'"),
  );
});
