import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';

import { FileStorageAdapter, type ChatMessage, type ChatSession } from '../ts/index.js';
import { storageError } from '../ts/storage/file/files.js';
import { fileNameOf, idOfFileName } from '../ts/storage/file/names.js';
import { mayBeAlive, OWNER } from '../ts/storage/file/owner.js';
import { runNode } from './support/child.js';
import { temporaryDirectory } from './support/temporary.js';

const dist = join(__dirname, '..', 'dist', 'index.js');

const open = (path = temporaryDirectory()): FileStorageAdapter =>
  new FileStorageAdapter({ path, durability: 'process' });

function conversation(id: string, count = 2): ChatSession {
  const messages = Array.from({ length: count }, (_, at) => ({
    id: `m${at}`,
    role: 'user' as const,
    content: `message ${at} – "é"`,
    timestamp: new Date(at),
  }));
  return { id, activeAgent: 'writer', messages, createdAt: new Date(1), updatedAt: new Date(2) };
}

/** A process that has ended, as the owner of something. */
async function deadProcess(): Promise<string> {
  const owner = join(__dirname, '..', 'dist', 'storage', 'file', 'owner.js');
  const { output } = await runNode(['-p', `require(${JSON.stringify(owner)}).OWNER`], { cwd: temporaryDirectory() });
  return output.trim();
}

describe('names of files', () => {
  const anyId = fc
    .oneof(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 512 }), fc.string({ minLength: 1, maxLength: 512 }))
    .filter((id) => !/[\0\p{Surrogate}]/u.test(id) && Buffer.byteLength(id) <= 512);

  test('tell ids apart, also where case is ignored, and are safe everywhere', () => {
    const seen = new Map<string, string>();
    fc.assert(
      fc.property(anyId, (id) => {
        const name = fileNameOf(id);
        expect(name).toMatch(/^[a-z0-9_%~-]{1,200}\.json$/);
        expect(name).toBe(name.toLowerCase());
        expect(seen.get(name) ?? id).toBe(id);
        seen.set(name, id);
        if (!name.includes('~')) expect(idOfFileName(name)).toBe(id);
      }),
      { numRuns: 3_000 },
    );
  });

  test('are never those of devices, of hidden files or of another directory', () => {
    for (const id of [
      'con',
      'nul',
      'com1',
      'CON',
      '.',
      '..',
      '.hidden',
      '../x',
      'a/b',
      'a\\b',
      'aux.txt',
      '%63on',
      '~',
    ]) {
      expect(fileNameOf(id)).not.toMatch(/^(con|nul|com1|aux)\.|^\.|[/\\]/);
      expect(idOfFileName(fileNameOf(id))).toBe(id);
    }
    expect(fileNameOf('chat-7')).toBe('chat-7.json');
    expect(fileNameOf('A')).toBe('%41.json');
  });

  test('of long ids that begin alike differ', async () => {
    const ids = ['x', 'y'].map((end) => 'Ä'.repeat(255) + end);
    expect(new Set(ids.map(fileNameOf)).size).toBe(2);
    const store = open();
    for (const id of ids) await store.saveSession(id, conversation(id));
    for (const id of ids) await store.set(id, id);
    expect((await store.listSessions({ orderBy: 'id', order: 'asc' })).sort()).toEqual(ids.sort());
    for (const id of ids) expect([(await store.getSession(id))?.id, await store.get(id)]).toEqual([id, id]);
    await store.close();
  });
});

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

describe('several at once', () => {
  test('adapters on one directory keep the order of the calls', async () => {
    const directory = temporaryDirectory();
    const [path, link] = [join(directory, 'store'), join(directory, 'link')];
    mkdirSync(path);
    symlinkSync(path, link);
    const stores = [open(path), open(link), open(path)];
    const writes = Array.from({ length: 60 }, (_, n) => (stores[n % 3] as FileStorageAdapter).set('k', n));
    const reads = stores.map((store) => store.get('k'));
    await Promise.all(writes);
    expect(await Promise.all(reads)).toEqual([59, 59, 59]);
    for (const store of stores) await store.close();
  });

  test('adapters stay one where their directory went and was made anew', async () => {
    const path = temporaryDirectory();
    const first = open(path);
    await first.set('n', 0);
    rmSync(path, { recursive: true });
    const second = open(path);
    await second.saveSession('s', conversation('s', 0));
    const appends = Array.from({ length: 40 }, (_, n) =>
      (n % 2 === 0 ? first : second).appendMessages('s', conversation('s', 1).messages),
    );
    await Promise.all(appends);
    expect((await second.getSessionInfo('s'))?.messageCount).toBe(40);
    await Promise.all([first.close(), second.close()]);
  });

  test('a close waits for a prune that was asked for before', async () => {
    const store = open();
    const ids = Array.from({ length: 60 }, (_, n) => `s${n}`);
    await Promise.all(ids.map((id) => store.saveSession(id, conversation(id))));
    let pruned = false;
    const report = store.prune({ updatedBefore: new Date(1e13) }).finally(() => (pruned = true));
    await store.close();
    expect(pruned).toBe(true);
    expect((await report).sessions).toBe(60);
    expect(readdirSync(join(store.path, 'sessions'))).toEqual([]);
  });

  test('processes lose no update', async () => {
    const path = temporaryDirectory();
    const store = open(path);
    await store.saveSession('log', conversation('log', 0));
    const child = join(__dirname, 'support', 'counting-child.cjs');
    const ended = await Promise.all(Array.from({ length: 4 }, () => runNode([child, path, '30'], { cwd: path })));
    expect(ended).toEqual(Array(4).fill({ code: 0, output: '' }));
    expect((await store.getSession('counter'))?.['count']).toBe(120);
    expect((await store.getSessionInfo('log'))?.messageCount).toBe(120);
    expect(readdirSync(join(path, 'sessions')).sort()).toEqual(['counter.json', 'log.json']);
    await store.close();
  }, 60_000);

  test('the lock of a process that is gone stands in nobody’s way, that of a living one does', async () => {
    const path = temporaryDirectory();
    const store = new FileStorageAdapter({ path, durability: 'process', busyTimeoutMs: 30 });
    await store.initialize();
    const lock = join(path, 'sessions', 'a.json.lock');
    symlinkSync(`${await deadProcess()}-abc-1`, lock);
    await store.saveSession('a', conversation('a'));
    expect(readdirSync(join(path, 'sessions'))).toEqual(['a.json']);
    symlinkSync(`${OWNER}-abc-1`, lock);
    await expect(store.saveSession('a', conversation('a'))).rejects.toMatchObject({
      code: 'ERR_BUSY',
      retryable: true,
    });
    expect((await store.getSession('a'))?.id).toBe('a');
    await store.saveSession('b', conversation('b'));
    await store.close();
  });
});

describe('the owner of a lock or of a file', () => {
  const [id, start, space] = OWNER.split('-') as [string, string, string];

  test('is there as long as its process, whose id may be another’s afterwards', async () => {
    expect(mayBeAlive(`${OWNER}-abc-1`)).toBe(true);
    expect(mayBeAlive(await deadProcess())).toBe(false);
    if (process.platform === 'linux') expect(start).toMatch(/^\d+$/);
    // As a container's only program, started anew after it was killed.
    expect(mayBeAlive(`${id}-${Number(start) + 1}-${space}-abc-1`)).toBe(start === '');
  });

  test('may be there where its id says nothing: on another machine, in another container, in words of others', async () => {
    const [dead, began] = (await deadProcess()).split('-') as [string, string];
    const elsewhere = `${space.startsWith('0') ? '1' : '0'}${space.slice(1)}`;
    expect(mayBeAlive(`${dead}-${began}-${elsewhere}-abc-1`)).toBe(true);
    expect(mayBeAlive('')).toBe(true);
    expect(mayBeAlive(`${dead}-abc`)).toBe(true);
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
  await expect(store.saveSession('a', conversation('a'))).rejects.toMatchObject({ code: 'ERR_IO' });
  await store.close();
});

test('a full disk is ERR_FULL, which may pass', () => {
  const refused = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
  expect(storageError(refused)).toMatchObject({ code: 'ERR_FULL', retryable: true, cause: refused });
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

describe('at the end', () => {
  test('closing lets land what was asked for, and is final', async () => {
    const store = open();
    const saves = Array.from({ length: 50 }, (_, n) => store.saveSession(`s${n}`, conversation(`s${n}`)));
    const closed = store.close();
    await expect(store.get('k')).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    await closed;
    expect(readdirSync(join(store.path, 'sessions'))).toHaveLength(50);
    await Promise.all([...saves, store.close()]);
  });

  test.each(['process.exit()', 'setImmediate(() => setImmediate(() => process.exit()))', ''])(
    'what is queued lands although nobody closed anything: %s',
    async (exit) => {
      const path = temporaryDirectory();
      const script = `const { FileStorageAdapter } = require(${JSON.stringify(dist)});
        const store = new FileStorageAdapter({ path: ${JSON.stringify(path)} });
        const at = new Date(0);
        for (let n = 0; n < 100; n += 1) {
          void store.saveSession('s' + n, { id: 's', messages: [], createdAt: at, updatedAt: at });
          void store.appendMessages('s' + n, [{ id: 'm', role: 'user', content: '', timestamp: at }]);
        }
        void store.set('gone', 1);
        void store.delete('gone');
        ${exit}`;
      expect(await runNode(['-e', script], { cwd: path })).toEqual({ code: 0, output: '' });
      const store = open(path);
      expect(await store.getStats()).toMatchObject({ sessions: 100, messages: 100, keys: 0 });
      expect((await store.verify()).damaged).toEqual([]);
      await store.close();
    },
    30_000,
  );

  test('what the end of the process interrupts is done once, whichever step it was at', async () => {
    const last = { sessions: 16, messages: 12 };
    const ends = [1, 20, 45, 80, 120, 160].map(async (writes) => {
      const path = temporaryDirectory();
      const script = `const { FileStorageAdapter } = require(${JSON.stringify(dist)});
        const store = new FileStorageAdapter({ path: ${JSON.stringify(path)}, durability: 'process' });
        const at = new Date(0);
        let left = ${writes};
        const done = () => { if (--left === 0) process.exit(); };
        for (let s = 0; s < ${last.sessions}; s += 1) {
          store.saveSession('s' + s, { id: 's', messages: [], createdAt: at, updatedAt: at }).then(done);
          for (let m = 0; m < ${last.messages}; m += 1)
            store.appendMessages('s' + s, [{ id: String(m), role: 'user', content: '', timestamp: at }]).then(done);
        }`;
      expect(await runNode(['-e', script], { cwd: path })).toEqual({ code: 0, output: '' });
      const store = open(path);
      for (let n = 0; n < last.sessions; n += 1) {
        const ids = (await store.getMessages(`s${n}`))?.map(({ id }) => Number(id));
        expect({ writes, ids }).toEqual({ writes, ids: Array.from({ length: last.messages }, (_, at) => at) });
      }
      await store.close();
    });
    await Promise.all(ends);
  }, 60_000);
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
