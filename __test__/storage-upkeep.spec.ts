import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import {
  SQLiteStorageAdapter,
  supports,
  type ChatMessage,
  type ChatSession,
  type SQLiteStorageOptions,
} from '../ts/index.js';
import { native } from '../ts/native.js';
import { temporaryDirectory } from './support/temporary.js';

const conversation = (count: number): ChatMessage[] =>
  Array.from({ length: count }, (_, n) => ({
    id: `m${n}`,
    role: 'user',
    content: `text ${n}`,
    timestamp: new Date(n),
  }));

const sessionOf = (id: string, at: number, messages = conversation(2)): ChatSession => ({
  id,
  messages,
  createdAt: new Date(at),
  updatedAt: new Date(at),
});

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

async function reopened(options: SQLiteStorageOptions): Promise<SQLiteStorageAdapter> {
  await adapter.close();
  return new SQLiteStorageAdapter({ path, durability: 'process', ...options });
}

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

describe('batches', () => {
  test('are stored as they were at the call, and large ones too', async () => {
    const sessions = [sessionOf('a', 1), sessionOf('b', 2, conversation(2_000)), sessionOf('c', 3, [])];
    const saved = adapter.saveSessions(sessions.map((session) => [session.id, session]));
    const read = adapter.getSessions(['c', 'none', 'a', 'b']);
    const expected = sessions.map((session) => [session.id, structuredClone(session)] as const);
    sessions[0]?.messages.pop();
    await saved;
    expect([...(await read).keys()]).toEqual(['c', 'a', 'b']);
    const found = await read;
    for (const [id, session] of expected) expect(JSON.stringify(found.get(id))).toBe(JSON.stringify(session));
    expect(await adapter.deleteSessions(['a', 'none', 'c'])).toBe(2);
    expect(await adapter.listSessions()).toEqual(['b']);
    await adapter.saveSessions([]);
  });

  test('are read as they were at one moment, whoever writes meanwhile', async () => {
    const ids = ['a', 'b', 'c', 'd'];
    // Some are read here, some by another thread in pieces.
    const of = (at: number): [string, ChatSession][] =>
      ids.map((id, n) => [id, sessionOf(id, at, conversation(n % 2 === 0 ? 2 : 1_000))]);
    const other = new SQLiteStorageAdapter({ path, durability: 'process' });
    await other.saveSessions(of(0));
    let reading = true;
    const writing = (async () => {
      for (let at = 1; reading; at += 1) {
        if (at % 5 === 0) await other.deleteSessions(ids);
        await other.saveSessions(of(at));
      }
    })();
    const moments: number[] = [];
    for (let round = 0; round < 100; round += 1) {
      const found = await adapter.getSessions(ids);
      moments.push(new Set(ids.map((id) => found.get(id)?.updatedAt.getTime())).size);
    }
    reading = false;
    await writing;
    await other.close();
    expect(moments).toEqual(moments.map(() => 1));
  });

  const loops: [string, (version: number, at: number) => Promise<unknown>][] = [
    ['saves', (_, at) => adapter.saveSession('a', sessionOf('a', at))],
    ['appends', () => adapter.appendMessages('a', conversation(1))],
    ['saves of a version', (version, at) => adapter.saveVersioned('a', sessionOf('a', at), { ifVersion: version })],
    ['deletions and saves', (_, at) => (at % 2 ? adapter.deleteSession('a') : adapter.saveSession('a', sessionOf('a', at)))],
    ['saves of two', (_, at) => Promise.all(['a', 'b'].map((id) => adapter.saveSession(id, sessionOf(id, at))))],
  ]; // prettier-ignore

  test.each(loops)('are read beside a loop of %s by the same adapter', async (_, write) => {
    await adapter.saveSessions(['a', 'b', 'c'].map((id) => [id, sessionOf(id, 0)] as const));
    adapter = await reopened({ timeoutMs: 1_000 });
    let reading = true;
    let version = (await adapter.getVersioned('a'))?.version as number;
    const writing = (async () => {
      for (let at = 1; reading; at += 1) {
        const answer = (await write(version, at)) as { version: number } | undefined;
        version = answer?.version ?? version;
      }
    })();
    try {
      for (let round = 0; round < 20; round += 1) {
        expect([...(await adapter.getSessions(['c', 'b', 'a'])).keys()]).toEqual(expect.arrayContaining(['c', 'b']));
      }
      // Those that begin together, also in another order, get in nobody's way.
      const together = [
        ['a', 'b'],
        ['b', 'a'],
        ['c', 'a'],
      ].map((ids) => adapter.getSessions(ids));
      await Promise.all([...together, adapter.saveSessions([['c', sessionOf('c', 1)]])]);
    } finally {
      reading = false;
      await writing;
    }
  });

  test('are given up where they change for as long as they are read', async () => {
    const other = new SQLiteStorageAdapter({ path, durability: 'process' });
    const impatient = new SQLiteStorageAdapter({ path, durability: 'process', timeoutMs: 3_000 });
    await other.saveSessions([
      ['a', sessionOf('a', 0)],
      ['b', sessionOf('b', 0)],
    ]);
    const binary = native();
    const ask = binary.storageSessionVersions;
    let at = 0;
    // Whenever it is about to look whether they belong together, one has changed.
    const asking = jest.spyOn(binary, 'storageSessionVersions').mockImplementation((...words) => {
      void other.saveSession('a', sessionOf('a', (at += 1))).then(() => ask(...words));
    });
    await expect(impatient.getSessions(['a', 'b'])).rejects.toMatchObject({
      code: 'ERR_TIMEOUT',
      message: expect.stringContaining('changed for as long as they were read') as string,
    });
    asking.mockRestore();
    expect([...(await impatient.getSessions(['a', 'b'])).keys()]).toEqual(['a', 'b']);
    await Promise.all([other.close(), impatient.close()]);
  });

  test('keep nobody waiting who saves one of them for as long as others change one', async () => {
    const ids = ['a', 'b'];
    await adapter.saveSessions(ids.map((id) => [id, sessionOf(id, 0)]));
    adapter = await reopened({ timeoutMs: 1_000 });
    const binary = native();
    const ask = binary.storageSessionVersions;
    const settled: string[] = [];
    let saved: Promise<unknown> | undefined;
    // Whenever it looks whether they belong together, one has changed; from the second time on it keeps others from it.
    const asking = jest.spyOn(binary, 'storageSessionVersions').mockImplementation((handle, slot, all, inOrder) => {
      if (asking.mock.calls.length === 2) {
        saved = adapter.saveSession('b', sessionOf('b', 1)).then(() => settled.push('saved'));
      }
      ask(handle, slot, [`another ${String(all[0])}`, ...all.slice(1)], inOrder);
    });
    await expect(adapter.getSessions(ids).finally(() => settled.push('read'))).rejects.toMatchObject({
      code: 'ERR_TIMEOUT',
    });
    asking.mockRestore();
    await saved;
    expect(settled).toEqual(['saved', 'read']);
  });

  test('are read although an operation on everything waits for them by then', async () => {
    const ids = ['a', 'b'];
    await adapter.saveSessions(ids.map((id) => [id, sessionOf(id, 0)]));
    adapter = await reopened({ timeoutMs: 1_000 });
    const binary = native();
    const ask = binary.storageSessionVersions;
    let [batch, saved]: Promise<unknown>[] = [];
    let looks = 0;
    // One has changed until saves go on, and once more after there is something that all later ones wait for.
    const asking = jest.spyOn(binary, 'storageSessionVersions').mockImplementation((handle, slot, all, inOrder) => {
      if (asking.mock.calls.length === 2) {
        saved = adapter.saveSession('b', sessionOf('b', 1)).then(() => {
          batch = adapter.saveSessions([['c', sessionOf('c', 1)]]);
        });
      }
      if (batch !== undefined) looks += 1;
      ask(handle, slot, looks > 2 ? all : [`another ${String(all[0])}`, ...all.slice(1)], inOrder);
    });
    expect([...(await adapter.getSessions(ids)).keys()]).toEqual(ids);
    asking.mockRestore();
    await saved;
    await batch;
    expect(looks).toBe(3);
  });

  test('of which one is refused store nothing', async () => {
    const wrong = { ...sessionOf('b', 1), context: { tool: () => 1 } };
    await expect(
      adapter.saveSessions([
        ['a', sessionOf('a', 1)],
        ['b', wrong],
      ]),
    ).rejects.toMatchObject({
      path: '/context/tool',
    });
    const large = sessionOf('c', 1, conversation(300));
    Object.defineProperty(large.messages[200], 'x', { get: () => 1, enumerable: true });
    await expect(
      adapter.saveSessions([
        ['a', sessionOf('a', 1)],
        ['c', large],
      ]),
    ).rejects.toMatchObject({
      path: '/messages/200/x',
    });
    expect(await adapter.listSessions()).toEqual([]);
    await expect(
      adapter.setMany([
        ['k', 1],
        ['l', () => 1],
      ]),
    ).rejects.toMatchObject({ code: 'ERR_VALUE_UNSUPPORTED' });
    expect(await adapter.get('k')).toBeNull();
  });

  test('of keys', async () => {
    await adapter.setMany([
      ['a', 1],
      ['b', new Map([[1, 2]])],
      ['c', null],
    ]);
    expect(await adapter.getMany(['c', 'none', 'b', 'a'])).toEqual(
      new Map<string, unknown>([
        ['c', null],
        ['b', new Map([[1, 2]])],
        ['a', 1],
      ]),
    );
    const deleted = adapter.deleteMany(['a', 'none', 'c']);
    expect(await adapter.get('a')).toBeNull();
    expect(await deleted).toBe(2);
    await expect(adapter.setMany([['d', 1]], -1)).rejects.toMatchObject({ code: 'ERR_TTL_INVALID' });
  });
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
    const pruned = adapter.prune({ updatedBefore: 9e9, signal: stop.signal });
    stop.abort();
    await expect(pruned).rejects.toMatchObject({ name: 'AbortError' });
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
  expect(() => new SQLiteStorageAdapter({ path, readers: 'sync' as never })).toThrow(TypeError);
});
