/**
 * Who may change a file: a symbolic link beside it that points to nothing and names its owner. Making one is a single
 * step, and fails where there is one. The link of a process that is gone is taken away by exactly one of those who wait.
 *
 * So is one that is too old. No clock that may jump says so alone: of a process that is known to live, which only Linux tells,
 * the clock that all of its machine share does, of another one that of the file system, and the owner looks at its own as well
 * before it goes on.
 */
import { createHash, randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { dirname, join } from 'node:path';
import { isMainThread } from 'node:worker_threads';

import { StorageError } from '../../errors.js';
import { monotonic } from '../../timers.js';
import { coarseTickMs, machineClock, wallClock } from './clocks.js';
import { temporaryName } from './names.js';
import { lifeOf, OWNER } from './owner.js';
import { step, type Steps } from './steps.js';

/** A lock that is held. */
export interface Lock {
  path: string;
  token: string;
  /** The moment of taking it, in milliseconds of a clock that never jumps. */
  since: number;
  /** The same moment on the clock of the system: it goes on while the machine sleeps, and others may have theirs by it. */
  takenAt: number;
}

/** A process may have several threads, each with its own copy of this module. */
const THREAD = `${OWNER}-${randomBytes(6).toString('hex')}`;

/** So old a lock belongs to nobody: its thread may have been terminated, its container may be gone. */
const ABANDONED_MS = 120_000;
/** Half of that, so that nobody takes away what is about to be used. */
const LONGEST_HELD_MS = ABANDONED_MS / 2;

/** So long nobody takes from making a file to writing into it whose it is. */
const HALF_MADE_MS = 1_000;

const LONGEST_PAUSE_MS = 16;

let taken = 0;

/**
 * The tokens under which this thread has a lock, or is about to, and where. Another place of the same thread may be at the same
 * files, of whose names none tells. What has a token of this thread and is not among them is left over.
 */
const held = new Map<string, string>();

/** Those whose lock the system has been asked to remove. */
const leaving = new Set<string>();

/** What is left over on the way out. */
const abandoned = new Map<string, string>();

/**
 * At exit nothing goes on that was begun: it is begun anew, and what it has is left over. What the system has been asked for it does
 * before the process ends, but not always before a worker does.
 */
export function abandonAll(): void {
  for (const [token, path] of held) if (!isMainThread || !leaving.has(token)) abandoned.set(token, path);
  held.clear();
}

/** Removes what is left over of these paths: the thread may be gone for long before its process is. */
export function* removeAbandoned(which: (path: string) => boolean): Steps<void> {
  for (const [token, path] of abandoned) {
    if (!which(path)) continue;
    abandoned.delete(token);
    try {
      yield* removeIfOwn(path, token);
    } catch {
      // Others take it away when it is too old.
    }
  }
}

/** Takes the lock of a file, waiting for others. Throws `ERR_BUSY` after `timeoutMs`. */
export function* acquire(file: string, timeoutMs: number): Steps<Lock> {
  const path = `${file}.lock`;
  const begin = monotonic();
  const number = (taken += 1);
  const fileClock: FileClock = { ahead: null };
  for (let pause = 1; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
    const token = `${THREAD}-${number}-${machineClock()}`;
    const [since, takenAt] = [monotonic(), wallClock()];
    const owner = yield* take(path, token);
    if (owner === null) return { path, token, since, takenAt };
    if ((yield* isAbandoned(path, owner, fileClock)) && (yield* takeAway(path, owner, fileClock))) continue;
    if (monotonic() - begin >= timeoutMs) {
      throw new StorageError('ERR_BUSY', `another process has been writing ${file} for ${timeoutMs} ms`);
    }
    yield* step('wait', pause * (0.5 + Math.random()));
  }
}

/** Throws `ERR_BUSY` where a lock was held for so long that others may soon take it away, or was given up on a way out. */
export function stillHeld(lock: Lock): void {
  if (!mayBeTaken(lock) && held.has(lock.token)) return;
  throw new StorageError('ERR_BUSY', `writing took so long that ${lock.path} no longer protects it`);
}

export function* release(lock: Lock): Steps<void> {
  const { path, token } = lock;
  try {
    leaving.add(token);
    // It is not, where the program goes on although it was about to exit.
    if (mayBeTaken(lock) || !held.has(token)) yield* removeIfOwn(path, token);
    else yield* removeIfThere(path);
  } finally {
    // Not before: who sees it meanwhile must not take it for left over.
    held.delete(token);
    leaving.delete(token);
    abandoned.delete(token);
  }
}

/** Whether others may soon take it away, by whichever clock. */
const mayBeTaken = ({ since, takenAt }: Lock): boolean =>
  Math.max(monotonic() - since, wallClock() - takenAt) >= LONGEST_HELD_MS;

/** Makes the link, as one that is held; gives the owner where there is one already. */
function* take(path: string, token: string): Steps<string | null> {
  let isHeld = false;
  held.set(token, path);
  try {
    const owner = yield* claim(path, token);
    isHeld = owner === null;
    return owner;
  } finally {
    if (!isHeld) held.delete(token);
  }
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

const NO_LINKS: ReadonlySet<string> = new Set([
  ...['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EINVAL', 'UNKNOWN'],
  // Shared folders of VirtualBox, by its version. Where the disk is read-only, no file can be made either.
  ...['EPROTO', 'EROFS'],
]);

function* claimByFile(path: string, token: string): Steps<string | null> {
  let fd: number;
  try {
    fd = yield* step('open', path, 'wx', 0o600);
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return yield* ownerOf(path);
    throw error;
  }
  try {
    try {
      yield* step('write', fd, Buffer.from(token));
    } finally {
      yield* step('close', fd);
    }
  } catch (error) {
    // As where the disk is full: without its token nobody could tell that it is left over.
    yield* removeIfThere(path);
    throw error;
  }
  return null;
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
    try {
      return bytes.toString('utf8', 0, yield* step('read', fd, bytes, 0, bytes.length, 0));
    } finally {
      yield* step('close', fd);
    }
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return '';
    throw error;
  }
}

/** How far the clock that gives files their times is ahead of ours; null: not asked for yet. */
interface FileClock {
  ahead: number | null;
}

function* isAbandoned(path: string, owner: string, fileClock: FileClock): Steps<boolean> {
  if (owner.startsWith(`${THREAD}-`) && !held.has(owner)) return true;
  const life = lifeOf(owner);
  if (life === 'gone') return true;
  const moment = MOMENT.exec(owner)?.[1];
  if (life === 'alive' && moment !== undefined) return machineClock() - Number(moment) > ABANDONED_MS;
  try {
    const { mtimeMs } = yield* step('statLink', path);
    fileClock.ahead ??= yield* aheadOfOurs(dirname(path));
    // A file that this thread was making as it left never says whose it is; one that somebody makes now does so soon.
    const isHalfMade = owner === '' && [...abandoned.values()].includes(path);
    const limit = isHalfMade ? HALF_MADE_MS + coarseTickMs(mtimeMs) : ABANDONED_MS;
    return monotonic() + fileClock.ahead - mtimeMs > limit;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw error;
  }
}

/** In what names an owner, when it has taken the lock by the clock of its machine. Earlier versions did not say it. */
const MOMENT = /^\d+-\d*-[0-9a-f]{8}-[0-9a-f]{12}-\d+-(\d+)$/;

/** The file system may be that of another machine, whose clock is another one: only a file tells the time there. */
function* aheadOfOurs(directory: string): Steps<number> {
  const path = join(directory, temporaryName());
  yield* claim(path, THREAD);
  try {
    return (yield* step('statLink', path)).mtimeMs - monotonic();
  } finally {
    yield* removeIfThere(path);
  }
}

/**
 * Takes an abandoned lock away. Of all who wait only the one with the right to do so may, and only if it is still the lock
 * of that owner: else the second to come would take away the lock of the first. The right is a lock itself, one for each
 * abandoned lock. Whether it may be free by now.
 */
function* takeAway(path: string, owner: string, fileClock: FileClock): Steps<boolean> {
  const name = createHash('sha256').update(`${path}\0${owner}`).digest('hex').slice(0, 32);
  const right = join(dirname(path), `.right-${name}`);
  const token = `${THREAD}-${(taken += 1)}-${machineClock()}`;
  const other = yield* take(right, token);
  if (other !== null) {
    return (yield* isAbandoned(right, other, fileClock)) && (yield* takeAway(right, other, fileClock));
  }
  try {
    yield* removeIfOwn(path, owner);
  } finally {
    try {
      yield* removeIfThere(right);
    } finally {
      held.delete(token);
    }
  }
  return true;
}

/** Removes a lock, where it is still that of this owner. */
function* removeIfOwn(path: string, owner: string): Steps<void> {
  if ((yield* ownerOf(path)) === owner) yield* removeIfThere(path);
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
