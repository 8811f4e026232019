/** A directory of the file adapter: what is acknowledged although something failed, and what goes on after a failure. */
import fs, {
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
} from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';

import { FileStorageAdapter } from '../ts/index.js';
import { Turns } from '../ts/storage/file/turns.js';
import { conversation, open } from './support/file-store.js';
import { temporaryDirectory } from './support/temporary.js';

afterEach(() => jest.restoreAllMocks());

describe('of several that are worked on at once', () => {
  test('none is begun any more when one has failed, and that is heard of when no other is under way', async () => {
    let [begun, running] = [0, 0];
    const numbers = Array.from({ length: 100 }, (_, n) => n);
    const each = new Turns('').each(numbers, async (n) => {
      begun += 1;
      running += 1;
      for (let turns = 0; turns <= n % 7; turns += 1) await turn();
      running -= 1;
      if (n > 2) throw new Error(`busy ${n}`);
    });
    // The first to fail; 3 and 4 take longer.
    await expect(each).rejects.toThrow('busy 7');
    expect(running).toBe(0);
    expect(begun).toBeLessThan(30);
    const before = begun;
    for (let turns = 0; turns < 10; turns += 1) await turn();
    expect(begun).toBe(before);
  });
});

test('a close waits for the removal of expired keys that was begun', async () => {
  const path = temporaryDirectory();
  const store = open(path);
  await Promise.all(Array.from({ length: 60 }, (_, n) => store.set(`k${n}`, n, 0.001)));
  await store.close();
  const again = open(path);
  await again.initialize();
  await again.close();
  expect(readdirSync(join(path, 'keys'))).toEqual([]);
});

test('what there is can be counted where an expired key cannot be removed, as on a disk that is read only', async () => {
  const store = open();
  await store.saveSession('s', conversation('s', 3));
  await store.set('stays', 1);
  await store.set('over', 1, 0.05);
  const readOnly = Object.assign(new Error('EROFS: read-only file system, symlink'), { code: 'EROFS' });
  jest.spyOn(fs.promises, 'symlink').mockRejectedValue(readOnly);
  const { open: opened } = fs;
  jest.spyOn(fs, 'open').mockImplementation(((path: string, flags: string | number, ...more: [never, never]) => {
    if (flags === 'wx') (more[1] as (error: Error) => void)(readOnly);
    else opened(path, flags, ...more);
  }) as typeof fs.open);
  while (await store.has('over'));
  expect(await store.getStats()).toMatchObject({ sessions: 1, keys: 1, messages: 3 });
  expect(readdirSync(join(store.path, 'keys')).sort()).toEqual(['over.json', 'stays.json']);
  jest.restoreAllMocks();
  expect(await store.getStats()).toMatchObject({ sessions: 1, keys: 1 });
  expect(readdirSync(join(store.path, 'keys'))).toEqual(['stays.json']);
  await store.close();
});

/** Notes what is synced; a sync of a directory fails as long as `failing` says so, an opening where `opening` throws. */
function watchSyncs(
  failing: (path: string) => boolean = () => false,
  opening: (path: string) => void = () => undefined,
  code = 'EIO',
): Set<string> {
  const opened = new Map<number, string>();
  const synced = new Set<string>();
  const { open: openFile, fsync } = fs;
  jest.spyOn(fs, 'open').mockImplementation(((path: string, flags: number, mode: number, done: typeof fs.fsync) => {
    try {
      opening(path);
    } catch (error) {
      setImmediate(done as unknown as (error: unknown) => void, error);
      return;
    }
    openFile(path, flags, mode, (error, fd) => {
      if (error === null) opened.set(fd, path);
      (done as unknown as (error: Error | null, fd: number) => void)(error, fd);
    });
  }) as unknown as typeof fs.open);
  jest.spyOn(fs, 'fsync').mockImplementation(((fd: number, done: (error: Error | null) => void) => {
    const path = opened.get(fd) as string;
    if (failing(path)) {
      setImmediate(done, Object.assign(new Error(`${code}: it failed, fsync`), { code, syscall: 'fsync' }));
      return;
    }
    synced.add(path);
    fsync(fd, done);
  }) as unknown as typeof fs.fsync);
  return synced;
}

describe('directories that were made are on the disk before a write to them is acknowledged', () => {
  const session = conversation('s');
  const place = (): { base: string; path: string; above: string[] } => {
    const base = fs.realpathSync.native(temporaryDirectory());
    const path = join(base, 'new', 'data');
    return { base, path, above: [base, join(base, 'new'), path] };
  };

  test('also where looking for what killed processes have left failed', async () => {
    const { path, above } = place();
    const synced = watchSyncs();
    jest.spyOn(fs.promises, 'readdir').mockRejectedValueOnce(Object.assign(new Error('EMFILE'), { code: 'EMFILE' }));
    const store = new FileStorageAdapter({ path });
    await store.saveSession('s', session);
    expect([...synced]).toEqual(expect.arrayContaining(above));
    await store.close();
  });

  test('also where that failed at first', async () => {
    const { base, path, above } = place();
    let failures = 1;
    const synced = watchSyncs((directory) => directory === base && failures-- > 0);
    const store = new FileStorageAdapter({ path });
    await store.saveSession('s', session);
    expect(failures).toBe(-1);
    expect([...synced]).toEqual(expect.arrayContaining(above));
    await store.close();
  });

  test.each(['EACCES', 'EPERM'])('but for one that we may write to and not open: %s', async (code) => {
    const { base, path, above } = place();
    let refused = 0;
    const synced = watchSyncs(undefined, (directory) => {
      if (directory !== base) return;
      refused += 1;
      throw Object.assign(new Error(`${code}: not permitted, open`), { code, syscall: 'open' });
    });
    const store = new FileStorageAdapter({ path });
    await store.saveSession('s', session);
    await store.set('k', 1);
    // Who may not open it can never sync it.
    expect(refused).toBe(1);
    expect([...synced]).toEqual(expect.arrayContaining(above.slice(1)));
    await store.close();
  });

  test('also where somebody else made them, who may have been killed right after it', async () => {
    const { base, path, above } = place();
    for (const name of ['sessions', 'keys']) mkdirSync(join(path, name), { recursive: true });
    const synced = watchSyncs();
    const store = new FileStorageAdapter({ path });
    await store.saveSession('s', session);
    expect([...synced]).toEqual(expect.arrayContaining(above));
    // Beyond that the names have been there before.
    const { dev } = statSync(base);
    for (const name of [...synced].filter(existsSync)) expect(statSync(name).dev).toBe(dev);
    await store.close();
  });

  test('but for one of a file system that syncs no directories', async () => {
    const { base, path } = place();
    const synced = watchSyncs((directory) => directory === base, undefined, 'EINVAL');
    const store = new FileStorageAdapter({ path });
    await store.initialize();
    await store.saveSession('s', session);
    expect([...synced]).toContain(path);
    await store.close();
  });

  test('and as long as it fails, none is', async () => {
    const { base, path, above } = place();
    let failing = true;
    const synced = watchSyncs((directory) => directory === base && failing);
    const store = new FileStorageAdapter({ path });
    await expect(store.saveSession('s', session)).rejects.toMatchObject({ code: 'ERR_IO' });
    await expect(store.initialize()).rejects.toMatchObject({ code: 'ERR_IO' });
    await store.saveSession('s', session, { durability: 'process' });
    await expect(store.set('k', 1)).rejects.toMatchObject({ code: 'ERR_IO' });
    failing = false;
    await store.set('k', 2);
    expect([...synced]).toEqual(expect.arrayContaining(above));
    expect([await store.get('k'), await store.getSession('s')]).toEqual([2, session]);
    await store.close();
  });
});

test('a name through a symbolic link that is gone keeps nobody from writing', async () => {
  const base = fs.realpathSync.native(temporaryDirectory());
  const [real, link] = ['real', 'link'].map((name) => join(base, name)) as [string, string];
  mkdirSync(real);
  symlinkSync(real, link, 'junction');
  const store = new FileStorageAdapter({ path: real });
  await store.set('k', 1);
  rmSync(join(real, 'keys'), { recursive: true });
  let failing = true;
  const synced = watchSyncs(() => failing);
  const other = new FileStorageAdapter({ path: link });
  await expect(other.set('k', 2)).rejects.toMatchObject({ code: 'ERR_IO' });
  failing = false;
  unlinkSync(link);
  await store.set('k', 3);
  expect([...synced]).toContain(real);
  await store.initialize();
  await Promise.all([store.close(), other.close()]);
});

test('who initialises a store on a disk that is silent is answered within timeoutMs', async () => {
  let answer: () => void = () => undefined;
  const { fsync } = fs;
  jest.spyOn(fs, 'fsync').mockImplementationOnce(((fd: number, done: (error: Error | null) => void) => {
    answer = () => fsync(fd, done);
  }) as unknown as typeof fs.fsync);
  const path = temporaryDirectory();
  const store = new FileStorageAdapter({ path, timeoutMs: 1_000 });
  await expect(store.initialize()).rejects.toMatchObject({ code: 'ERR_TIMEOUT' });
  answer();
  // Another one waits for as long as a slow disk takes; when that is done, there is nothing left to wait for.
  const patient = new FileStorageAdapter({ path });
  await patient.initialize();
  await store.initialize();
  await patient.close();
});

test('a close waits until the names are on the disk of what was written without waiting for it', async () => {
  const store = open();
  await store.initialize();
  const synced = watchSyncs();
  await Promise.all([store.set('k', 1), store.saveSession('s', conversation('s'))]);
  const directories = ['keys', 'sessions'].map((name) => join(store.path, name));
  expect(directories.filter((directory) => synced.has(directory))).toEqual([]);
  await store.close();
  expect([...synced]).toEqual(expect.arrayContaining(directories));
});

test('a close goes on where that fails', async () => {
  const store = open();
  await store.set('k', 1);
  watchSyncs((path) => path.endsWith('keys'));
  await store.close();
});

describe('directories that somebody has removed', () => {
  const gone = expect.objectContaining({ code: 'ERR_IO', message: expect.stringContaining('initialize()') }) as unknown;
  const keysOf = async (store: FileStorageAdapter): Promise<string[]> => {
    const keys: string[] = [];
    for await (const key of store.keys()) keys.push(key);
    return keys;
  };

  test('are made anew where the one above is the same, and are on the disk before a write is acknowledged', async () => {
    const store = new FileStorageAdapter({ path: temporaryDirectory() });
    await store.saveSession('s', conversation('s'));
    const directory = join(fs.realpathSync.native(store.path), 'keys');
    const uses: (() => Promise<unknown>)[] = [
      () => store.set('k', 1).then(() => expect(store.get('k')).resolves.toBe(1)),
      () => expect(keysOf(store)).resolves.toEqual([]),
      () => expect(store.getStats()).resolves.toMatchObject({ sessions: 1, keys: 0 }),
      () => expect(store.verify()).resolves.toMatchObject({ damaged: [] }),
      () => expect(store.delete('k')).resolves.toBe(false),
      () => store.initialize(),
      () => store.clear(),
    ];
    for (const use of uses) {
      rmSync(directory, { recursive: true });
      await use();
      expect(statSync(directory).mode & 0o777).toBe(process.platform === 'win32' ? 0o666 : 0o700);
    }
    rmdirSync(directory);
    const synced = watchSyncs();
    await Promise.all([store.set('a', 1), store.set('b', 1)]);
    if (process.platform !== 'win32') expect([...synced]).toContain(join(directory, '..'));
    await store.close();
  });

  test.each(['is gone', 'is another one'])(
    'are not where the one above %s, until initialize() is called',
    async (how) => {
      const path = join(temporaryDirectory(), 'store');
      const store = open(path);
      await store.set('k', 1);
      renameSync(path, `${path}.away`);
      if (how === 'is another one') mkdirSync(path);
      await expect(store.set('k', 2)).rejects.toEqual(gone);
      await expect(store.saveSession('s', conversation('s'))).rejects.toEqual(gone);
      await expect(store.listSessions()).rejects.toEqual(gone);
      await expect(keysOf(store)).rejects.toEqual(gone);
      await expect(store.clear()).rejects.toEqual(gone);
      expect(existsSync(path) ? readdirSync(path) : []).toEqual([]);
      // It comes back by itself with its directory.
      rmSync(path, { recursive: true, force: true });
      renameSync(`${path}.away`, path);
      expect(await keysOf(store)).toEqual(['k']);
      await store.set('k', 3);
      rmSync(path, { recursive: true });
      await store.initialize();
      await store.set('k', 4);
      expect([await keysOf(store), await store.listSessions()]).toEqual([['k'], []]);
      await store.close();
    },
  );
});
