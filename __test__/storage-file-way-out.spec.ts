/** The way out of a process, or of a thread, while somebody else holds a file, or the file system has not answered yet. */
import { spawn } from 'node:child_process';
import fs, { existsSync, mkdirSync, readdirSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { FileStorageAdapter, SQLiteStorageAdapter } from '../ts/index.js';
import { machineClock } from '../ts/storage/file/clocks.js';
import { OWNER } from '../ts/storage/file/owner.js';
import { runNode } from './support/child.js';
import { conversation, deadProcess, open } from './support/file-store.js';
import { temporaryDirectory } from './support/temporary.js';

const dist = join(__dirname, '..', 'dist', 'index.js');

afterEach(() => jest.restoreAllMocks());

/** Locks a session's file, as another thread of this process that lives. */
function lock(path: string, id: string): string {
  const link = join(path, 'sessions', `${id}.json.lock`);
  symlinkSync(`${OWNER}-0123456789ab-1-${machineClock()}`, link);
  return link;
}

/** A program that has a store open, whose save of a session with `n` messages is `save(id, n)`. */
const program = (path: string, work: string): string => `
  const fs = require('node:fs');
  const { FileStorageAdapter, SQLiteStorageAdapter } = require(${JSON.stringify(dist)});
  const at = new Date(0);
  const messages = (n) => Array.from({ length: n }, (_, m) => ({ id: 'm' + m, role: 'user', content: '', timestamp: at }));
  const session = (id, n) => ({ id, messages: messages(n), createdAt: at, updatedAt: at });
  (async () => {
    const store = new FileStorageAdapter({ path: ${JSON.stringify(path)} });
    await store.initialize();
    const save = (id, n) => void store.saveSession(id, session(id, n)).catch(() => undefined);
    ${work}
  })();`;

/** Opens another store beside that one. */
const besides = (database: string): string =>
  `const other = new SQLiteStorageAdapter({ path: ${JSON.stringify(database)} }); await other.initialize();`;

async function prepared(): Promise<string> {
  const path = temporaryDirectory();
  const store = open(path);
  await store.initialize();
  await store.close();
  return path;
}

const lengthOf = async (store: FileStorageAdapter, id: string): Promise<number | undefined> =>
  (await store.getSession(id))?.messages.length;

test('a file that somebody else has locked keeps only its own writes waiting, and these stay in order', async () => {
  const path = await prepared();
  const link = lock(path, 'held');
  const script = program(
    path,
    `save('held', 1); save('held', 2);
    for (let n = 0; n < 50; n += 1) save('s' + n, n);
    save('held', 3);
    process.exit();`,
  );
  const child = spawn(process.execPath, ['-e', script], { stdio: 'inherit' });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  while (!existsSync(join(path, 'sessions', 's49.json')) && child.exitCode === null) await delay(5);
  expect(existsSync(join(path, 'sessions', 'held.json'))).toBe(false);
  unlinkSync(link);
  expect(await ended).toBe(0);
  const store = open(path);
  expect(await store.listSessions()).toHaveLength(51);
  expect(await lengthOf(store, 'held')).toBe(3);
  await store.close();
});

test('nor does it take the time of other stores', async () => {
  const path = await prepared();
  lock(path, 'held');
  const database = join(temporaryDirectory(), 's.db');
  const script = program(
    path,
    `${besides(database)}
    save('held', 1);
    const large = session('large', 20_000);
    for (let n = 0; n < 5; n += 1) void other.saveSession('large' + n, large).catch(() => undefined);
    process.exit();`,
  );
  expect((await runNode(['-e', script], { cwd: path })).code).toBe(0);
  const other = new SQLiteStorageAdapter({ path: database });
  expect(await other.listSessions()).toHaveLength(5);
  await other.close();
});

test('nor that of what is asked for by listeners of the exit', async () => {
  const path = await prepared();
  lock(path, 'held');
  const database = join(temporaryDirectory(), 's.db');
  const script = program(
    path,
    `${besides(database)}
    process.on('exit', () => {
      save('last', 1);
      void other.saveSession('last', session('last', 1)).catch(() => undefined);
    });
    save('held', 1);
    await null;
    setImmediate(() => process.exit());`,
  );
  expect((await runNode(['-e', script], { cwd: path })).code).toBe(0);
  const [store, other] = [open(path), new SQLiteStorageAdapter({ path: database })];
  expect([await store.listSessions(), await other.listSessions()]).toEqual([['last'], ['last']]);
  await Promise.all([store.close(), other.close()]);
});

test('where somebody only says that the process exits, what is under way is done once, and answered', async () => {
  const path = await prepared();
  const script = program(
    path,
    `await store.saveSession('a', session('a', 1));
    const next = (id) => store.appendMessages('a', [{ id, role: 'user', content: '', timestamp: at }]);
    const answers = ['x', 'y', 'z'].map(next);
    setImmediate(() => process.emit('exit'));
    console.log(JSON.stringify(await Promise.all(answers)));
    const { messages } = await store.getSession('a');
    console.log(messages.map(({ id }) => id).join());
    await store.close();`,
  );
  expect(await runNode(['-e', script], { cwd: path })).toEqual({ code: 0, output: '[2,3,4]\nm0,x,y,z\n' });
});

test('a lock of a file that was being made as the process left holds up nothing', async () => {
  const path = await prepared();
  const script = program(
    path,
    `const refused = () => { throw Object.assign(new Error('EPERM'), { code: 'EPERM' }); };
    fs.symlinkSync = refused;
    fs.promises.symlink = async () => refused();
    const { open } = fs;
    fs.open = (file, flags, ...more) => {
      open(file, flags, ...more);
      if (flags === 'wx') process.exit();
    };
    for (let n = 0; n < 20; n += 1) save('s' + n, n);`,
  );
  expect((await runNode(['-e', script], { cwd: path })).code).toBe(0);
  const names = readdirSync(join(path, 'sessions')).sort();
  expect(names).toEqual(Array.from({ length: 20 }, (_, n) => `s${n}.json`).sort());
});

test('a thread that ends by itself leaves no lock behind, and nothing unfinished', async () => {
  const path = await prepared();
  const worker = program(
    path,
    `for (let n = 0; n < 8; n += 1) {
      (async () => { for (;;) await store.saveSession('s' + n, session('s' + n, 1)); })();
    }
    setTimeout(() => process.exit(), 5 + Math.random() * 20);`,
  );
  const script = `
    const { Worker } = require('node:worker_threads');
    const next = (left) => {
      if (left > 0) new Worker(${JSON.stringify(worker)}, { eval: true }).once('exit', () => next(left - 1));
    };
    next(25);`;
  expect(await runNode(['-e', script], { cwd: path })).toEqual({ code: 0, output: '' });
  expect(readdirSync(join(path, 'sessions')).sort()).toEqual(Array.from({ length: 8 }, (_, n) => `s${n}.json`));
});

describe('where the threads that do the work of the file system are all busy', () => {
  /** What happens as the kernel is about to be asked for something: the only thread gets other work first. */
  const atTheCall = (name: string): string => `
    const original = fs.promises.${name};
    fs.promises.${name} = (...args) => {
      if (!args.at(-1).endsWith('a.json')) return original(...args);
      require('node:crypto').pbkdf2('a', 'b', 1_000_000, 64, 'sha512', () => undefined);
      setImmediate(() => process.exit());
      return original(...args);
    };`;
  const env = { ...process.env, UV_THREADPOOL_SIZE: '1' };

  test('an earlier save does not come behind a later one', async () => {
    const path = await prepared();
    const script = program(path, `${atTheCall('rename')} save('a', 2); save('a', 7);`);
    expect((await runNode(['-e', script], { cwd: path, env })).code).toBe(0);
    const store = open(path);
    expect(await lengthOf(store, 'a')).toBe(7);
    await store.close();
  });

  test('a deletion does not come behind a later save', async () => {
    const path = await prepared();
    const before = open(path);
    await before.saveSession('a', conversation('a', 1));
    await before.close();
    const script = program(path, `${atTheCall('unlink')} void store.deleteSession('a'); save('a', 7);`);
    expect((await runNode(['-e', script], { cwd: path, env })).code).toBe(0);
    const store = open(path);
    expect(await lengthOf(store, 'a')).toBe(7);
    await store.close();
  });
});

test('whoever waits for locks keeps nobody else from writing', async () => {
  const path = await prepared();
  const ids = Array.from({ length: 16 }, (_, n) => `held${n}`);
  const links = ids.map((id) => lock(path, id));
  const store = new FileStorageAdapter({ path, durability: 'process', busyTimeoutMs: 60_000 });
  let saved = 0;
  const saves = ids.map((id) => store.saveSession(id, conversation(id)).then(() => (saved += 1)));
  await store.saveSession('free', conversation('free'));
  expect(saved).toBe(0);
  links.forEach(unlinkSync);
  await Promise.all(saves);
  await store.close();
});

test('what a killed process has left unfinished keeps nobody from opening a disk that is read-only by now', async () => {
  const path = temporaryDirectory();
  ['sessions', 'keys'].forEach((name) => mkdirSync(join(path, name)));
  writeFileSync(join(path, 'sessions', `.tmp-${await deadProcess()}-0123456789abcdef`), 'half of it');
  const left = (): string[] => readdirSync(join(path, 'sessions'));
  const readOnly = Object.assign(new Error('EROFS: read-only file system, unlink'), { code: 'EROFS' });
  jest.spyOn(fs.promises, 'unlink').mockRejectedValue(readOnly);
  const store = open(path);
  await store.initialize();
  expect(await store.listSessions()).toEqual([]);
  await store.close();
  expect(left()).toHaveLength(1);
  jest.restoreAllMocks();
  // Whoever comes next, on a disk that can be written to again.
  expect((await runNode(['-e', program(path, '')], { cwd: path })).code).toBe(0);
  expect(left()).toEqual([]);
});

test.each(['EPROTO', 'EROFS'])('where a shared folder makes no links (%s), a file is the lock', async (code) => {
  const path = await prepared();
  jest.spyOn(fs.promises, 'symlink').mockRejectedValue(Object.assign(new Error(code), { code }));
  const store = open(path);
  await Promise.all([store.saveSession('a', conversation('a')), store.set('k', 1)]);
  expect(await lengthOf(store, 'a')).toBe(2);
  expect(readdirSync(join(path, 'sessions'))).toEqual(['a.json']);
  await store.close();
});
