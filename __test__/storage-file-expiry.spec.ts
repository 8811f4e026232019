/** Keys whose end has come, in a directory: their files go although nobody asks for them again. */
import fs, { copyFileSync, cpSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';

import type { FileStorageAdapter } from '../ts/index.js';
import { runNode } from './support/child.js';
import { open } from './support/file-store.js';
import { temporaryDirectory } from './support/temporary.js';

const MINUTE_MS = 60_000;

class Timer {
  keepsAlive = true;
  constructor(readonly work: () => void) {}
  unref(): this {
    this.keepsAlive = false;
    return this;
  }
}

/** Those that wait for a minute. */
const pending = new Set<Timer>();

jest.mock('../ts/timers.js', () => {
  const actual = jest.requireActual<typeof import('../ts/timers.js')>('../ts/timers.js');
  return {
    ...actual,
    setTimeout: (work: () => void, ms: number) => {
      if (ms !== MINUTE_MS) return actual.setTimeout(work, ms);
      const timer = new Timer(work);
      pending.add(timer);
      return timer;
    },
    clearTimeout: (timer: Timer | NodeJS.Timeout) => {
      if (timer instanceof Timer) pending.delete(timer);
      else actual.clearTimeout(timer);
    },
  };
});

const { now } = Date;
let aheadMs = 0;

beforeEach(() => {
  aheadMs = 0;
  jest.spyOn(Date, 'now').mockImplementation(() => now() + aheadMs);
});

afterEach(() => {
  jest.restoreAllMocks();
  pending.clear();
});

function minutePasses(): void {
  aheadMs += MINUTE_MS;
  const due = [...pending];
  pending.clear();
  for (const { work } of due) work();
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turn();
}

const names = ({ path }: FileStorageAdapter): string[] => readdirSync(join(path, 'keys')).sort();

async function fill(store: FileStorageAdapter, count: number, ttl: number): Promise<void> {
  await Promise.all(Array.from({ length: count }, (_, n) => store.set(`k${n}`, n, ttl)));
}

test('they go once a minute, as long as there are keys with an end', async () => {
  const store = open();
  await store.set('stays', 1);
  expect(pending.size).toBe(0);
  await fill(store, 40, 30);
  await store.set('later', 1, 150);
  expect([...pending]).toEqual([expect.objectContaining({ keepsAlive: false })]);
  minutePasses();
  await until(() => names(store).length === 2);
  await until(() => pending.size === 1);
  const lists = jest.spyOn(fs.promises, 'readdir');
  minutePasses();
  // None can have ended: nothing is looked for.
  expect(pending.size).toBe(1);
  expect(lists).not.toHaveBeenCalled();
  minutePasses();
  await until(() => names(store).length === 1);
  for (let turns = 0; turns < 20; turns += 1) await turn();
  expect([names(store), pending.size]).toEqual([['stays.json'], 0]);
  await store.close();
});

/** A directory that somebody else has filled. */
async function filledByOthers(): Promise<string> {
  const [store, path] = [open(), temporaryDirectory()];
  await fill(store, 20, 30);
  await store.close();
  cpSync(store.path, path, { recursive: true });
  return path;
}

test.each<[string, (store: FileStorageAdapter) => Promise<unknown>]>([
  ['keys()', (store) => store.keys().next()],
  ['getStats()', (store) => store.getStats()],
  ['initialize()', (store) => store.initialize()],
])('so do those of others, once %s has met them', async (_, meet) => {
  const store = open(await filledByOthers());
  await store.has('k0');
  expect(pending.size).toBe(0);
  await meet(store);
  await until(() => pending.size === 1);
  minutePasses();
  await until(() => names(store).length === 0);
  await store.close();
});

test('those that keys() passes over go as well', async () => {
  const store = open(await filledByOthers());
  aheadMs = MINUTE_MS;
  expect(await store.keys().next()).toMatchObject({ done: true });
  expect(names(store)).toHaveLength(20);
  minutePasses();
  await until(() => names(store).length === 0);
  await store.close();
});

test('adapters of one directory have one timer, until the last is closed', async () => {
  const path = temporaryDirectory();
  const [first, second] = [open(path), open(path)];
  await Promise.all([fill(first, 5, 30), fill(second, 5, 40)]);
  expect(pending.size).toBe(1);
  await first.close();
  expect(pending.size).toBe(1);
  await second.close();
  expect(pending.size).toBe(0);
  const third = open(path);
  await third.set('k', 1);
  // Those of before are still known.
  expect(pending.size).toBe(1);
  await Promise.all([third.close(), third.close()]);
  expect(pending.size).toBe(0);
});

test('a close does not wait for all of them, and after it none goes', async () => {
  const store = open();
  await fill(store, 200, 30);
  const removes = jest.spyOn(fs.promises, 'unlink');
  minutePasses();
  await until(() => removes.mock.calls.some(([file]) => String(file).endsWith('.json')));
  await store.close();
  const left = names(store);
  expect(left.length).toBeGreaterThan(0);
  expect(left.filter((name) => !name.endsWith('.json'))).toEqual([]);
  for (let turns = 0; turns < 50; turns += 1) await turn();
  expect([names(store), pending.size]).toEqual([left, 0]);
});

test('one that was set anew stays, also by another process and at the last moment', async () => {
  const [store, other] = [open(), open()];
  await store.set('anew', 1, 30);
  await store.set('over', 1, 30);
  await other.set('anew', 2, 3_600);
  const { symlink } = fs.promises;
  jest.spyOn(fs.promises, 'symlink').mockImplementation(async (target, path) => {
    if (String(path).endsWith('anew.json.lock')) {
      copyFileSync(join(other.path, 'keys', 'anew.json'), join(store.path, 'keys', 'anew.json'));
    }
    await symlink(target, path);
  });
  minutePasses();
  await until(() => names(store).length === 1);
  expect(await store.get('anew')).toBe(2);
  await Promise.all([store.close(), other.close()]);
});

describe('where a removal fails', () => {
  const refused = (code: string): Error => Object.assign(new Error(`${code}: it failed`), { code });

  test('the others go, and it is tried again a minute later', async () => {
    const store = open();
    await fill(store, 40, 30);
    const { symlink } = fs.promises;
    jest.spyOn(fs.promises, 'symlink').mockImplementation(async (target, path) => {
      if (String(path).endsWith('k7.json.lock')) throw refused('EIO');
      await symlink(target, path);
    });
    minutePasses();
    await until(() => pending.size === 1);
    expect(names(store)).toEqual(['k7.json']);
    jest.mocked(fs.promises.symlink).mockRestore();
    minutePasses();
    await until(() => names(store).length === 0);
    await store.close();
  });

  test('so it is where the directory cannot be listed', async () => {
    const store = open();
    await fill(store, 3, 30);
    jest.spyOn(fs.promises, 'readdir').mockRejectedValueOnce(refused('EIO'));
    minutePasses();
    await until(() => pending.size === 1);
    expect(names(store)).toHaveLength(3);
    minutePasses();
    await until(() => names(store).length === 0);
    await store.close();
  });
});

describe('a key with an end', () => {
  const dist = join(__dirname, '..', 'dist');
  /** The minute never ends. */
  const begin = (path: string): string => `const timers = require('node:timers');
    const { setTimeout } = timers;
    timers.setTimeout = (work, ms) => setTimeout(work, ms === ${MINUTE_MS} ? 2 ** 31 - 1 : ms);
    const { FileStorageAdapter } = require(${JSON.stringify(join(dist, 'index.js'))});
    const path = ${JSON.stringify(path)};`;

  test('keeps no process alive', async () => {
    const path = temporaryDirectory();
    const script = `${begin(path)} new FileStorageAdapter({ path }).set('k', 1, 3600).then(() => console.log('set'));`;
    expect(await runNode(['-e', script], { cwd: path })).toEqual({ code: 0, output: 'set\n' });
  });

  test('holds no directory that is forgotten', async () => {
    const path = temporaryDirectory();
    const script = `${begin(path)}
      const { placeOf } = require(${JSON.stringify(join(dist, 'storage', 'file', 'place.js'))});
      let gone = false;
      const registry = new FinalizationRegistry(() => (gone = true));
      (async () => {
        await (async () => {
          const store = new FileStorageAdapter({ path });
          await store.set('k', 1, 3600);
          registry.register(placeOf(path), 0);
        })();
        while (!gone) { global.gc(); await new Promise(setImmediate); }
        console.log('gone');
      })();`;
    expect(await runNode(['--expose-gc', '-e', script], { cwd: path })).toEqual({ code: 0, output: 'gone\n' });
  });
});
