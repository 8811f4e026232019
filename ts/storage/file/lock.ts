/**
 * Who may change a file: a symbolic link beside it that points to nothing and names its owner. Making one is a single
 * step, and fails where there is one. The link of a process that is gone is taken away by exactly one of those who wait.
 */
import { createHash, randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { dirname, join } from 'node:path';

import { StorageError } from '../../errors.js';
import { monotonic } from '../../timers.js';
import { mayBeAlive, OWNER } from './owner.js';
import { step, type Steps } from './steps.js';

/** A lock that is held. */
export interface Lock {
  path: string;
  token: string;
  /** The moment of taking it, in milliseconds of a clock that never jumps. */
  since: number;
}

/** A process may have several threads, each with its own copy of this module. */
const THREAD = `${OWNER}-${randomBytes(6).toString('hex')}`;

/** So old a lock belongs to nobody: its thread may have been terminated, its container may be gone. */
const ABANDONED_MS = 120_000;
/** Half of that, so that nobody takes away what is about to be used. */
const LONGEST_HELD_MS = ABANDONED_MS / 2;

const LONGEST_PAUSE_MS = 16;

let taken = 0;

/** Takes the lock of a file, waiting for others. Throws `ERR_BUSY` after `timeoutMs`. */
export function* acquire(file: string, timeoutMs: number): Steps<Lock> {
  const path = `${file}.lock`;
  const begin = monotonic();
  const token = `${THREAD}-${(taken += 1)}`;
  for (let pause = 1; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
    const owner = yield* claim(path, token);
    if (owner === null) return { path, token, since: monotonic() };
    // Turns keep the order within one thread, so this one is left over: at exit operations are begun anew.
    if (owner.startsWith(`${THREAD}-`)) yield* removeIfThere(path);
    else if (yield* isAbandoned(path, owner)) yield* takeAway(path, owner);
    else if (monotonic() - begin >= timeoutMs) {
      throw new StorageError('ERR_BUSY', `another process has been writing ${file} for ${timeoutMs} ms`);
    } else yield* step('wait', pause * (0.5 + Math.random()));
  }
}

/** Throws `ERR_BUSY` where a lock was held for so long that others may soon take it away. */
export function stillHeld({ path, since }: Lock): void {
  if (monotonic() - since < LONGEST_HELD_MS) return;
  throw new StorageError('ERR_BUSY', `writing took so long that ${path} no longer protects it`);
}

export function* release({ path, token, since }: Lock): Steps<void> {
  const mayBeTaken = monotonic() - since >= LONGEST_HELD_MS;
  if (!mayBeTaken || (yield* ownerOf(path)) === token) yield* removeIfThere(path);
}

/** Makes the link; gives the owner where there is one already. */
function* claim(path: string, token: string): Steps<string | null> {
  try {
    yield* step('link', token, path);
    return null;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return yield* ownerOf(path);
    // Windows makes symbolic links for administrators only, and some file systems make none.
    if (!NO_LINKS.has(codeOf(error))) throw error;
  }
  return yield* claimByFile(path, token);
}

const NO_LINKS: ReadonlySet<string> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EINVAL', 'UNKNOWN']);

function* claimByFile(path: string, token: string): Steps<string | null> {
  try {
    const fd = yield* step('open', path, 'wx', 0o600);
    yield* step('write', fd, Buffer.from(token));
    yield* step('close', fd);
    return null;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return yield* ownerOf(path);
    throw error;
  }
}

/** The owner of a lock; `''` where it went, or is being made, at this moment. */
function* ownerOf(path: string): Steps<string> {
  try {
    return yield* step('linked', path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return '';
    if (codeOf(error) !== 'EINVAL' && codeOf(error) !== 'UNKNOWN') throw error;
  }
  try {
    const bytes = Buffer.alloc(256);
    const fd = yield* step('open', path, constants.O_RDONLY);
    const read = yield* step('read', fd, bytes, 0, bytes.length, 0);
    yield* step('close', fd);
    return bytes.toString('utf8', 0, read);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return '';
    throw error;
  }
}

function* isAbandoned(path: string, owner: string): Steps<boolean> {
  if (!mayBeAlive(owner)) return true;
  try {
    const { mtimeMs } = yield* step('statLink', path);
    return Date.now() - mtimeMs > ABANDONED_MS;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw error;
  }
}

/**
 * Takes an abandoned lock away. Of all who wait only the one with the right to do so may, and only if it is still the lock
 * of that owner: else the second to come would take away the lock of the first. The right is a lock itself, one for each
 * abandoned lock.
 */
function* takeAway(path: string, owner: string): Steps<void> {
  const name = createHash('sha256').update(`${path}\0${owner}`).digest('hex').slice(0, 32);
  const right = join(dirname(path), `.right-${name}`);
  const other = yield* claim(right, `${THREAD}-${(taken += 1)}`);
  if (other !== null) {
    if (yield* isAbandoned(right, other)) yield* takeAway(right, other);
    return;
  }
  try {
    if ((yield* ownerOf(path)) === owner) yield* removeIfThere(path);
  } finally {
    yield* removeIfThere(right);
  }
}

/** Removes a file; one that is not there is fine. */
export function* removeIfThere(path: string): Steps<boolean> {
  try {
    yield* step('remove', path);
    return true;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw error;
  }
}

export function codeOf(error: unknown): string {
  return String((error as Partial<NodeJS.ErrnoException> | null)?.code ?? '');
}
