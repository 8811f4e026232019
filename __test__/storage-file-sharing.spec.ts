/** Several adapters, processes and loops on one directory of files. */
import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { setImmediate as turn } from 'node:timers/promises';

import { FileStorageAdapter } from '../ts/index.js';
import { lifeOf, mayBeAlive, OWNER } from '../ts/storage/file/owner.js';
import { runNode } from './support/child.js';
import { conversation, deadProcess, open, ownerModule } from './support/file-store.js';
import { temporaryDirectory } from './support/temporary.js';

const onLinux = process.platform === 'linux' ? test : test.skip;

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

  test('adapters lose no append where their directory was moved meanwhile, and a link is in its place', async () => {
    const base = temporaryDirectory();
    const path = join(base, 'store');
    const first = open(path);
    await first.saveSession('s', conversation('s', 0));
    renameSync(path, join(base, 'moved'));
    symlinkSync(join(base, 'moved'), path, 'junction');
    const second = open(path);
    const lane = async (store: FileStorageAdapter): Promise<void> => {
      for (let n = 0; n < 40; n += 1) await store.appendMessages('s', conversation('s', 1).messages);
    };
    await Promise.all([lane(first), lane(second)]);
    expect((await first.getSessionInfo('s'))?.messageCount).toBe(80);
    expect(readdirSync(join(base, 'moved', 'sessions'))).toEqual(['s.json']);
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
  });

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

  onLinux('is gone when its process has ended, also where its parent has not asked for that', async () => {
    // The shell becomes a program that asks for nothing.
    const script = '"$0" -p "require(process.argv[1]).OWNER" "$1" & exec sleep 100 >/dev/null';
    const parent = spawn('sh', ['-c', script, process.execPath, ownerModule], { stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      const owner = String(await buffer(parent.stdout)).trim();
      const stat = `/proc/${owner.split('-')[0]}/stat`;
      // A zombie, none of whose threads is left.
      while (!/\) Z (?:\S+ ){16}1 /.test(readFileSync(stat, 'latin1'))) await turn();
      expect(lifeOf(owner)).toBe('gone');
    } finally {
      parent.kill('SIGKILL');
    }
  });

  test('may be there where its id says nothing: on another machine, in another container, in words of others', async () => {
    const [dead, began] = (await deadProcess()).split('-') as [string, string];
    const elsewhere = `${space.startsWith('0') ? '1' : '0'}${space.slice(1)}`;
    expect(mayBeAlive(`${dead}-${began}-${elsewhere}-abc-1`)).toBe(true);
    expect(mayBeAlive('')).toBe(true);
    expect(mayBeAlive(`${dead}-abc`)).toBe(true);
  });
});
