/** Reading files, and replacing them in one step, whole or not at all. */
import { constants, type Stats } from 'node:fs';
import { dirname, join } from 'node:path';

import { SmallTalkError, StorageError, type ErrorCode } from '../../errors.js';
import { acquire, codeOf, release, removeIfThere, stillHeld, type Lock } from './lock.js';
import { ownerOfTemporary, temporaryName } from './names.js';
import { mayBeAlive } from './owner.js';
import { step, type Steps } from './steps.js';
import type { Ticket } from './ticket.js';

/** What is found of a file. */
export interface Found {
  stats: Stats;
  /** The first line without its end; empty where there is no line. */
  line: string;
  /** The whole file, or what was read of it. */
  bytes: Buffer;
}

/** So much is read of a file whose first line is wanted. */
const FIRST_BYTES = 4096;

const NO_FOLLOW = constants.O_NOFOLLOW ?? 0;

/** Reads a file, or as much as its first line takes; null where there is none. */
export function* readFile(path: string, whole: boolean): Steps<Found | null> {
  let fd: number;
  try {
    fd = yield* step('open', path, constants.O_RDONLY | NO_FOLLOW);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw error;
  }
  try {
    const stats = yield* step('stat', fd);
    for (let size = whole ? stats.size : FIRST_BYTES; ; size *= 4) {
      const bytes = yield* readFrom(fd, Math.min(size, stats.size));
      const end = bytes.indexOf('\n');
      if (end >= 0 || size >= stats.size) return { stats, line: bytes.toString('utf8', 0, Math.max(end, 0)), bytes };
    }
  } finally {
    yield* step('close', fd);
  }
}

function* readFrom(fd: number, size: number): Steps<Buffer> {
  const bytes = Buffer.allocUnsafe(size);
  let at = 0;
  while (at < size) {
    const read = yield* step('read', fd, bytes, at, size - at, at);
    if (read === 0) break;
    at += read;
  }
  return bytes.subarray(0, at);
}

/** What becomes of a file. */
export interface Decision<T> {
  result: T;
  /** What is in it from now on; null: it goes; absent: it stays as it is. */
  contents?: Buffer | null;
}

/** How a change is done. */
export interface Manner {
  /** How much of the file has to be read before it is changed. */
  reads: 'nothing' | 'line' | 'whole';
  /** Whether it is on the disk before the operation ends. */
  power: boolean;
  busyTimeoutMs: number;
  /** Of whoever waits for it; absent where nobody does. */
  ticket?: Ticket;
}

/** How far a change has come. */
export interface Progress {
  /** Whether others see it. */
  committed: boolean;
  /** The file that is to take the place of the one that is changed. */
  temporary?: string;
}

/** Changes a file by what is in it: between reading and replacing nobody else changes it. */
export function* change<T>(
  path: string,
  decide: (found: Found | null) => Decision<T>,
  manner: Manner,
  progress: Progress,
): Steps<T> {
  const lock = yield* acquire(path, manner.busyTimeoutMs);
  let decision: Decision<T>;
  try {
    const { reads } = manner;
    decision = decide(reads === 'nothing' ? null : yield* readFile(path, reads === 'whole'));
    const { contents } = decision;
    if (contents === null) {
      stillHeld(lock);
      yield* removeIfThere(path);
    } else if (contents !== undefined) yield* replace(path, contents, lock, progress);
    progress.committed = true;
  } finally {
    yield* releaseAfter(lock, progress);
  }
  // Also where nothing was to be done: what was found may not be on the disk yet.
  if (manner.power) yield* syncName(path);
  return decision.result;
}

/** What others see already has happened, whether or not the lock can be given up: the next to come takes it away. */
function* releaseAfter(lock: Lock, { committed }: Progress): Steps<void> {
  try {
    yield* release(lock);
  } catch (error) {
    if (!committed) throw error;
  }
}

function* replace(path: string, contents: Buffer, lock: Lock, progress: Progress): Steps<void> {
  const temporary = (progress.temporary = join(dirname(path), temporaryName()));
  const { O_WRONLY, O_CREAT, O_EXCL } = constants;
  const fd = yield* step('open', temporary, O_WRONLY | O_CREAT | O_EXCL | NO_FOLLOW, 0o600);
  try {
    try {
      yield* step('write', fd, contents);
      // Also where only its name may be late: a name without what it stands for would be a damaged file.
      yield* step('sync', fd);
    } finally {
      yield* step('close', fd);
    }
    stillHeld(lock);
    yield* step('rename', temporary, path);
  } catch (error) {
    yield* removeIfThere(temporary);
    throw error;
  }
}

/** After the new name is visible: a failure no longer undoes it. */
function* syncName(path: string): Steps<void> {
  try {
    yield* syncDirectory(dirname(path));
  } catch (cause) {
    const message = `${path} was written, and whether it survives a power cut is unknown`;
    throw new StorageError('ERR_INDETERMINATE', message, { cause });
  }
}

/** Windows has no such thing; NTFS journals its names. */
export function* syncDirectory(path: string): Steps<void> {
  if (process.platform === 'win32') return;
  const fd = yield* step('open', path, constants.O_RDONLY);
  try {
    yield* step('sync', fd);
  } finally {
    yield* step('close', fd);
  }
}

const HOUR_MS = 3_600_000;

/** Removes what killed processes have left of unfinished writes; what cannot be removed, as on a disk that is read-only, stays. */
export function* sweepTemporary(directory: string): Steps<void> {
  for (const name of yield* step('list', directory)) {
    const owner = ownerOfTemporary(name);
    if (owner === undefined) continue;
    const path = join(directory, name);
    try {
      if (!mayBeAlive(owner) || (yield* isOlderThan(path, HOUR_MS))) yield* removeIfThere(path);
    } catch {
      // It takes room, and keeps nobody from reading.
    }
  }
}

function* isOlderThan(path: string, ageMs: number): Steps<boolean> {
  try {
    return Date.now() - (yield* step('statLink', path)).mtimeMs > ageMs;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw error;
  }
}

const REFUSED: ReadonlySet<string> = new Set(['EISDIR', 'ELOOP', 'EACCES', 'EPERM']);

/**
 * Whether the system says of one file that it will not give it, whatever the others are: it is somebody else's, or no file. Not
 * among them is what may pass, or be the whole disk's.
 */
export const isRefused = (error: unknown): boolean => REFUSED.has(codeOf(error));

/** Whether it is what the system said as it was to do that with a file. */
export function isOf(error: unknown, syscall: string, path: string): boolean {
  const said = error as NodeJS.ErrnoException;
  return said.syscall === syscall && said.path === path;
}

const FULL: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT']);

/** A code of Node's, which is none of ours. */
const DENIED = /^ERR_ACCESS_DENIED$/;

/** What the operating system says, or Node in its place, as an error of ours; others pass through as they are. */
export function storageError(error: unknown): unknown {
  const code = codeOf(error);
  if (DENIED.test(code)) return deniedBy(error as Error);
  if (error instanceof SmallTalkError || !/^E[A-Z0-9]+$/.test(code)) return error;
  const ours: ErrorCode = FULL.has(code) ? 'ERR_FULL' : 'ERR_IO';
  return new StorageError(ours, (error as Error).message, { cause: error });
}

/** Node's permission model lets nobody sync a file, or make a link without rights to all files. */
function deniedBy(error: Error): StorageError {
  const { resource = '' } = error as { resource?: string };
  const said = [error.message.replace(/\.$/, ''), resource].filter((part) => part !== '').join(', ');
  const message = `${said}: under Node's permission model the file adapter can read at the most`;
  return new StorageError('ERR_IO', message, { cause: error });
}
