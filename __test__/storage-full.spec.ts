/** A disk without room for SQLite: deleting goes on, however much of what is stored is in the write-ahead log still. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync, truncateSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { SQLiteStorageAdapter, type ChatSession } from '../ts/index.js';
import { runNode } from './support/child.js';
import { skipUnless } from './support/skip.js';

const isRoot = process.getuid?.() === 0 && process.platform === 'linux';
const smallDisk = skipUnless(isRoot, 'a small disk can only be mounted by root');

/** Some of them fit in the room that is kept, and not many. */
const LARGE = 150_000;

/** Updated at the moment that its number says. */
const sessionOf = (id: string, size: number, at = 0): ChatSession => ({
  id,
  messages: [{ id: 'm', role: 'user', content: 'x'.repeat(size), timestamp: new Date(0) }],
  createdAt: new Date(0),
  updatedAt: new Date(at),
});

const codeOf = (promise: Promise<unknown>): Promise<string | undefined> =>
  promise.then(
    () => undefined,
    (error: unknown) => (error as { code: string }).code,
  );

let disk: string;
let store: SQLiteStorageAdapter;

const open = (): SQLiteStorageAdapter => new SQLiteStorageAdapter({ path: join(disk, 's.db') });

const onDiskOf = (megabytes: number, files = 10_000): void => {
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,nr_inodes=${files}`, 'tmpfs', disk]);
  store = open();
};

beforeEach(() => {
  disk = mkdtempSync(join(tmpdir(), 'smalltalk-'));
});

afterEach(async () => {
  if (isRoot) {
    await store.close();
    execFileSync('umount', [disk]);
  }
  rmSync(disk, { recursive: true, force: true });
});

/** Saves sessions until there is no room, or so many; gives their ids. */
async function fill(most = Infinity): Promise<string[]> {
  const ids: string[] = [];
  for (;;) {
    const id = `s${ids.length}`;
    const code = ids.length < most ? await codeOf(store.saveSession(id, sessionOf(id, LARGE, ids.length))) : 'ERR_FULL';
    if (code === 'ERR_FULL') return ids;
    expect(code).toBeUndefined();
    ids.push(id);
  }
}

/** Somebody else takes all there is. */
const takeAll = (): void =>
  expect(() => {
    for (let n = 0; ; n += 1) writeFileSync(join(disk, `ballast-${n}`), Buffer.alloc(64 * 1024));
  }).toThrow('ENOSPC');

async function deleteEach(ids: string[]): Promise<void> {
  const codes: (string | undefined)[] = [];
  for (const id of ids) codes.push(await codeOf(store.deleteSession(id)));
  expect(codes).toEqual(ids.map(() => undefined));
  expect((await store.getStats()).sessions).toBe(0);
}

for (const megabytes of [4, 12, 40]) {
  smallDisk(`${megabytes} MB are filled, all is deleted one by one, and there is room again`, async () => {
    onDiskOf(megabytes);
    const ids = await fill();
    expect(ids.length).toBeGreaterThan(megabytes);
    await deleteEach(ids);
    await store.saveSession('again', sessionOf('again', LARGE));
  });
}

smallDisk('where somebody else takes all the room, everything is deleted one by one, and writing goes on', async () => {
  onDiskOf(24);
  const ids = await fill(30);
  takeAll();
  for (const [n, id] of ids.entries()) {
    expect([id, await codeOf(store.deleteSession(id))]).toEqual([id, undefined]);
    if (n === 10) await store.saveSession('again', sessionOf('again', LARGE));
  }
  expect((await store.getStats()).sessions).toBe(1);
});

smallDisk('a full store is pruned, and what is left is cleared', async () => {
  onDiskOf(12);
  const ids = await fill();
  const { sessions } = await store.prune({ updatedBefore: 20 });
  expect(sessions).toBe(20);
  await store.saveSession('again', sessionOf('again', LARGE));
  await store.clear();
  expect((await store.getStats()).sessions).toBe(0);
  expect((await fill(ids.length / 2)).length).toBe(Math.ceil(ids.length / 2));
});

smallDisk('what a process that was killed on a full disk has left is deleted one by one', async () => {
  onDiskOf(12);
  const script = `
    const { SQLiteStorageAdapter } = require(${JSON.stringify(join(__dirname, '..', 'dist', 'index.js'))});
    const store = new SQLiteStorageAdapter({ path: ${JSON.stringify(join(disk, 's.db'))} });
    const text = 'x'.repeat(${LARGE});
    const kill = () => process.kill(process.pid, 'SIGKILL');
    (async () => { for (let n = 0; ; n += 1) await store.set('key' + n, text); })().catch(kill);`;
  expect(await runNode(['-e', script], { cwd: disk })).toMatchObject({ code: 'SIGKILL' });
  takeAll();
  store = open();
  const keys: string[] = [];
  for await (const key of store.keys()) keys.push(key);
  expect(keys.length).toBeGreaterThan(12);
  for (const key of keys) expect([key, await store.delete(key)]).toEqual([key, true]);
});

smallDisk(
  'a store that was closed in order where little room is left is read and emptied when there is none',
  async () => {
    onDiskOf(4);
    await store.set('k', 'acknowledged');
    await store.saveSession('s', sessionOf('s', 100));
    await store.close();
    takeAll();
    store = open();
    expect(await store.get('k')).toBe('acknowledged');
    expect(await store.listSessions()).toEqual(['s']);
    expect([await store.delete('k'), await store.deleteSession('s')]).toEqual([true, true]);
  },
);

smallDisk('a disk that may have no more files is full to a store that was closed in order', async () => {
  onDiskOf(8, 20);
  await store.set('k', 'acknowledged');
  await store.close();
  const others: string[] = [];
  expect(() => {
    for (;;) {
      const other = join(disk, `other-${others.length}`);
      writeFileSync(other, '');
      others.push(other);
    }
  }).toThrow('ENOSPC');
  store = open();
  await expect(store.get('k')).rejects.toMatchObject({ code: 'ERR_FULL', retryable: true });
  expect(await codeOf(store.set('k', 'more'))).toBe('ERR_FULL');
  // The log, and the memory that its users share.
  for (const other of others.slice(0, 2)) unlinkSync(other);
  expect(await store.get('k')).toBe('acknowledged');
});

smallDisk('a save that is refused takes nothing of a disk that keeps what it gave in part', async () => {
  const image = `${disk}.image`;
  writeFileSync(image, '');
  truncateSync(image, 24 * 1024 * 1024);
  try {
    execFileSync('mkfs.ext4', ['-q', '-F', '-m', '0', image]);
    execFileSync('mount', ['-o', 'loop', image, disk]);
    store = open();
    await store.set('k', 1);
    const before = statSync(join(disk, 's.db')).size;
    expect(await codeOf(store.saveSession('large', sessionOf('large', 12_000_000)))).toBe('ERR_FULL');
    expect(statSync(join(disk, 's.db')).size).toBe(before);
    writeFileSync(join(disk, 'of-others'), Buffer.alloc(4 * 1024 * 1024));
  } finally {
    rmSync(image);
  }
});
