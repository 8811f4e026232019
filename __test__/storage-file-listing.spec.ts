/** What a listing remembers of a file: as long as it may be replaced without looking another, nothing. */
import fs, { copyFileSync, renameSync, type Stats } from 'node:fs';
import { join } from 'node:path';

import type { FileStorageAdapter } from '../ts/index.js';
import { mayLookTheSame } from '../ts/storage/file/clocks.js';
import { conversation, open } from './support/file-store.js';

/** The clock of the system, where a test sets it. */
let clock: number | null = null;

jest.mock('../ts/storage/file/clocks.js', () => {
  const actual = jest.requireActual<{ wallClock: () => number }>('../ts/storage/file/clocks.js');
  return { ...actual, wallClock: () => clock ?? actual.wallClock() };
});

afterEach(() => {
  clock = null;
  jest.restoreAllMocks();
});

test.each([
  // A file system with a fine clock.
  [5_000.25, 5_099, true],
  [5_000.25, 5_101, false],
  [5_003, 5_104, false],
  // One that counts whole seconds, or every second of them.
  [5_000, 5_101, true],
  [6_000, 7_999, true],
  [6_000, 8_050, true],
  [6_000, 8_101, false],
  // One whose clock is ahead.
  [6_000.5, 5_000, true],
])('a file of %d ms may at %d ms be replaced by one that looks the same: %s', (modifiedAt, at, may) => {
  expect(mayLookTheSame(modifiedAt, at)).toBe(may);
});

describe('on a file system that counts whole seconds, and gives the same inode again', () => {
  /** A second that has begun more than a second ago. */
  const second = (): number => Math.floor(Date.now() / 1_000) * 1_000 - 1_000;

  function coarse(mtimeMs: number): void {
    const { fstat, promises } = fs;
    const { lstat } = promises;
    jest.spyOn(fs, 'fstat').mockImplementation(((fd: number, done: (error: Error | null, stats: Stats) => void) => {
      fstat(fd, (error, stats) => done(error, error === null ? Object.assign(stats, { mtimeMs, ino: 7 }) : stats));
    }) as unknown as typeof fs.fstat);
    jest
      .spyOn(promises, 'lstat')
      .mockImplementation((async (path: string) =>
        Object.assign(await lstat(path), { mtimeMs, ino: 7 })) as unknown as typeof lstat);
  }

  const save = (store: FileStorageAdapter, activeAgent: string): Promise<void> =>
    store.saveSession('s', { ...conversation('s'), activeAgent });
  const found = async (store: FileStorageAdapter): Promise<boolean[]> => {
    const lists = await Promise.all(['writer', 'critic'].map((activeAgent) => store.listSessions({ activeAgent })));
    return lists.map((ids) => ids.length > 0);
  };

  test('a file that is replaced twice within one of them is seen', async () => {
    const store = open();
    const at = second();
    coarse(at);
    clock = at + 1_900;
    await save(store, 'writer');
    expect(await found(store)).toEqual([true, false]);
    await save(store, 'critic');
    expect(await found(store)).toEqual([false, true]);
    await store.close();
  });

  test('so is one that is replaced while it is read, however long that takes', async () => {
    const store = open();
    const other = open();
    const at = second();
    const file = (of: FileStorageAdapter): string => join(of.path, 'sessions', 's.json');
    await save(store, 'writer');
    await save(other, 'critic');
    coarse(at);
    clock = at + 1_900;
    const { read } = fs;
    jest.spyOn(fs, 'read').mockImplementationOnce(((...args: unknown[]) => {
      const done = args.pop() as (...answer: unknown[]) => void;
      (read as unknown as (...args: unknown[]) => void)(...args, (...answer: unknown[]) => {
        copyFileSync(file(other), `${file(store)}.new`);
        renameSync(`${file(store)}.new`, file(store));
        clock = at + 5_000;
        done(...answer);
      });
    }) as unknown as typeof fs.read);
    expect(await store.listSessions({ activeAgent: 'writer' })).toEqual(['s']);
    expect(await found(store)).toEqual([false, true]);
    await Promise.all([store.close(), other.close()]);
  });

  test('one that is old enough is read once', async () => {
    const store = open();
    const at = second();
    await save(store, 'writer');
    coarse(at);
    clock = at + 3_000;
    await store.listSessions();
    const reads = jest.spyOn(fs, 'read');
    expect(await found(store)).toEqual([true, false]);
    expect(reads).not.toHaveBeenCalled();
    await store.close();
  });
});
