/** A database file by another name, which has a write-ahead log of its own: mounted by itself, as into a container, or a hard link. */
import { execFileSync } from 'node:child_process';
import { linkSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { SQLiteStorageAdapter } from '../ts/index.js';
import { runNode } from './support/child.js';
import { skipUnless } from './support/skip.js';
import { temporaryDirectory } from './support/temporary.js';

const isRoot = process.getuid?.() === 0 && process.platform === 'linux';
const where = skipUnless(isRoot, 'file systems can only be mounted by root');

let host = '';
let container = '';
let mounted: string[] = [];

beforeEach(async () => {
  const directory = temporaryDirectory();
  [host, container] = [join(directory, 'host'), join(directory, 'container')];
  for (const made of [host, container]) mkdirSync(made);
  const store = new SQLiteStorageAdapter({ path: join(host, 's.db') });
  await store.set('k', 1);
  await store.backup(join(host, 'backup.db'));
  await store.close();
});

afterEach(() => {
  for (const target of mounted.reverse()) execFileSync('umount', ['--lazy', target]);
  mounted = [];
});

/** Mounts one thing over another. */
function mount(source: string, target: string): void {
  execFileSync('mount', ['--bind', source, target]);
  mounted.push(target);
}

/** Mounts a file of the host over one that is made for that. */
function mountFile(name: string): string {
  const target = join(container, name);
  writeFileSync(target, '');
  mount(join(host, name), target);
  return target;
}

async function refusal(path: string): Promise<unknown> {
  const store = new SQLiteStorageAdapter({ path });
  const error: unknown = await store.set('lost', 1).then(
    () => 'stored',
    (cause: unknown) => cause,
  );
  await store.close();
  return error;
}

where('a database that is mounted without its directory is not opened, and nothing is made beside it', async () => {
  const path = mountFile('s.db');
  for (let n = 0; n < 2; n += 1) {
    expect(await refusal(path)).toMatchObject({
      code: 'ERR_IO',
      message: expect.stringContaining('mount the directory') as string,
    });
  }
  expect(readdirSync(container)).toEqual(['s.db']);
  const store = new SQLiteStorageAdapter({ path: join(host, 's.db') });
  expect([await store.has('k'), await store.has('lost')]).toEqual([true, false]);
  await store.close();
});

where('nor is an empty file, nor a backup that would become a database there', async () => {
  writeFileSync(join(host, 'empty.db'), '');
  for (const name of ['empty.db', 'backup.db'])
    expect(await refusal(mountFile(name))).toMatchObject({ code: 'ERR_IO' });
  expect(readdirSync(container)).toEqual(['backup.db', 'empty.db']);
});

where('a backup that can only be read there is read', async () => {
  const path = mountFile('backup.db');
  execFileSync('mount', ['-o', 'remount,bind,ro', path]);
  const store = new SQLiteStorageAdapter({ path });
  expect(await store.get('k')).toBe(1);
  expect(await store.set('k', 2).catch((error: unknown) => error)).toMatchObject({ code: 'ERR_IO' });
  await store.close();
  expect(readdirSync(container)).toEqual(['backup.db']);
});

where('a database that is mounted with its directory is opened, also by a link from elsewhere', async () => {
  mount(host, container);
  const link = join(host, '..', 'link.db');
  execFileSync('ln', ['-s', join(container, 's.db'), link]);
  for (const path of [join(container, 's.db'), link]) {
    const store = new SQLiteStorageAdapter({ path });
    expect(await store.get('k')).toBe(1);
    await store.set('k', 1);
    await store.close();
  }
});

const posix = skipUnless(process.platform !== 'win32', 'only POSIX gives the locks of a file to a process');

posix('a database that has another name is used, with a warning', async () => {
  const script = (path: string): string => `
    const { SQLiteStorageAdapter } = require(${JSON.stringify(join(__dirname, '..', 'dist', 'index.js'))});
    const store = new SQLiteStorageAdapter({ path: ${JSON.stringify(path)} });
    store.get('k').then((value) => console.log('k is', value)).then(() => store.close());`;
  const path = join(host, 's.db');
  const says = async (): Promise<string> => (await runNode(['-e', script(path)], { cwd: host })).output;
  expect(await says()).toBe('k is 1\n');
  linkSync(path, join(host, 'linked.db'));
  const output = await says();
  expect(output).toContain('other names');
  expect(output).toContain('k is 1');
});
