/**
 * Listings where a save gives a file another place in its directory, as tmpfs and btrfs do: a reading that is under way passes over
 * its name, or gives it twice.
 */
import fs, { promises, renameSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';

import type { FileStorageAdapter } from '../ts/index.js';
import { conversation, open } from './support/file-store.js';
import { temporaryDirectory } from './support/temporary.js';

afterEach(() => jest.restoreAllMocks());

const IDS = Array.from({ length: 12 }, (_, n) => `s${n}`).sort();
const save = (store: FileStorageAdapter, id: string): Promise<void> => store.saveSession(id, conversation(id));
const fileOf = (store: FileStorageAdapter, id: string): string => join(store.path, 'sessions', `${id}.json`);

async function filled(path?: string): Promise<FileStorageAdapter> {
  const store = open(path);
  await Promise.all(IDS.map((id) => save(store, id)));
  return store;
}

/** What becomes of the sessions' names, at which reading since the mock. Gives how many readings there were. */
function readings(change: (names: string[], reading: number) => string[] | Promise<string[]>): () => number {
  const { readdir } = promises;
  let count = 0;
  jest.spyOn(promises, 'readdir').mockImplementation((async (path: string) => {
    const names = await readdir(path);
    return basename(path) === 'sessions' ? change(names, (count += 1)) : names;
  }) as unknown as typeof readdir);
  return () => count;
}

const without = (names: string[], id: string): string[] => names.filter((name) => name !== `${id}.json`);

/** Somebody else saves a session: what it was, in a new file. */
function savedElsewhere(store: FileStorageAdapter, id: string, text: string): void {
  writeFileSync(`${fileOf(store, id)}.new`, text);
  renameSync(`${fileOf(store, id)}.new`, fileOf(store, id));
}

/** Nobody has written there for long. */
function quiet(store: FileStorageAdapter): void {
  const before = Date.now() / 1_000 - 60.5;
  for (const name of ['sessions', 'keys']) utimesSync(join(store.path, name), before, before);
}

const textOf = (store: FileStorageAdapter, id: string): Promise<string> => promises.readFile(fileOf(store, id), 'utf8');

describe('a session that is saved while the directory is read', () => {
  test('by the same process, is listed, counted and verified, however often a reading passes over it', async () => {
    const store = await filled();
    readings(async (names) => {
      await save(store, 's7');
      return without(names, 's7');
    });
    expect((await store.listSessions()).sort()).toEqual(IDS);
    expect(await store.getStats()).toMatchObject({ sessions: 12, messages: 24 });
    expect(await store.verify()).toMatchObject({ sessions: 12, damaged: [] });
    await store.close();
  });

  test('by somebody else, is found by another reading', async () => {
    const store = open();
    const other = await filled(store.path);
    const text = await textOf(other, 's7');
    const count = readings((names, reading) => {
      if (reading > 2) return names;
      savedElsewhere(store, 's7', text);
      return reading === 1 ? without(names, 's7') : names;
    });
    // In a process of its own, as it were: of a listing before this one nothing is known.
    expect((await store.listSessions()).sort()).toEqual(IDS);
    expect(count()).toBeGreaterThan(1);
    await Promise.all([store.close(), other.close()]);
  });

  test('by somebody else, is known from an earlier listing', async () => {
    const store = await filled();
    const text = await textOf(store, 's7');
    expect(await store.listSessions()).toHaveLength(12);
    readings((names) => {
      savedElsewhere(store, 's7', text);
      return without(names, 's7');
    });
    expect((await store.listSessions()).sort()).toEqual(IDS);
    await store.close();
  });

  test('is given once, and so is what is deleted meanwhile not at all', async () => {
    const store = await filled();
    readings(async (names, reading) => {
      if (reading === 1) await store.deleteSession('s4');
      await save(store, 's7');
      return [...names, 's7.json', 's4.json'];
    });
    const left = IDS.filter((id) => id !== 's4');
    expect((await store.listSessions()).sort()).toEqual(left);
    expect(await store.getStats()).toMatchObject({ sessions: 11 });
    await store.close();
  });
});

describe('a directory is read', () => {
  test('once where nobody writes', async () => {
    const store = await filled();
    quiet(store);
    const count = readings((names) => names);
    expect(await store.listSessions()).toHaveLength(12);
    expect(count()).toBe(1);
    await store.close();
  });

  test('again where somebody has written shortly before: the clock of the file system may not tell them apart', async () => {
    const store = await filled();
    const count = readings((names) => names);
    expect(await store.listSessions()).toHaveLength(12);
    expect(count()).toBe(2);
    await store.close();
  });

  test('not for ever where somebody writes all the time', async () => {
    const store = await filled();
    const text = await textOf(store, 's1');
    const count = readings((names, reading) => {
      savedElsewhere(store, `n${reading}`, text);
      return [...names, `n${reading}.json`];
    });
    expect(await store.listSessions()).toEqual(expect.arrayContaining(IDS));
    expect(count()).toBeLessThan(20);
    await store.close();
  });

  test('again also where it is behind a symbolic link, whose own time tells nothing', async () => {
    const path = temporaryDirectory();
    const elsewhere = temporaryDirectory();
    symlinkSync(elsewhere, join(path, 'sessions'), 'junction');
    const store = await filled(path);
    const text = await textOf(store, 's7');
    quiet(store);
    await store.close();
    const again = open(path);
    const count = readings((names, reading) => {
      if (reading > 1) return names;
      savedElsewhere(again, 's7', text);
      return without(names, 's7');
    });
    expect((await again.listSessions()).sort()).toEqual(IDS);
    expect(count()).toBeGreaterThan(1);
    await again.close();
  });
});

test('what is removed here is not looked for by name any more', async () => {
  const store = await filled();
  await store.listSessions();
  await store.deleteSession('s3');
  const looked: string[] = [];
  for (const name of ['lstat', 'symlink'] as const) {
    const original = promises[name] as (...args: unknown[]) => Promise<unknown>;
    jest.spyOn(promises, name).mockImplementation(((...args: unknown[]) => {
      looked.push(basename(args[name === 'symlink' ? 1 : 0] as string));
      return original(...args);
    }) as never);
  }
  const { open: openFile } = fs;
  jest.spyOn(fs, 'open').mockImplementation(((...args: unknown[]) => {
    looked.push(basename(args[0] as string));
    (openFile as (...all: unknown[]) => void)(...args);
  }) as unknown as typeof fs.open);
  expect(await store.listSessions()).toHaveLength(IDS.length - 1);
  expect(looked.filter((name) => name.startsWith('s3'))).toEqual([]);
  expect(looked).toContain('s4.json');
  await store.clear();
  looked.length = 0;
  await store.clear();
  expect(await store.listSessions()).toEqual([]);
  expect(looked).toEqual([]);
  await store.close();
});
