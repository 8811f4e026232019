import { join } from 'node:path';

import {
  FileStorageAdapter,
  InMemoryStorageAdapter,
  migrate,
  SQLiteStorageAdapter,
  StorageError,
  type ChatSession,
  type MigrateProgress,
  type StorageAdapter,
} from '../ts/index.js';
import { JsonFileAdapter } from './support/plain-adapter.cjs';
import { temporaryDirectory } from './support/temporary.js';

const stores: Record<string, () => StorageAdapter> = {
  memory: () => new InMemoryStorageAdapter(),
  file: () => new FileStorageAdapter({ path: temporaryDirectory(), durability: 'process' }),
  sqlite: () => new SQLiteStorageAdapter({ path: join(temporaryDirectory(), 's.db'), durability: 'process' }),
  plain: () => new JsonFileAdapter(join(temporaryDirectory(), 'store.json')),
};

const session = (n: number): ChatSession => ({
  id: `s${n}`,
  messages: [{ id: 'm', role: 'user', content: `– ${n}`, timestamp: new Date(n) }],
  createdAt: new Date(1),
  updatedAt: new Date(n),
});

async function filled(store: StorageAdapter, count: number): Promise<StorageAdapter> {
  await store.initialize();
  for (let n = 0; n < count; n += 1) await store.saveSession(`id/${n}`, session(n));
  for (let n = 0; n < count; n += 1) await store.set(`key/${n}`, { n });
  await store.set('nothing', null);
  return store;
}

async function contents(store: StorageAdapter, count: number): Promise<unknown> {
  const ids = await store.listSessions({ orderBy: 'id', order: 'asc' });
  const sessions = await Promise.all(ids.map((id) => store.getSession(id)));
  const values = await Promise.all(Array.from({ length: count }, (_, n) => store.get(`key/${n}`)));
  return { ids, sessions, values, nothing: await store.has('nothing') };
}

const pairs = Object.keys(stores).flatMap((from) => Object.keys(stores).map((to) => [from, to] as const));

test.each(pairs)('from %s to %s: everything, and a second time nothing', async (fromName, toName) => {
  const from = await filled((stores[fromName] as () => StorageAdapter)(), 20);
  const to = (stores[toName] as () => StorageAdapter)();
  const keys = [...Array.from({ length: 20 }, (_, n) => `key/${n}`), 'nothing', 'missing'];
  const report = await migrate(from, to, { keys });
  expect(report).toMatchObject({ sessions: 20, keys: 21, skipped: 0, verified: true, dryRun: false, different: [] });
  expect(report.bytes).toBeGreaterThan(20 * 100);
  expect(await contents(to, 20)).toEqual(await contents(from, 20));
  expect(await migrate(from, to, { keys })).toMatchObject({ sessions: 0, keys: 0, skipped: 41, bytes: 0 });
  await Promise.all([from.close(), to.close()]);
});

describe('keys', () => {
  test('of a store that can list them are found; of one that cannot, that is said', async () => {
    const from = await filled(new InMemoryStorageAdapter(), 3);
    const to = new InMemoryStorageAdapter();
    expect(await migrate(from, to)).toMatchObject({ sessions: 3, keys: 4, keysListed: true });
    const plain = await filled((stores['plain'] as () => StorageAdapter)(), 3);
    const report = await migrate(plain, new InMemoryStorageAdapter());
    expect(report).toMatchObject({ sessions: 3, keys: 0, keysListed: false, verified: true });
  });

  const sqlite = (): SQLiteStorageAdapter =>
    new SQLiteStorageAdapter({ path: join(temporaryDirectory(), 's.db'), durability: 'process' });
  const files = (): FileStorageAdapter => new FileStorageAdapter({ path: temporaryDirectory(), durability: 'process' });
  const memory = (): InMemoryStorageAdapter => new InMemoryStorageAdapter();

  test.each([
    ['memory', 'files', memory, files],
    ['SQLite', 'memory', sqlite, memory],
    ['files', 'SQLite', files, sqlite],
  ])('keep the time they have left, from %s to %s', async (_from, _to, source, target) => {
    const [from, to] = [source(), target()];
    await from.set('hour', 1, 3_600);
    await from.set('stays', 1);
    await from.set('over', 1, 0.001);
    while (await from.has('over'));
    expect(await migrate(from, to)).toMatchObject({ keys: 2, verified: true });
    const [end, there] = [await from.getExpiry('hour'), await to.getExpiry('hour')];
    expect(Math.abs(Number(end) - Number(there))).toBeLessThan(1_000);
    expect(await to.getExpiry('stays')).toBe(Infinity);
    await from.set('hour', 1, 7_200);
    expect(await migrate(from, to)).toMatchObject({ keys: 1, skipped: 1 });
    await Promise.all([from.close(), to.close()]);
  });

  test('whose time the source cannot tell get the one that is given', async () => {
    const from = await filled((stores['plain'] as () => StorageAdapter)(), 1);
    const to = new InMemoryStorageAdapter();
    await migrate(from, to, { keys: ['key/0'], ttl: 60 });
    expect(Number(await to.getExpiry('key/0'))).toBeLessThanOrEqual(Date.now() + 60_000);
  });
});

test('what is chosen is copied, and nothing else', async () => {
  const from = await filled(new InMemoryStorageAdapter(), 5);
  const to = new InMemoryStorageAdapter();
  await migrate(from, to, { sessions: ['id/1', 'missing'], keys: false });
  expect(await contents(to, 5)).toMatchObject({ ids: ['id/1'], values: Array(5).fill(null) });
  await migrate(from, to, { sessions: false, keys: ['key/2'] });
  expect((await to.getStats()).keys).toBe(1);
});

test('a dry run tells and writes nothing', async () => {
  const from = await filled(new InMemoryStorageAdapter(), 5);
  const to = new InMemoryStorageAdapter();
  expect(await migrate(from, to, { dryRun: true })).toMatchObject({
    sessions: 5,
    keys: 6,
    verified: false,
    dryRun: true,
  });
  expect(await to.getStats()).toMatchObject({ sessions: 0, keys: 0 });
});

test('it can be ended, tells how far it is, and the next run goes on from there', async () => {
  const from = await filled(new InMemoryStorageAdapter(), 50);
  const to = new InMemoryStorageAdapter();
  const controller = new AbortController();
  const onProgress = ({ sessions }: MigrateProgress): void => {
    if (sessions === 20) controller.abort();
  };
  await expect(migrate(from, to, { signal: controller.signal, onProgress })).rejects.toMatchObject({
    name: 'AbortError',
  });
  const { sessions } = await to.getStats();
  expect(sessions).toBeGreaterThanOrEqual(20);
  expect(sessions).toBeLessThan(50);
  expect(await migrate(from, to)).toMatchObject({ sessions: 50 - sessions, skipped: sessions, verified: true });
});

test('who hears of the progress ends it also by a rejection', async () => {
  const from = await filled(new InMemoryStorageAdapter(), 50);
  const to = new InMemoryStorageAdapter();
  const onProgress = async ({ sessions }: MigrateProgress): Promise<void> => {
    await new Promise(setImmediate);
    if (sessions === 20) throw new Error('enough');
  };
  await expect(migrate(from, to, { onProgress })).rejects.toThrow('enough');
  expect((await to.getStats()).sessions).toBeLessThan(50);
});

test('a source that was left in the middle of its list is told so', async () => {
  const from = new InMemoryStorageAdapter();
  await filled(from, 30);
  const list = from.sessions.bind(from);
  let left = 0;
  from.sessions = async function* (options) {
    try {
      yield* list(options);
    } finally {
      left += 1;
    }
  };
  const to = new InMemoryStorageAdapter();
  to.saveSession = () => Promise.reject(new Error('it is full'));
  await expect(migrate(from, to)).rejects.toThrow('it is full');
  expect(left).toBe(1);
});

test('a key that ends before the target is asked for it is no difference', async () => {
  const from = new InMemoryStorageAdapter();
  const to = new InMemoryStorageAdapter();
  await from.set('short', 1, 0.05);
  const get = to.get.bind(to);
  to.get = async (key) => {
    const copied = await to.has(key);
    // The second time, when all is compared.
    while (copied && (await from.has(key))) await new Promise(setImmediate);
    return get(key);
  };
  expect(await migrate(from, to)).toMatchObject({ verified: true, different: [] });
});

test('a target that does not keep what it is given is found out', async () => {
  const from = await filled(new InMemoryStorageAdapter(), 3);
  const to = new InMemoryStorageAdapter();
  const save = to.saveSession.bind(to);
  to.saveSession = (id, value) => save(id, id === 'id/1' ? { ...value, messages: [] } : value);
  expect(await migrate(from, to)).toMatchObject({ verified: false, different: [{ kind: 'session', id: 'id/1' }] });
  expect(await migrate(from, to, { verify: false })).toMatchObject({ sessions: 1, verified: false, different: [] });
});

describe('a target whose queue is full', () => {
  /** Eleven thousand characters a session. */
  const large = async (): Promise<StorageAdapter> => {
    const from = new InMemoryStorageAdapter();
    for (let n = 0; n < 30; n += 1) await from.saveSession(`id/${n}`, { ...session(n), text: 'x'.repeat(11_000) });
    return from;
  };
  const targets: Record<string, () => StorageAdapter> = {
    file: () => new FileStorageAdapter({ path: temporaryDirectory(), durability: 'process', maxQueueBytes: 10_000 }),
    sqlite: () => new SQLiteStorageAdapter({ path: join(temporaryDirectory(), 's.db'), maxQueueBytes: 10_000 }),
  };

  test.each(Object.keys(targets))('is given the rest when there is room again: %s', async (name) => {
    const to = (targets[name] as () => StorageAdapter)();
    expect(await migrate(await large(), to)).toMatchObject({ sessions: 30, verified: true });
    await to.close();
  });

  test('is asked for each at most once more for every save that has ended', async () => {
    const to = new InMemoryStorageAdapter();
    const save = to.saveSession.bind(to);
    let [calls, room] = [0, 2];
    to.saveSession = async (id, value) => {
      calls += 1;
      if (room === 0) throw new StorageError('ERR_BACKPRESSURE', 'it is full');
      room -= 1;
      for (let turns = 0; turns < 5; turns += 1) await new Promise(setImmediate);
      await save(id, value);
      room += 1;
    };
    expect(await migrate(await large(), to)).toMatchObject({ sessions: 30, verified: true });
    expect(calls).toBeLessThan(90);
  });

  test('and stays so with nothing of this migration in it says that to who migrates', async () => {
    const to = new InMemoryStorageAdapter();
    const save = to.saveSession.bind(to);
    let room = 5;
    to.saveSession = async (id, value) => {
      if ((room -= 1) < 0) throw new StorageError('ERR_BACKPRESSURE', 'it is full');
      await save(id, value);
    };
    const from = await large();
    await expect(migrate(from, to)).rejects.toMatchObject({ code: 'ERR_BACKPRESSURE', retryable: true });
    room = Infinity;
    expect(await migrate(from, to)).toMatchObject({ sessions: 25, skipped: 5, verified: true });
  });
});

test('a source that knows no pages is refused, and a store is not migrated to itself', async () => {
  const from = await filled((stores['plain'] as () => StorageAdapter)(), 2);
  from.listSessions = async () => Array.from({ length: 500 }, (_, n) => `id/${n}`);
  const to = new InMemoryStorageAdapter();
  await expect(migrate(from, to)).rejects.toMatchObject({ code: 'ERR_ADAPTER_CONTRACT' });
  await expect(migrate(to, to)).rejects.toMatchObject({ code: 'ERR_OPTION_INVALID' });
  await expect(migrate(to, from, { ttl: 0 })).rejects.toMatchObject({ code: 'ERR_TTL_INVALID' });
  await expect(migrate(to, from, { keys: 'all' as never })).rejects.toThrow(TypeError);
});

test('what lacks methods for keys is given sessions alone, and is refused before anything is written where keys are asked for', async () => {
  const from = await filled(new InMemoryStorageAdapter(), 2);
  const to = (stores['plain'] as () => StorageAdapter)();
  Object.defineProperty(to, 'set', { value: undefined });
  await expect(migrate(from, to)).rejects.toThrow(new TypeError('the adapter lacks set()'));
  expect(await to.listSessions()).toEqual([]);
  expect(await migrate(from, to, { keys: false })).toMatchObject({ sessions: 2, keys: 0, verified: true });
});

test('what is no option of a migration is refused before anything is written', async () => {
  const from = await filled(new InMemoryStorageAdapter(), 2);
  const to = new InMemoryStorageAdapter();
  for (const wrong of [
    { dryRun: 'false' },
    { dryRun: null },
    { verify: 0 },
    { onProgress: 5 },
    { signal: {} },
    { signal: null },
    { sessions: 5 },
    { keys: 'key/1' },
    { ttl: '1' },
  ]) {
    await expect(migrate(from, to, wrong as never)).rejects.toThrow(TypeError);
  }
  for (const none of [null, undefined, {}, 'memory:']) {
    await expect(migrate(from, none as never)).rejects.toThrow(/adapter/);
    await expect(migrate(none as never, to)).rejects.toThrow(TypeError);
  }
  expect(await to.getStats()).toMatchObject({ sessions: 0, keys: 0 });
  await Promise.all([from.close(), to.close()]);
});
