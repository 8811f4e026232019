/** One file that the system will not give, or not remove: the others are listed, counted, pruned and removed all the same. */
import fs, { mkdirSync, promises, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { FileStorageAdapter, InMemoryStorageAdapter, migrate } from '../ts/index.js';
import { conversation, open } from './support/file-store.js';

afterEach(() => jest.restoreAllMocks());

type Opened = (error: Error | null, fd?: number) => void;

const failure = (code: string, syscall: string, path: string): Error =>
  Object.assign(new Error(`${code}: refused, ${syscall} '${path}'`), { code, syscall, path });

/** Has the system say that when a file of these is opened. */
function refuse(code: string, isRefused: (path: string) => boolean): void {
  const { open: opens } = fs;
  const opening = (path: string, flags: number, mode: number, done: Opened): void => {
    if (isRefused(path)) setImmediate(() => done(failure(code, 'open', path)));
    else opens(path, flags, mode, done);
  };
  jest.spyOn(fs, 'open').mockImplementation(opening as unknown as typeof fs.open);
}

/** What stands in the place of a file, and what reading it is refused with. */
const INSTEAD: Record<string, [instead: (path: string) => void, code: string]> = {
  'a directory': [(path) => mkdirSync(path), 'EISDIR'],
  'a link that leads nowhere': [(path) => symlinkSync('nowhere.json', path), 'ELOOP'],
  'a link to another file': [(path) => symlinkSync('sound.json', path), 'ELOOP'],
  'a file of somebody else': [
    (path) => {
      writeFileSync(path, '');
      if (!jest.isMockFunction(fs.open)) refuse('EACCES', (opened) => opened.endsWith('odd.json'));
    },
    'EACCES',
  ],
};

async function storeWith(instead: (path: string) => void): Promise<FileStorageAdapter> {
  const store = open();
  await store.saveSession('sound', conversation('sound', 2));
  await store.set('sound', 1);
  for (const room of ['sessions', 'keys']) instead(join(store.path, room, 'odd.json'));
  return store;
}

describe.each(Object.entries(INSTEAD))('%s in the place of a file', (_, [instead, code]) => {
  test('is listed, counted and left alone as a damaged one is; who reads it hears why', async () => {
    const store = await storeWith(instead);
    const keys: string[] = [];
    for await (const key of store.keys()) keys.push(key);
    expect(await store.listSessions({ orderBy: 'id', order: 'asc' })).toEqual(['odd', 'sound']);
    expect(keys).toEqual(['odd', 'sound']);
    expect(await store.getStats()).toMatchObject({ sessions: 2, keys: 2, messages: 2 });
    expect(await store.prune({ updatedBefore: Date.now() + 60_000 })).toMatchObject({ sessions: 1, messages: 2 });
    await expect(store.getSession('odd')).rejects.toMatchObject({ code: 'ERR_IO', cause: { code } });
    await store.close();
  });

  test('is not left out of a migration that says it copied all', async () => {
    const store = await storeWith(instead);
    const target = new InMemoryStorageAdapter();
    await expect(migrate(store, target)).rejects.toMatchObject({ code: 'ERR_IO', cause: { code } });
    await Promise.all([store.close(), target.close()]);
  });
});

test('one whose name does not tell its id is an error of a listing, which could only leave it out', async () => {
  const store = open();
  const long = 'x'.repeat(300);
  await store.saveSession(long, conversation('long'));
  refuse('EACCES', (path) => path.includes('~') && path.endsWith('.json'));
  await expect(store.listSessions()).rejects.toMatchObject({ code: 'ERR_IO', cause: { code: 'EACCES' } });
  await store.close();
});

test.each(['EIO', 'EMFILE', 'ENFILE', 'ESTALE'])(
  '%s is none of one file: a listing is refused with it',
  async (code) => {
    const store = await storeWith(() => undefined);
    refuse(code, (path) => path.endsWith('.json'));
    const refused = { code: 'ERR_IO', cause: { code } };
    await expect(store.listSessions()).rejects.toMatchObject(refused);
    await expect(store.getStats()).rejects.toMatchObject(refused);
    jest.restoreAllMocks();
    expect(await store.listSessions()).toEqual(['sound']);
    await store.close();
  },
);

test('nor is a directory in which nothing may be looked at', async () => {
  const store = await storeWith(() => undefined);
  refuse('EACCES', (path) => path.endsWith('.json'));
  const { lstat } = promises;
  const denied = async (path: string): Promise<fs.Stats> => {
    if (path.endsWith('.json')) throw failure('EACCES', 'lstat', path);
    return lstat(path);
  };
  jest.spyOn(promises, 'lstat').mockImplementation(denied as typeof promises.lstat);
  await expect(store.listSessions()).rejects.toMatchObject({ code: 'ERR_IO', cause: { syscall: 'lstat' } });
  await store.close();
});

test('a file that can no longer be read since it was listed keeps a pruning from none of the others', async () => {
  const store = open();
  const old = new Date(1_000);
  for (const id of ['closed', 'sound']) {
    await store.saveSession(id, { ...conversation(id), updatedAt: old });
    fs.utimesSync(join(store.path, 'sessions', `${id}.json`), 1_000, 1_000);
  }
  expect(await store.listSessions()).toHaveLength(2);
  refuse('EACCES', (path) => path.endsWith('closed.json'));
  expect(await store.prune({ updatedBefore: 2_000 })).toMatchObject({ sessions: 1 });
  jest.restoreAllMocks();
  expect(await store.listSessions()).toEqual(['closed']);
  await store.close();
});

test('clear() removes all that can be removed, and names what cannot', async () => {
  const store = await storeWith((path) => mkdirSync(path));
  await store.saveSession('z-last', conversation('z-last'));
  const message = /^clear\(\) has removed all but 2 files: E.*sessions.odd\.json.*; E.*keys.odd\.json/;
  await expect(store.clear()).rejects.toMatchObject({
    code: 'ERR_IO',
    message: expect.stringMatching(message) as string,
  });
  for (const room of ['sessions', 'keys']) expect(readdirSync(join(store.path, room))).toEqual(['odd.json']);
  for (const room of ['sessions', 'keys']) fs.rmdirSync(join(store.path, room, 'odd.json'));
  await store.clear();
  expect(await store.listSessions()).toEqual([]);
  await store.close();
});
