/** Another directory in the place of a store, which has its subdirectories too: nobody takes it for the store. */
import { execFileSync } from 'node:child_process';
import fs, { lstatSync, mkdirSync, promises, readdirSync, renameSync, rmSync, statSync, type Stats } from 'node:fs';
import { join } from 'node:path';

import { FileStorageAdapter } from '../ts/index.js';
import { runNode } from './support/child.js';
import { conversation, open } from './support/file-store.js';
import { skipUnless } from './support/skip.js';
import { temporaryDirectory } from './support/temporary.js';

afterEach(() => jest.restoreAllMocks());

const NAMES = ['sessions', 'keys'];
const gone = expect.objectContaining({ code: 'ERR_IO', message: expect.stringContaining('initialize()') }) as unknown;
const save = (store: FileStorageAdapter, id: string): Promise<void> => store.saveSession(id, conversation(id));

/** Puts another directory in its place. */
function exchange(path: string): void {
  renameSync(path, `${path}.away`);
  for (const name of NAMES) mkdirSync(join(path, name), { recursive: true });
}

function putBack(path: string): void {
  rmSync(path, { recursive: true });
  renameSync(`${path}.away`, path);
}

const filesIn = (path: string): string[] => NAMES.flatMap((name) => readdirSync(join(path, name)));

async function filled(): Promise<FileStorageAdapter> {
  const store = open(join(temporaryDirectory(), 'store'));
  await save(store, 'a');
  await store.set('k', 1);
  return store;
}

async function keysOf(store: FileStorageAdapter): Promise<string[]> {
  const keys: string[] = [];
  for await (const key of store.keys()) keys.push(key);
  return keys;
}

const USES: Record<string, (store: FileStorageAdapter) => Promise<unknown>> = {
  'a save': (store) => save(store, 'b'),
  'a save that is to survive a power cut': (store) => store.set('b', 1, undefined, { durability: 'power' }),
  'an append': (store) => store.appendMessages('a', conversation('a').messages),
  'a deletion': (store) => store.deleteSession('a'),
  clear: (store) => store.clear(),
  'a listing': (store) => store.listSessions(),
  'a listing of keys': keysOf,
  getStats: (store) => store.getStats(),
  verify: (store) => store.verify(),
  prune: (store) => store.prune({ updatedBefore: new Date(1e13) }),
  'a read of a session': (store) => store.getSession('a'),
  'a read of a key': (store) => store.get('k'),
};

test.each(Object.keys(USES))('%s is refused there, until the store is back', async (name) => {
  const use = USES[name] as (store: FileStorageAdapter) => Promise<unknown>;
  const store = await filled();
  exchange(store.path);
  await expect(use(store)).rejects.toEqual(gone);
  expect(filesIn(store.path)).toEqual([]);
  putBack(store.path);
  expect([await store.listSessions(), await keysOf(store)]).toEqual([['a'], ['k']]);
  await use(store);
  await store.close();
});

test('so is a read of what the other one has', async () => {
  const store = await filled();
  exchange(store.path);
  for (const name of NAMES) fs.cpSync(join(`${store.path}.away`, name), join(store.path, name), { recursive: true });
  await expect(store.getSession('a')).rejects.toEqual(gone);
  await expect(store.has('k')).rejects.toEqual(gone);
  await store.close();
});

test('after initialize() it is the store', async () => {
  const store = await filled();
  exchange(store.path);
  await expect(save(store, 'b')).rejects.toEqual(gone);
  await store.initialize();
  expect(await store.getSession('a')).toBeNull();
  await save(store, 'b');
  expect(filesIn(store.path)).toEqual(['b.json']);
  await store.close();
});

test('a sync of its names is none of the store’s, which follows when the store is back', async () => {
  const store = await filled();
  const other = open(store.path);
  await other.initialize();
  await store.set('l', 1);
  const { ino } = statSync(join(store.path, 'keys'));
  const synced: number[] = [];
  const { fsync } = fs;
  jest.spyOn(fs, 'fsync').mockImplementation(((fd: number, done: (error: Error | null) => void) => {
    synced.push(fs.fstatSync(fd).ino);
    fsync(fd, done);
  }) as unknown as typeof fs.fsync);
  exchange(store.path);
  await other.close();
  expect(synced).not.toContain(ino);
  putBack(store.path);
  await store.close();
  expect(synced).toContain(ino);
});

describe('where it comes while something is done', () => {
  /** Exchanges the store's directory right after the next such call. */
  function exchangeAfter(name: 'rename' | 'unlink' | 'readdir', path: string): void {
    const original = promises[name] as (...args: unknown[]) => Promise<unknown>;
    jest.spyOn(promises, name).mockImplementationOnce((async (...args: unknown[]) => {
      const answer = await original(...args);
      exchange(path);
      return answer;
    }) as never);
  }

  test.each(['process', 'power'] as const)('a write with %s is not acknowledged', async (durability) => {
    const store = await filled();
    exchangeAfter('rename', store.path);
    await expect(store.set('b', 1, undefined, { durability })).rejects.toMatchObject({ code: 'ERR_INDETERMINATE' });
    putBack(store.path);
    expect(await store.get('b')).toBe(1);
    await store.set('b', 2);
    await store.close();
  });

  test('nor is clear()', async () => {
    const store = await filled();
    await store.set('l', 1);
    exchangeAfter('unlink', store.path);
    await expect(store.clear()).rejects.toMatchObject({
      code: expect.stringMatching(/^ERR_(IO|INDETERMINATE)$/) as string,
    });
    putBack(store.path);
    expect(filesIn(store.path).length).toBeGreaterThan(0);
    await store.close();
  });

  test('nor is clear() where it comes with the last file', async () => {
    const store = open(join(temporaryDirectory(), 'store'));
    await store.set('k', 1);
    exchangeAfter('unlink', store.path);
    await expect(store.clear()).rejects.toMatchObject({ code: 'ERR_INDETERMINATE' });
    await store.close();
  });

  test('a listing and verify() do not take what they no longer find for gone', async () => {
    const store = await filled();
    for (const use of [() => store.listSessions(), () => store.verify()]) {
      exchangeAfter('readdir', store.path);
      await expect(use()).rejects.toEqual(gone);
      putBack(store.path);
    }
    expect(await store.listSessions()).toEqual(['a']);
    await store.close();
  });
});

test('what is queued when the process is left is not written into it', async () => {
  const path = join(temporaryDirectory(), 'store');
  const dist = join(__dirname, '..', 'dist', 'index.js');
  const script = `
    const fs = require('node:fs');
    const store = new (require(${JSON.stringify(dist)}).FileStorageAdapter)({ path: ${JSON.stringify(path)} });
    store.set('a', 1).then(() => {
      fs.renameSync(store.path, store.path + '.away');
      for (const name of ${JSON.stringify(NAMES)}) fs.mkdirSync(store.path + '/' + name, { recursive: true });
      for (let n = 0; n < 40; n += 1) store.set('b' + n, 1).catch(() => undefined);
      process.exit();
    });`;
  expect(await runNode(['-e', script], { cwd: join(path, '..') })).toEqual({ code: 0, output: '' });
  expect([filesIn(path), filesIn(`${path}.away`)]).toEqual([[], ['a.json']]);
});

describe('a file system', () => {
  const renumbered = (stats: Partial<Stats>): void => {
    const { stat } = promises;
    jest
      .spyOn(promises, 'stat')
      .mockImplementation((async (path: string) => Object.assign(await stat(path), stats)) as unknown as typeof stat);
  };

  test.each<[string, (path: string) => Partial<Stats>]>([
    ['and says when it was made, as FAT does', (path) => ({ ino: 7, birthtimeMs: lstatSync(path).birthtimeMs })],
    ['and does not say when it was made, as many in user space', () => ({ ino: 7, birthtimeMs: 0 })],
  ])('may give a directory another number after a while, %s', async (_, of) => {
    const store = await filled();
    renumbered(of(store.path));
    await save(store, 'b');
    expect([await store.get('k'), (await store.listSessions()).sort()]).toEqual([1, ['a', 'b']]);
    await store.close();
  });

  test('may say another moment once it is written to, and give another number after that, as an overlay does', async () => {
    const store = await filled();
    renumbered({ birthtimeMs: 5 });
    await save(store, 'b');
    jest.restoreAllMocks();
    renumbered({ birthtimeMs: 5, ino: 7 });
    await save(store, 'c');
    expect((await store.listSessions()).sort()).toEqual(['a', 'b', 'c']);
    await store.close();
  });

  test('may come back as another device: the directory is known by when it was made, where that is said', async () => {
    const store = await filled();
    const { dev, ino } = statSync(store.path);
    const uses: [stats: Partial<Stats>, isStore: boolean][] = [
      [{ birthtimeMs: 5 }, true],
      [{ birthtimeMs: 5, dev: dev + 1 }, true],
      [{ birthtimeMs: 5, dev }, true],
      [{ birthtimeMs: 6, dev: dev + 1 }, false],
      [{ birthtimeMs: 5, dev: dev + 1, ino: ino + 1 }, false],
      [{ birthtimeMs: 0 }, true],
      [{ birthtimeMs: 0, dev: dev + 1 }, false],
    ];
    for (const [stats, isStore] of uses) {
      renumbered(stats);
      if (isStore) await save(store, 'b');
      else await expect(save(store, 'b')).rejects.toEqual(gone);
      jest.restoreAllMocks();
    }
    await store.close();
  });
});

const isRoot = process.getuid?.() === 0 && process.platform === 'linux';

skipUnless(isRoot, 'file systems can only be mounted by root')(
  'the directory below a mount is not the store of the disk that was mounted there',
  async () => {
    const mount = temporaryDirectory();
    const path = join(mount, 'store');
    // Started once before the disk was there.
    const before = open(path);
    await before.initialize();
    await before.close();
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', mount]);
    try {
      const store = new FileStorageAdapter({ path });
      await save(store, 'a');
      execFileSync('umount', [mount]);
      await expect(store.getSession('a')).rejects.toEqual(gone);
      await expect(store.listSessions()).rejects.toEqual(gone);
      await expect(save(store, 'b')).rejects.toEqual(gone);
      await store.close();
      expect(filesIn(path)).toEqual([]);
    } finally {
      // Where the test failed before.
      if (lstatSync(mount).dev !== lstatSync(join(mount, '..')).dev) execFileSync('umount', [mount]);
    }
  },
);
