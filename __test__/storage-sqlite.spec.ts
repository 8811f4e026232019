import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';

import { SmallTalkError, SQLiteStorageAdapter, StorageError, type ChatSession } from '../ts/index.js';
import { runNode } from './support/child.js';
import { temporaryDirectory } from './support/temporary.js';

const session = (id: string, content = 'hello'): ChatSession => ({
  id,
  createdAt: new Date(1),
  updatedAt: new Date(2),
  messages: [{ id: 'm', role: 'user', content, timestamp: new Date(3) }],
});

const dist = join(__dirname, '..', 'dist', 'index.js');

let path = '';

beforeEach(() => {
  path = join(temporaryDirectory(), 'sessions.db');
});

test('a read sees every earlier call on the same key, awaited or not', async () => {
  const adapter = new SQLiteStorageAdapter({ path });
  for (let round = 0; round < 20; round += 1) {
    const saved = adapter.saveSession('s', session('s', `round ${round}`));
    const read = adapter.getSession('s');
    const set = adapter.set('k', round);
    const got = adapter.get('k');
    const listed = adapter.listSessions();
    expect((await read)?.messages[0]?.content).toBe(`round ${round}`);
    expect(await got).toBe(round);
    expect(await listed).toEqual(['s']);
    await Promise.all([saved, set]);
  }
  await adapter.close();
});

test('one write after another, each awaited, is never refused for want of room', async () => {
  const adapter = new SQLiteStorageAdapter({ path, durability: 'process', maxQueueBytes: 1_000 });
  for (let n = 0; n < 2_000; n += 1) await adapter.set(`k${n % 5}`, 'x'.repeat(600));
  await adapter.close();
});

test('what is asked for before close lands; afterwards everything is closed', async () => {
  const adapter = new SQLiteStorageAdapter({ path });
  const saves = Array.from({ length: 50 }, (_, index) => adapter.saveSession(`s${index}`, session(`s${index}`)));
  const closing = adapter.close();
  await Promise.all([...saves, closing, adapter.close()]);
  const rejected = await Promise.allSettled([
    adapter.initialize(),
    adapter.saveSession('s', session('s')),
    adapter.getSession('s'),
    adapter.deleteSession('s'),
    adapter.listSessions(),
    adapter.set('k', 1),
    adapter.get('k'),
    adapter.delete('k'),
    adapter.has('k'),
    adapter.clear(),
    adapter.getStats(),
  ]);
  for (const outcome of rejected) {
    expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'ERR_CLOSED', name: 'StorageError' } });
  }
  const again = new SQLiteStorageAdapter({ path });
  expect((await again.getStats()).sessions).toBe(50);
  await again.close();
});

test('an adapter that was never opened closes without making a file', async () => {
  await new SQLiteStorageAdapter({ path }).close();
  expect(existsSync(path)).toBe(false);
});

test('errors are classes with codes, and a failed opening can be tried again', async () => {
  const directory = temporaryDirectory();
  const adapter = new SQLiteStorageAdapter({ path: directory });
  const error = await adapter.initialize().catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(StorageError);
  expect(error).toBeInstanceOf(SmallTalkError);
  expect(error).toBeInstanceOf(Error);
  expect(error).toMatchObject({ code: 'ERR_IO', name: 'StorageError' });
  await expect(adapter.saveSession('s', session('s'))).rejects.toMatchObject({ code: 'ERR_IO' });
  await adapter.close();
});

test('a place that can have no file is no damage', async () => {
  const directory = temporaryDirectory();
  mkdirSync(join(directory, 'blocked.db-wal'));
  // Two are too long themselves, of one the name of its log is, and one has something in the place of its log.
  for (const name of ['x'.repeat(300), 'x'.repeat(5_000), 'x'.repeat(253), 'blocked.db']) {
    const adapter = new SQLiteStorageAdapter({ path: join(directory, name) });
    await expect(adapter.set('k', 1)).rejects.toMatchObject({ code: 'ERR_IO', name: 'StorageError' });
    await adapter.close();
  }
  expect(readdirSync(directory)).toEqual(['blocked.db-wal']);
});

test('options out of range are refused when the adapter is made', () => {
  for (const options of [
    { path: '' },
    { path: ':memory:' },
    { durability: 'disk' },
    { readers: 0 },
    { maxQueueBytes: 0 },
  ]) {
    expect(() => new SQLiteStorageAdapter(options as never)).toThrow(SmallTalkError);
  }
  for (const options of [null, 'x.db', { path: 1 }, { readers: '2' }]) {
    expect(() => new SQLiteStorageAdapter(options as never)).toThrow(TypeError);
  }
});

test('two adapters on one file see what the other has written', async () => {
  const one = new SQLiteStorageAdapter({ path });
  const other = new SQLiteStorageAdapter({ path });
  await Promise.all([one.initialize(), other.initialize()]);
  const saves = Array.from({ length: 40 }, (_, index) =>
    (index % 2 === 0 ? one : other).saveSession(`s${index}`, session(`s${index}`)),
  );
  await Promise.all(saves);
  expect((await one.listSessions()).length).toBe(40);
  expect(await other.getSession('s0')).toEqual(session('s0'));
  await Promise.all([one.close(), other.close()]);
});

test('a key ends by the clock of the program, also where that is held still', async () => {
  const adapter = new SQLiteStorageAdapter({ path });
  const clock = jest.spyOn(Date, 'now').mockReturnValue(Date.UTC(2020, 0, 1));
  try {
    await adapter.set('k', 1, 3600);
    // Whatever the background does, it does between two writes.
    await adapter.set('other', 1);
    expect(await adapter.get('k')).toBe(1);
    clock.mockReturnValue(Date.UTC(2020, 0, 1, 1));
    expect(await adapter.get('k')).toBeNull();
  } finally {
    clock.mockRestore();
  }
  await adapter.close();
});

test('four processes that make the same new file at once all get in, and lose nothing', async () => {
  const cwd = temporaryDirectory();
  const script = `
    const { SQLiteStorageAdapter } = require(${JSON.stringify(dist)});
    const adapter = new SQLiteStorageAdapter({ path: ${JSON.stringify(path)}, durability: 'process' });
    const keys = Array.from({ length: 50 }, (_, n) => process.pid + '/' + n);
    Promise.all(keys.map((key) => adapter.set(key, key))).then(() => process.stdout.write('stored'));`;
  const ended = await Promise.all([1, 2, 3, 4].map(() => runNode(['-e', script], { cwd })));
  for (const end of ended) expect(end).toEqual({ code: 0, output: 'stored' });
  const adapter = new SQLiteStorageAdapter({ path });
  expect((await adapter.getStats()).keys).toBe(200);
  await adapter.close();
});

test('a worker thread gets typed errors too, and may be terminated in the middle of a save', async () => {
  const source = `
    const { parentPort, workerData } = require('node:worker_threads');
    const { SQLiteStorageAdapter, StorageError } = require(workerData.dist);
    const adapter = new SQLiteStorageAdapter({ path: workerData.path });
    const session = { id: 's', messages: [], createdAt: new Date(1), updatedAt: new Date(2) };
    (async () => {
      const error = await adapter.set('k', 1, -1).catch((reason) => reason);
      await adapter.saveSession('first', session);
      parentPort.postMessage({ typed: error instanceof StorageError, code: error.code });
      for (let n = 0; ; n += 1) await adapter.saveSession('s' + (n % 100), session);
    })();`;
  for (let round = 0; round < 5; round += 1) {
    const worker = new Worker(source, { eval: true, workerData: { dist, path } });
    const message = await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
    expect(message).toEqual({ typed: true, code: 'ERR_TTL_INVALID' });
    await worker.terminate();
  }
  const adapter = new SQLiteStorageAdapter({ path });
  expect(await adapter.getSession('first')).not.toBeNull();
  await adapter.close();
});

test('writes that nobody waited for land at process.exit()', async () => {
  const script = `
    const { SQLiteStorageAdapter } = require(${JSON.stringify(dist)});
    const adapter = new SQLiteStorageAdapter({ path: ${JSON.stringify(path)} });
    for (let n = 0; n < 1000; n += 1) adapter.set('k' + n, { n });
    process.exit(3);`;
  expect(await runNode(['-e', script], { cwd: temporaryDirectory() })).toEqual({ code: 3, output: '' });
  const adapter = new SQLiteStorageAdapter({ path });
  expect((await adapter.getStats()).keys).toBe(1000);
  await adapter.close();
});

test('a pending write keeps the process alive, an open adapter does not', async () => {
  const script = `
    const { SQLiteStorageAdapter } = require(${JSON.stringify(dist)});
    const adapter = new SQLiteStorageAdapter({ path: ${JSON.stringify(path)} });
    adapter.set('k', 1).then(() => process.stdout.write('stored'));`;
  expect(await runNode(['-e', script], { cwd: temporaryDirectory() })).toEqual({ code: 0, output: 'stored' });
});

test('writes land at process.exit() also behind a close that nobody waited for', async () => {
  const script = `
    const { SQLiteStorageAdapter } = require(${JSON.stringify(dist)});
    const adapter = new SQLiteStorageAdapter({ path: ${JSON.stringify(path)} });
    for (let n = 0; n < 1000; n += 1) adapter.set('k' + n, { n });
    void adapter.close();
    process.exit(0);`;
  expect(await runNode(['-e', script], { cwd: temporaryDirectory() })).toEqual({ code: 0, output: '' });
  const adapter = new SQLiteStorageAdapter({ path });
  expect((await adapter.getStats()).keys).toBe(1000);
  await adapter.close();
});

test('openings that fail leave no threads behind', async () => {
  const script = `
    const fs = require('node:fs');
    const { SQLiteStorageAdapter } = require(${JSON.stringify(dist)});
    const threads = () => fs.readdirSync('/proc/self/task').length;
    (async () => {
      const adapter = new SQLiteStorageAdapter({ path: '/proc/nowhere/s.db' });
      await adapter.set('k', 1).catch(() => {});
      const few = threads();
      for (let n = 0; n < 100; n += 1) await adapter.set('k', 1).catch(() => {});
      const end = Date.now() + 5000;
      while (threads() > few && Date.now() < end) await new Promise(setImmediate);
      process.stdout.write(String(threads() <= few));
    })();`;
  expect(await runNode(['-e', script], { cwd: temporaryDirectory() })).toEqual({ code: 0, output: 'true' });
});

test('a forgotten adapter lets go of its threads and its file', async () => {
  const script = `
    const fs = require('node:fs');
    const { SQLiteStorageAdapter } = require(${JSON.stringify(dist)});
    const threads = () => fs.readdirSync('/proc/self/task').length;
    const use = async () => { await new SQLiteStorageAdapter({ path: ${JSON.stringify(path)} }).set('k', 1); };
    (async () => {
      const before = threads();
      for (let n = 0; n < 20; n += 1) await use();
      const during = threads();
      const end = Date.now() + 5000;
      while (threads() > before && Date.now() < end) { global.gc(); await new Promise(setImmediate); }
      process.stdout.write(during > before && threads() <= before ? 'let go' : 'kept ' + before + ' ' + during + ' ' + threads());
    })();`;
  const ended = await runNode(['--expose-gc', '-e', script], { cwd: temporaryDirectory() });
  expect(ended).toEqual({ code: 0, output: 'let go' });
});

test('the file is private', async () => {
  const adapter = new SQLiteStorageAdapter({ path });
  await adapter.initialize();
  expect(statSync(path).mode & 0o777).toBe(0o600);
  await adapter.close();
});
