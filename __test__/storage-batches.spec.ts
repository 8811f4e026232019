import { join } from 'node:path';

import {
  InMemoryStorageAdapter,
  SQLiteStorageAdapter,
  type ChatMessage,
  type ChatSession,
  type SQLiteStorageOptions,
} from '../ts/index.js';
import { native } from '../ts/native.js';
import { conversation, sessionOf } from './support/sessions.js';
import { temporaryDirectory } from './support/temporary.js';

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

  test.each([
    ['SQLite', () => adapter],
    ['memory', () => new InMemoryStorageAdapter()],
  ])('%s: what is refused says of which it is, and none is stored', async (_name, made) => {
    const store = made();
    const [good, bad] = ['a', 'b'].map((id) => [id, sessionOf(id, 1)] as const) as [
      [string, ChatSession],
      [string, ChatSession],
    ];
    bad[1].messages[0] = { ...(bad[1].messages[0] as ChatMessage), metadata: { run: () => 1 } };
    await expect(store.saveSessions([good, bad])).rejects.toMatchObject({
      code: 'ERR_VALUE_UNSUPPORTED',
      message: expect.stringMatching(/^of session "b": below "\/messages\/0": a function at/) as string,
      path: '/messages/0/metadata/run',
    });
    await expect(
      store.setMany([
        ['a', 1],
        ['b', { run: () => 1 }],
      ]),
    ).rejects.toMatchObject({
      code: 'ERR_VALUE_UNSUPPORTED',
      message: expect.stringMatching(/^of key "b": a function at/) as string,
      path: '/run',
    });
    expect([await store.listSessions(), await store.get('a')]).toEqual([[], null]);
  });

  test.each<[string, (store: SQLiteStorageAdapter) => Promise<Map<string, unknown>>]>([
    ['getSessions', (store) => store.getSessions([])],
    ['getMany', (store) => store.getMany([])],
  ])('%s of none is what there is, also where there is no file yet', async (_name, read) => {
    for (let round = 0; round < 10; round += 1) {
      const fresh = new SQLiteStorageAdapter({ path: join(temporaryDirectory(), 'later', 's.db') });
      expect(await read(fresh)).toEqual(new Map());
      await fresh.close();
    }
  });

  test('cross in pieces, however large they are together', async () => {
    const characters = (texts: readonly string[]): number => texts.reduce((sum, text) => sum + text.length, 0);
    const pieces = jest.spyOn(native(), 'addMessages');
    const together = jest.spyOn(native(), 'storageSaveSessions');
    const sessions = ['a', 'b', 'c'].map((id) => [id, sessionOf(id, 1, conversation(2_000))] as const);
    await adapter.saveSessions(sessions);
    const crossed = pieces.mock.calls.map(([, texts, types]) => characters(texts) + types.length);
    expect(crossed.reduce((sum, size) => sum + size, 0)).toBeGreaterThan(500_000);
    expect(Math.max(...crossed)).toBeLessThan(100_000);
    const rest = together.mock.calls.flatMap(([, , images]) => images.map((image) => characters(image.messages)));
    expect(rest).toEqual([0, 0, 0]);
    [pieces, together].forEach((spy) => spy.mockRestore());
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
    const abandoned = jest.spyOn(native(), 'abandonMessages');
    await expect(
      adapter.saveSessions([
        ['a', sessionOf('a', 1)],
        ['c', large],
      ]),
    ).rejects.toMatchObject({
      path: '/messages/200/x',
    });
    // What had crossed by then.
    expect(abandoned).toHaveBeenCalledTimes(1);
    abandoned.mockRestore();
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
