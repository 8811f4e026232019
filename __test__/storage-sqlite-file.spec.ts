/** The file of a SQLite store: put back from a backup, read-only, or out of sight. */
import { chownSync, closeSync, openSync, readdirSync, writeFileSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { SQLiteStorageAdapter } from '../ts/index.js';
import { runNode } from './support/child.js';
import { skipUnless } from './support/skip.js';
import { temporaryDirectory } from './support/temporary.js';

const dist = join(__dirname, '..', 'dist', 'index.js');

let path = '';

beforeEach(() => {
  path = join(temporaryDirectory(), 'sessions.db');
});

/** Runs a script as somebody whom the rights of files concern: root may do anything. Gives what it prints, line by line. */
async function asNobody(script: string): Promise<unknown[]> {
  const directory = dirname(path);
  if (process.getuid?.() === 0) chownSync(directory, 65_534, 65_534);
  const source = `
    const fs = require('node:fs');
    const { SQLiteStorageAdapter } = require(${JSON.stringify(dist)});
    if (process.getuid?.() === 0) {
      process.setgroups([]);
      process.setgid(65534);
      process.setuid(65534);
    }
    const path = ${JSON.stringify(path)};
    const directory = ${JSON.stringify(directory)};
    const say = (call) => call.then((value) => value ?? 'done', (error) => error.code + ' ' + error.message)
      .then((value) => console.log('> ' + JSON.stringify(value)));
    (async () => {${script}})();`;
  const { code, output } = await runNode(['-e', source], { cwd: directory });
  expect({ code, output }).toEqual({ code: 0, output: expect.any(String) as string });
  const lines = output.split('\n').filter((line) => line.startsWith('> '));
  return lines.map((line) => JSON.parse(line.slice(2)) as unknown);
}

test('four processes that open the same backup at once all get in, and lose nothing', async () => {
  const cwd = temporaryDirectory();
  const store = new SQLiteStorageAdapter({ path: join(cwd, 'store.db') });
  await store.set('k', 1);
  for (let round = 0; round < 3; round += 1) {
    const backup = join(cwd, `backup-${round}.db`);
    await store.backup(backup);
    // What an earlier file of that name has left, without anything in it.
    if (round > 0) writeFileSync(`${backup}-wal`, Buffer.alloc(98_432));
    const script = `
      const { SQLiteStorageAdapter } = require(${JSON.stringify(dist)});
      const adapter = new SQLiteStorageAdapter({ path: ${JSON.stringify(backup)}, durability: 'process' });
      const keys = Array.from({ length: 50 }, (_, n) => process.pid + '/' + n);
      Promise.all(keys.map((key) => adapter.set(key, key))).then(() => process.stdout.write('stored'));`;
    const ended = await Promise.all([1, 2, 3, 4].map(() => runNode(['-e', script], { cwd })));
    for (const end of ended) expect(end).toEqual({ code: 0, output: 'stored' });
    const adapter = new SQLiteStorageAdapter({ path: backup });
    expect((await adapter.getStats()).keys).toBe(201);
    expect((await adapter.verify()).damaged).toEqual([]);
    await adapter.close();
  }
  await store.close();
  expect(readdirSync(cwd).sort()).toEqual(['backup-0.db', 'backup-1.db', 'backup-2.db', 'store.db']);
});

test('a store whose file cannot be written to is read, and written to when it can be', async () => {
  const said = await asNobody(`
    let store = new SQLiteStorageAdapter({ path });
    await store.set('k', 'first');
    await store.close();
    fs.chmodSync(path, 0o444);
    store = new SQLiteStorageAdapter({ path });
    await say(store.get('k'));
    await say(store.set('k', 'second'));
    await say(store.getStats().then((stats) => stats.keys));
    const both = [store.set('k', 'second'), store.get('k')];
    await Promise.allSettled(both);
    await say(both[1]);
    await say(store.verify().then((found) => found.damaged));
    fs.chmodSync(path, 0o600);
    await say(store.set('k', 'third'));
    await say(store.get('k'));
    await say(store.close());`);
  expect(said).toEqual(['first', refused(), 1, 'first', [], 'done', 'third', 'done']);
  expect(said[1]).toContain(path);
});

test('a backup that cannot be written to is read, and becomes a store when it can be', async () => {
  const said = await asNobody(`
    let store = new SQLiteStorageAdapter({ path: path + '.first' });
    await store.set('k', 'first');
    await store.backup(path);
    await store.close();
    fs.chmodSync(path, 0o444);
    fs.chmodSync(directory, 0o555);
    store = new SQLiteStorageAdapter({ path });
    await say(store.get('k'));
    await say(store.set('k', 'second'));
    await say(store.verify().then((found) => found.damaged));
    fs.chmodSync(directory, 0o700);
    fs.chmodSync(path, 0o600);
    await say(store.set('k', 'third'));
    await say(store.get('k'));
    await say(store.close());`);
  expect(said).toEqual(['first', refused(), [], 'done', 'third', 'done']);
  expect(said[1]).toContain(path);
});

const refused = (): string => expect.stringMatching(/^ERR_IO writing to the database .*right to write/) as string;

const onPosix = skipUnless(process.platform !== 'win32', 'only POSIX has directories that let nobody in');

onPosix('a file that cannot be looked at is not said to be deleted, and goes on when it can be', async () => {
  const said = await asNobody(`
    const store = new SQLiteStorageAdapter({ path });
    await store.set('k', 'first');
    fs.chmodSync(directory, 0);
    await say(store.set('k', 'second'));
    await say(store.listSessions());
    fs.chmodSync(directory, 0o700);
    await say(store.set('k', 'third'));
    await store.close();
    fs.chmodSync(path, 0);
    await say(new SQLiteStorageAdapter({ path }).get('k'));`);
  const denied = expect.stringMatching(/^ERR_IO .*sessions\.db: Permission denied/) as string;
  expect(said).toEqual([denied, denied, 'done', denied]);
});

test('a file that another program has set to use no write-ahead log is used with one again', async () => {
  const first = new SQLiteStorageAdapter({ path });
  await first.set('a', 1);
  await first.close();
  // What `PRAGMA journal_mode=delete` leaves, and `VACUUM INTO` makes.
  const file = openSync(path, 'r+');
  writeSync(file, Buffer.from([1, 1]), 0, 2, 18);
  closeSync(file);
  const second = new SQLiteStorageAdapter({ path });
  expect(await second.get('a')).toBe(1);
  await second.set('b', 2);
  await second.set('c', 3);
  expect(await second.get('b')).toBe(2);
  await second.close();
  const third = new SQLiteStorageAdapter({ path });
  expect((await third.getStats()).keys).toBe(3);
  expect((await third.verify()).damaged).toEqual([]);
  await third.close();
});
