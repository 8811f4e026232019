/** The lock of a file: when somebody else may take it away, whatever the clocks say. */
import { createHash } from 'node:crypto';
import fs, { lutimesSync, readdirSync, readlinkSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';

import { machineClock } from '../ts/storage/file/clocks.js';
import * as locks from '../ts/storage/file/lock.js';
import { OWNER } from '../ts/storage/file/owner.js';
import { walk, walkNow, type Step, type Steps } from '../ts/storage/file/steps.js';
import { runNode } from './support/child.js';
import { conversation, deadProcess, open } from './support/file-store.js';
import { temporaryDirectory } from './support/temporary.js';

afterEach(() => jest.restoreAllMocks());

const onLinux = process.platform === 'linux' ? test : test.skip;
const LONG_AGO_MS = 121_000;

/** A file with a lock that somebody has. */
function locked(owner: string, ageMs = 0): string {
  const file = join(temporaryDirectory(), 'a.json');
  symlinkSync(owner, `${file}.lock`);
  const taken = (Date.now() - ageMs) / 1000;
  lutimesSync(`${file}.lock`, taken, taken);
  return file;
}

const taken = (file: string): string => {
  walkNow(locks.acquire(file, 20), Infinity);
  return readlinkSync(`${file}.lock`);
};
const busy = expect.objectContaining({ code: 'ERR_BUSY' }) as unknown as Error;

/** Another thread of this process, which took it so long ago. */
const neighbour = (ageMs: number): string => `${OWNER}-0123456789ab-1-${machineClock() - ageMs}`;
/** Whether that one lives nobody here knows. */
const stranger = `1-2-${OWNER.endsWith('0') ? 'ffffffff' : '00000000'}-0123456789ab-1-3`;

describe('the lock', () => {
  onLinux('of a living process stays, however old its file seems to be', () => {
    expect(() => taken(locked(neighbour(0), LONG_AGO_MS))).toThrow(busy);
  });

  test('of a process that is gone is waited for no longer than allowed, where whoever is to take it away does not go on', async () => {
    const gone = `${await deadProcess()}-0123456789ab-1-1`;
    const file = locked(gone);
    const name = createHash('sha256').update(`${file}.lock\0${gone}`).digest('hex').slice(0, 32);
    symlinkSync(neighbour(0), join(file, '..', `.right-${name}`));
    expect(() => taken(file)).toThrow(busy);
  });

  onLinux('of a living process goes when that has had it for too long, however young its file is', () => {
    const file = locked(neighbour(LONG_AGO_MS));
    expect(taken(file)).toMatch(OWNER);
    expect(readdirSync(join(file, '..'))).toEqual(['a.json.lock']);
  });

  test('of somebody elsewhere stays where our clock is ahead of that of the files', () => {
    const file = locked(stranger);
    const { now } = Date;
    jest.spyOn(Date, 'now').mockImplementation(() => now() + LONG_AGO_MS);
    expect(() => taken(file)).toThrow(busy);
    expect(readdirSync(join(file, '..'))).toEqual(['a.json.lock']);
  });

  test('of somebody elsewhere goes when it is old by the clock of the files, also where ours is behind', () => {
    const file = locked(stranger, LONG_AGO_MS);
    const { now } = Date;
    jest.spyOn(Date, 'now').mockImplementation(() => now() - 3_600_000);
    expect(taken(file)).toMatch(OWNER);
  });

  test('protects nobody any more after the clock was put forward, or the machine slept', () => {
    const { now } = Date;
    let aheadMs = 0;
    jest.spyOn(Date, 'now').mockImplementation(() => now() + aheadMs);
    jest.isolateModules(() => {
      const { acquire, stillHeld, release } = require('../ts/storage/file/lock.js') as typeof locks;
      const file = join(temporaryDirectory(), 'a.json');
      const lock = walkNow(acquire(file, 0), Infinity);
      stillHeld(lock);
      aheadMs = LONG_AGO_MS;
      expect(() => stillHeld(lock)).toThrow(expect.objectContaining({ code: 'ERR_BUSY' }));
      // Somebody else has it by now.
      expect(readlinkSync(lock.path)).toBe(lock.token);
      walkNow(release({ ...lock, token: 'mine' }), Infinity);
      expect(readlinkSync(lock.path)).toBe(lock.token);
    });
  });
});

describe('the lock of the same thread', () => {
  const file = (): string => join(temporaryDirectory(), 'a.json');
  const linkOf = (path: string): string => readlinkSync(`${path}.lock`);

  test('stays while it is held: the directory may have another name, under which somebody is at the same file', () => {
    const path = file();
    const lock = walkNow(locks.acquire(path, 0), Infinity);
    expect(() => taken(path)).toThrow(busy);
    expect(linkOf(path)).toBe(lock.token);
    walkNow(locks.release(lock), Infinity);
    expect(taken(path)).not.toBe(lock.token);
  });

  test('goes where it is left over, because it could not be given up or the process is leaving', async () => {
    const failed = async (lock: locks.Lock): Promise<void> => {
      jest.spyOn(fs.promises, 'unlink').mockRejectedValueOnce(Object.assign(new Error('EIO'), { code: 'EIO' }));
      await expect(walk(locks.release(lock))).rejects.toThrow('EIO');
    };
    for (const leave of [failed, locks.abandonAll]) {
      const path = file();
      const lock = walkNow(locks.acquire(path, 0), Infinity);
      await leave(lock);
      expect(taken(path)).not.toBe(lock.token);
      expect(readdirSync(join(path, '..'))).toEqual(['a.json.lock']);
    }
  });

  test('is not taken for that of the one who has it next', () => {
    const path = file();
    const lock = walkNow(locks.acquire(path, 0), Infinity);
    const second = after('linked', locks.acquire(path, 0), () => {
      // It was seen, and goes before anything is done about it.
      walkNow(locks.release(lock), Infinity);
      symlinkSync(stranger, `${path}.lock`);
    });
    expect(() => walkNow(second, Infinity)).toThrow(busy);
    expect(linkOf(path)).toBe(stranger);
    expect(readdirSync(join(path, '..'))).toEqual(['a.json.lock']);
  });
});

describe('where no symbolic links can be made', () => {
  const failure = (code: string): Error => Object.assign(new Error(`${code}: it failed`), { code });
  /** Which files are open that are opened from now on. */
  const openFiles = (): Set<number> => {
    const opened = new Set<number>();
    const { open: openFile, close } = fs;
    jest.spyOn(fs, 'open').mockImplementation(((...args: unknown[]) => {
      const done = args.pop() as (error: Error | null, fd: number) => void;
      (openFile as (...args: unknown[]) => void)(...args, (error: Error | null, fd: number) => {
        if (error === null) opened.add(fd);
        done(error, fd);
      });
    }) as unknown as typeof fs.open);
    jest.spyOn(fs, 'close').mockImplementation(((fd: number, done: (error: Error | null) => void) => {
      opened.delete(fd);
      close(fd, done);
    }) as unknown as typeof fs.close);
    return opened;
  };

  test('a lock is a file, and on a full disk leaves nothing behind', async () => {
    jest.spyOn(fs.promises, 'symlink').mockRejectedValue(failure('EPERM'));
    const store = open();
    await store.saveSession('s', conversation('s'));
    const opened = openFiles();
    const full = jest.spyOn(fs, 'write').mockImplementation(((...args: unknown[]) => {
      setImmediate(args.pop() as (error: Error) => void, failure('ENOSPC'));
    }) as unknown as typeof fs.write);
    const sessions = join(store.path, 'sessions');
    symlinkSync(stranger, join(sessions, 't.json.lock'));
    for (const id of ['s', 't', 'u']) {
      await expect(store.deleteSession(id)).rejects.toMatchObject({ code: 'ERR_FULL' });
      await expect(store.saveSession(id, conversation(id))).rejects.toMatchObject({ code: 'ERR_FULL' });
    }
    expect([...opened]).toEqual([]);
    expect(readdirSync(sessions).sort()).toEqual(['s.json', 't.json.lock']);
    full.mockRestore();
    await store.saveSession('u', conversation('u'));
    expect(await store.deleteSession('s')).toBe(true);
    expect(readdirSync(sessions).sort()).toEqual(['t.json.lock', 'u.json']);
    await store.close();
  });

  test('the lock of somebody else is told from its file, which is closed also where reading it fails', async () => {
    jest.spyOn(fs.promises, 'symlink').mockRejectedValue(failure('EPERM'));
    const path = join(temporaryDirectory(), 'a.json');
    const lock = await walk(locks.acquire(path, 0));
    const opened = openFiles();
    await expect(walk(locks.acquire(path, 0))).rejects.toEqual(busy);
    jest.spyOn(fs, 'read').mockImplementation(((...args: unknown[]) => {
      setImmediate(args.pop() as (error: Error) => void, failure('EIO'));
    }) as unknown as typeof fs.read);
    await expect(walk(locks.acquire(path, 0))).rejects.toThrow('EIO');
    expect([...opened]).toEqual([]);
    await walk(locks.release(lock));
    expect(readdirSync(join(path, '..'))).toEqual([]);
  });
});

/** An operation, with something that happens right after the first step of a name. */
function* after<T>(name: Step['name'], operation: Steps<T>, happens: () => void): Steps<T> {
  let happened = false;
  let next = operation.next();
  while (next.done !== true) {
    let answer: unknown;
    try {
      answer = yield next.value;
    } catch (error) {
      next = operation.throw(error);
      continue;
    }
    if (next.value.name === name && !happened) {
      happened = true;
      happens();
    }
    next = operation.next(answer);
  }
  return next.value;
}

onLinux('processes whose clocks are minutes apart lose no append', async () => {
  const path = temporaryDirectory();
  const store = open(path);
  await store.saveSession('s', conversation('s', 0));
  const dist = join(__dirname, '..', 'dist', 'index.js');
  const child = (aheadMs: number): string => `
    const { now } = Date;
    Date.now = () => now() + ${aheadMs};
    const { FileStorageAdapter } = require(${JSON.stringify(dist)});
    const store = new FileStorageAdapter({ path: ${JSON.stringify(path)}, durability: 'process' });
    const append = (n) => store.appendMessages('s', [{ id: String(n), role: 'user', content: '', timestamp: new Date(0) }]);
    (async () => { for (let n = 0; n < 40; n += 1) await append(n); })();`;
  const ended = await Promise.all([0, 150_000].map((ms) => runNode(['-e', child(ms)], { cwd: path })));
  expect(ended).toEqual(Array(2).fill({ code: 0, output: '' }));
  expect((await store.getSessionInfo('s'))?.messageCount).toBe(80);
  await store.close();
});
