/**
 * One way of writing files for two kinds of time: the steps of an operation are awaited while the program runs, and
 * walked through synchronously when the process is about to exit. An operation is a generator that yields its steps.
 */
import fs from 'node:fs';

import { delay, monotonic } from '../../timers.js';

/** What operations do with files; each of `node:fs`, in both of its forms. */
interface Calls {
  open(path: string, flags: string | number, mode?: number): number;
  close(fd: number): void;
  read(fd: number, buffer: Buffer, offset: number, length: number, position: number): number;
  /** All of it, from the beginning of the file on. */
  write(fd: number, data: Buffer): void;
  sync(fd: number): void;
  stat(fd: number): fs.Stats;
  statLink(path: string): fs.Stats;
  /** Of what links lead to. */
  statThrough(path: string): fs.Stats;
  rename(from: string, to: string): void;
  remove(path: string): void;
  link(target: string, path: string): void;
  linked(path: string): string;
  list(path: string): string[];
  make(path: string, mode: number): void;
  wait(ms: number): void;
}

type Name = keyof Calls;

/** Something to be done before the operation goes on. */
export interface Step {
  name: Name;
  args: unknown[];
}

/** An operation on files, as steps. */
export type Steps<T> = Generator<Step, T, unknown>;

const promised = fs.promises;

const later: { [K in Name]: (...args: Parameters<Calls[K]>) => Promise<ReturnType<Calls[K]>> } = {
  open: (path, flags, mode) => called((done) => fs.open(path, flags, mode, done)),
  close: (fd) => called((done) => fs.close(fd, done)),
  read: (fd, buffer, offset, length, position) => called((done) => fs.read(fd, buffer, offset, length, position, done)),
  write: async (fd, data) => {
    for (let at = 0; at < data.length;) {
      at += await called<number>((done) => fs.write(fd, data, at, data.length - at, at, done));
    }
  },
  sync: (fd) => syncing(() => called((done) => fs.fsync(fd, done))),
  stat: (fd) => called((done) => fs.fstat(fd, done)),
  statLink: (path) => promised.lstat(path),
  statThrough: (path) => promised.stat(path),
  rename: (from, to) => promised.rename(from, to),
  remove: (path) => promised.unlink(path),
  link: (target, path) => promised.symlink(target, path),
  linked: (path) => promised.readlink(path),
  list: (path) => promised.readdir(path),
  make: (path, mode) => promised.mkdir(path, mode).then(() => undefined),
  wait: (ms) => delay(ms),
};

/** A disk that is slow to sync must not take all threads of the process: one is left to those who read. */
const SYNCS_AT_ONCE = Math.max(1, Number(process.env['UV_THREADPOOL_SIZE'] ?? 4) - 1);

let syncsLeft = SYNCS_AT_ONCE;
const syncsWaiting: (() => void)[] = [];

async function syncing(sync: () => Promise<void>): Promise<void> {
  if (syncsLeft === 0) await new Promise<void>((resolve) => syncsWaiting.push(resolve));
  else syncsLeft -= 1;
  try {
    await sync();
  } finally {
    const next = syncsWaiting.shift();
    if (next === undefined) syncsLeft += 1;
    else next();
  }
}

/** The form with a callback: file descriptors as numbers are what both forms have in common. */
function called<T>(begin: (done: (error: Error | null, value: T) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    begin((error, value) => {
      if (error === null || (error as unknown) === undefined) resolve(value);
      else reject(error);
    });
  });
}

const now: Calls = {
  open: fs.openSync,
  close: fs.closeSync,
  read: (fd, buffer, offset, length, position) => fs.readSync(fd, buffer, offset, length, position),
  write: (fd, data) => {
    for (let at = 0; at < data.length;) at += fs.writeSync(fd, data, at, data.length - at, at);
  },
  sync: fs.fsyncSync,
  stat: (fd) => fs.fstatSync(fd),
  statLink: (path) => fs.lstatSync(path),
  statThrough: (path) => fs.statSync(path),
  rename: fs.renameSync,
  remove: fs.unlinkSync,
  link: (target, path) => fs.symlinkSync(target, path),
  linked: (path) => fs.readlinkSync(path),
  list: (path) => fs.readdirSync(path),
  make: (path, mode) => {
    fs.mkdirSync(path, mode);
  },
  wait: pauseNow,
};

/** Holds the thread. */
export function pauseNow(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/** One step, inside an operation. */
export function* step<K extends Name>(name: K, ...args: Parameters<Calls[K]>): Steps<ReturnType<Calls[K]>> {
  return (yield { name, args }) as ReturnType<Calls[K]>;
}

/** Walks an operation, awaiting each step; `begun` hears of each before it is done, `wait` is how it waits for others. */
export async function walk<T>(
  operation: Steps<T>,
  begun?: (step: Step) => void,
  wait: (ms: number) => Promise<void> = later.wait,
): Promise<T> {
  const does = { ...later, wait };
  let next = operation.next();
  while (next.done !== true) {
    const { name, args } = next.value;
    let answer: unknown;
    try {
      begun?.(next.value);
      answer = await (does[name] as (...args: unknown[]) => Promise<unknown>)(...args);
    } catch (error) {
      next = operation.throw(error);
      continue;
    }
    next = operation.next(answer);
  }
  return next.value;
}

/** An operation would have to wait for others, and has no time for that. */
export class OutOfTimeError extends Error {
  constructor() {
    super('there is no time left to wait');
  }
}

/** Walks an operation without letting go of the thread; after `end` it no longer waits for anybody: `OutOfTimeError`. */
export function walkNow<T>(operation: Steps<T>, end: number): T {
  let next = operation.next();
  while (next.done !== true) {
    const { name, args } = next.value;
    let answer: unknown;
    try {
      if (name === 'wait' && monotonic() >= end) throw new OutOfTimeError();
      answer = (now[name] as (...args: unknown[]) => unknown)(...args);
    } catch (error) {
      next = operation.throw(error);
      continue;
    }
    next = operation.next(answer);
  }
  return next.value;
}
