/** What stands in the files of a store, and what becomes of it. */
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

import { FileStorageAdapter, type ChatMessage } from '../ts/index.js';
import { storageError } from '../ts/storage/file/files.js';
import { OWNER } from '../ts/storage/file/owner.js';
import { runNode } from './support/child.js';
import { conversation, deadProcess, open } from './support/file-store.js';
import { skipUnless } from './support/skip.js';
import { temporaryDirectory } from './support/temporary.js';

const dist = join(__dirname, '..', 'dist', 'index.js');

skipUnless(process.platform === 'linux', 'only Linux has directories that take no name')(
  'a directory that takes no name, as one that was removed under its mount, is an error at once',
  async () => {
    const script = `new (require(${JSON.stringify(dist)}).FileStorageAdapter)({ path: '/proc/none/store' }).set('k', 1)
      .catch((error) => console.log(error.code, error.message));`;
    const { code, output } = await runNode(['-e', script], { cwd: temporaryDirectory() });
    expect([code, output]).toEqual([0, expect.stringMatching(/^ERR_IO ENOENT.*'\/proc\/none'/)]);
  },
);

describe('files', () => {
  test('are JSON, one message a line, for the owner only', async () => {
    const store = open(join(temporaryDirectory(), 'new', 'store'));
    await store.saveSession('chat-7', conversation('chat-7', 3));
    await store.set('Draft', { text: 'x', at: new Date(5) }, 60);
    const text = readFileSync(join(store.path, 'sessions', 'chat-7.json'), 'utf8');
    expect(JSON.parse(text)).toMatchObject({ id: 'chat-7', activeAgent: 'writer', messageCount: 3 });
    expect(text.split('\n').filter((line) => line.startsWith('{"id":"m'))).toHaveLength(3);
    expect(JSON.parse(readFileSync(join(store.path, 'keys', '%44raft.json'), 'utf8'))).toMatchObject({
      id: 'Draft',
      value: { text: 'x', at: '1970-01-01T00:00:00.005Z' },
      types: { '/at': 'Date' },
    });
    for (const [name, mode] of [
      ['.', 0o700],
      ['sessions', 0o700],
      ['sessions/chat-7.json', 0o600],
    ] as const) {
      expect(statSync(join(store.path, name)).mode & 0o777).toBe(mode);
    }
    expect(readdirSync(join(store.path, 'sessions'))).toEqual(['chat-7.json']);
    await store.close();
  });

  test('keep the types of members whose names have what JavaScript, and nobody else, takes for the end of a line', async () => {
    const store = open();
    const [message] = conversation('a', 1).messages as [ChatMessage];
    const metadata = { 'a\u2028null\u2028b': new Date(3), 'a\u2029\u2028b': new Date(4) };
    const session = { ...conversation('a', 0), messages: [message, { ...message, metadata }, { ...message, n: 1n }] };
    await store.saveSession('a', session);
    await store.appendMessages('a', [{ ...message, metadata }]);
    expect((await store.getSession('a'))?.messages).toEqual([...session.messages, { ...message, metadata }]);
    expect(JSON.parse(readFileSync(join(store.path, 'sessions', 'a.json'), 'utf8'))).toMatchObject({
      messageTypes: [{}, { '/metadata/a\u2029\u2028b': 'Date' }, {}, {}],
    });
    await store.close();
  });

  test('of which any byte was changed are errors of that session alone', async () => {
    const store = open();
    await store.saveSession('a', conversation('a', 1));
    await store.saveSession('b', conversation('b', 1));
    const file = join(store.path, 'sessions', 'a.json');
    const sound = readFileSync(file);
    for (let at = 0; at < sound.length; at += 1) {
      const changed = Buffer.from(sound);
      changed[at] = (changed[at] as number) ^ 1;
      writeFileSync(file, changed);
      await expect(store.getSession('a')).rejects.toMatchObject({ code: 'ERR_CORRUPT', name: 'CorruptionError' });
    }
    for (const size of [0, 10, sound.length - 1]) {
      writeFileSync(file, sound.subarray(0, size));
      await expect(store.getSession('a')).rejects.toMatchObject({ code: 'ERR_CORRUPT' });
    }
    expect((await store.getSession('b'))?.id).toBe('b');
    expect(await store.listSessions({ orderBy: 'id', order: 'asc' })).toEqual(['a', 'b']);
    expect(await store.verify()).toMatchObject({ sessions: 2, messages: 1, damaged: [{ kind: 'session', id: 'a' }] });
    await store.saveSession('a', conversation('a', 1));
    expect(await store.getSession('a')).toEqual(conversation('a', 1));
    await store.close();
  });

  test('that somebody has renamed are not taken for another session', async () => {
    const store = open();
    await store.saveSession('a', conversation('a'));
    renameSync(join(store.path, 'sessions', 'a.json'), join(store.path, 'sessions', 'b.json'));
    await expect(store.getSession('b')).rejects.toMatchObject({ code: 'ERR_CORRUPT' });
    expect(await store.getSession('a')).toBeNull();
    await store.close();
  });

  test('that are not ours are left alone', async () => {
    const store = open();
    await store.initialize();
    const note = join(store.path, 'sessions', 'My Notes.json');
    writeFileSync(note, 'mine');
    expect([await store.listSessions(), (await store.getStats()).sessions]).toEqual([[], 0]);
    await store.clear();
    expect(readFileSync(note, 'utf8')).toBe('mine');
    await store.close();
  });

  test('of expired keys go when somebody meets them', async () => {
    const store = open();
    const names = (): string[] => readdirSync(join(store.path, 'keys'));
    await store.set('kept', 1);
    await store.set('counted', 1, 0.001);
    while (await store.has('counted'));
    await store.getStats();
    expect(names()).toEqual(['kept.json']);
    await store.set('met', 1, 0.001);
    while ((await store.get('met')) !== null);
    await store.close();
    expect(names()).toEqual(['kept.json']);
  });

  test('that killed processes have left half done are swept, those of living ones are not', async () => {
    const path = temporaryDirectory();
    const dead = await deadProcess();
    await open(path).initialize();
    const at = (name: string): string => join(path, 'sessions', name);
    const [left, living, old] = [dead, OWNER, OWNER].map((owner, n) => at(`.tmp-${owner}-000000000000000${n}`));
    for (const file of [left, living, old] as string[]) writeFileSync(file, '');
    utimesSync(old as string, 0, 0);
    const script = `const { FileStorageAdapter } = require(${JSON.stringify(dist)});
      const store = new FileStorageAdapter({ path: ${JSON.stringify(path)} });
      store.initialize().then(() => store.close());`;
    expect(await runNode(['-e', script], { cwd: path })).toMatchObject({ code: 0 });
    expect(readdirSync(join(path, 'sessions')).map(at)).toEqual([living]);
  });
});

test('versions grow with every change, also across deleting a session and making it anew', async () => {
  const store = open();
  const seen: number[] = [];
  for (const change of [
    () => store.saveSession('a', conversation('a')),
    () => store.appendMessages('a', conversation('x', 1).messages),
    async () => (await store.deleteSession('a'), store.saveSession('a', conversation('a'))),
  ]) {
    await change();
    seen.push((await store.getVersioned('a'))?.version as number);
  }
  expect(seen).toEqual([...new Set(seen)].sort((one, other) => one - other));
  await store.close();
});

test('what the operating system refuses is ERR_IO', async () => {
  const file = join(temporaryDirectory(), 'file');
  writeFileSync(file, '');
  await expect(open(join(file, 'store')).initialize()).rejects.toMatchObject({ code: 'ERR_IO', name: 'StorageError' });
  const store = open();
  await store.initialize();
  renameSync(join(store.path, 'sessions'), join(store.path, 'moved'));
  // One that is only gone is made anew.
  writeFileSync(join(store.path, 'sessions'), '');
  await expect(store.saveSession('a', conversation('a'))).rejects.toMatchObject({ code: 'ERR_IO' });
  await store.close();
});

test('a full disk is ERR_FULL, which may pass', () => {
  const refused = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
  expect(storageError(refused)).toMatchObject({ code: 'ERR_FULL', retryable: true, cause: refused });
});

test('what Node’s permission model refuses is an ERR_IO that says so: it lets nobody sync a file', async () => {
  const permission = ['--permission', '--experimental-permission'].find((flag) =>
    process.allowedNodeEnvironmentFlags.has(flag),
  );
  const path = temporaryDirectory();
  const script = `
    const { FileStorageAdapter, SmallTalkError } = require(${JSON.stringify(dist)});
    const store = new FileStorageAdapter({ path: ${JSON.stringify(path)} });
    const code = (error) => error instanceof SmallTalkError && error.code + ' ' + error.message;
    (async () => {
      for (const use of [() => store.initialize(), () => store.set('k', 1), () => store.get('k')])
        console.log(await use().catch(code));
    })();`;
  const words = [permission as string, '--allow-fs-read=*', '--allow-fs-write=*', '-e', script];
  const { code, output } = await runNode(words, { cwd: path, env: { NODE_NO_WARNINGS: '1' } });
  const refused = /^ERR_IO .*Permission Model.*: under Node's permission model the file adapter can read at the most\n/i
    .source;
  expect([code, output]).toEqual([0, expect.stringMatching(`${refused}${refused.slice(1)}null\n$`)]);
});

test('a session that is listed is not read again until its file changes', async () => {
  const store = open();
  await store.saveSession('a', conversation('a'));
  const file = join(store.path, 'sessions', 'a.json');
  utimesSync(file, 1_000, 1_000);
  expect(await store.listSessions({ activeAgent: 'writer' })).toEqual(['a']);
  const { size } = statSync(file);
  // In place, with the same size and time: only who reads the file sees it.
  writeFileSync(file, ' '.repeat(size));
  utimesSync(file, 1_000, 1_000);
  expect(await store.listSessions({ activeAgent: 'writer' })).toEqual(['a']);
  utimesSync(file, 1_001, 1_001);
  expect(await store.listSessions({ activeAgent: 'writer' })).toEqual([]);
  await store.close();
});

test('a file that cannot be read is damage to verify, and keeps it from none of the others', async () => {
  const store = new FileStorageAdapter({ path: temporaryDirectory(), durability: 'process' });
  await store.saveSession('sound', conversation('sound', 2));
  mkdirSync(join(store.path, 'sessions', 'folder.json'));
  symlinkSync('link.json', join(store.path, 'keys', 'link.json'));
  const report = await store.verify();
  expect(report).toMatchObject({ sessions: 2, keys: 1, messages: 2 });
  expect(report.damaged).toMatchObject([
    { kind: 'session', id: 'folder', detail: expect.stringContaining('EISDIR') as string },
    { kind: 'key', id: 'link', detail: expect.stringContaining('ELOOP') as string },
  ]);
  await store.close();
});
