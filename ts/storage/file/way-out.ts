/**
 * What is queued when the process is left: it is done without letting go of the thread. What somebody else holds up is tried
 * again and again while there is time, and keeps only what comes behind it waiting.
 */
import { lstatSync, unlinkSync } from 'node:fs';
import { basename, sep } from 'node:path';
import { isMainThread } from 'node:worker_threads';

import type { ChurnSet } from '../../churn.js';
import { monotonic } from '../../timers.js';
import { abandonAll, removeAbandoned } from './lock.js';
import { ownerOfTemporary } from './names.js';
import type { Operation } from './operation.js';
import { OutOfTimeError, pauseNow, walkNow } from './steps.js';

/** So long the thread rests before it tries again. */
const PAUSE_MS = 5;

/** What has been asked of the kernel is done within this, all of it, unless all threads of the pool are busy. */
const UNDER_WAY_MS = 100;

/**
 * Does all that is queued on the files below a directory, in the order of the calls on each file, until a moment of the clock that
 * never jumps; what could not be done by then stays. `sync` is for the names of what was done.
 */
export function finish(root: string, operations: ChurnSet<Operation>, end: number, sync: () => void): void {
  abandonAll();
  awaitKernel(operations, Math.min(end, monotonic() + UNDER_WAY_MS));
  for (let before = Infinity; ;) {
    tryEach(operations, end);
    if (operations.size < before) sync();
    before = operations.size;
    if (before === 0 || monotonic() >= end) break;
    pauseNow(PAUSE_MS);
  }
  // What has not landed may do so when somebody else has changed the file already: so it stays locked while this process lives.
  const unsettled = operations.values().filter((operation) => !hasLanded(operation));
  const stillLocked = new Set(unsettled.map(({ current }) => `${String(current?.args.at(-1))}.lock`));
  // Other places of this thread have their own way out.
  walkNow(
    removeAbandoned((path) => path.startsWith(root + sep) && !stillLocked.has(path)),
    end,
  );
}

/** Waits for what is being made or removed: what came to be behind all else would be left over. */
function awaitKernel(operations: ChurnSet<Operation>, end: number): void {
  for (const { current, progress } of operations.values()) {
    if (current === null) continue;
    const { name, args } = current;
    const path = args.at(name === 'link' ? 1 : 0) as string;
    const isLock = name === 'open' && args[1] === 'wx';
    const isMade = isLock || name === 'link' || (name === 'open' && path === progress.temporary);
    if (!isMade && (name !== 'remove' || isTemporary(path))) continue;
    // Who makes a lock of a file says then whose it is; this thread will not.
    while ((isLock ? sizeOf(path) > 0 : isThere(path)) !== isMade && monotonic() < end) pauseNow(1);
  }
}

/** Tries each once, but for those behind one that has to wait. */
function tryEach(operations: ChurnSet<Operation>, end: number): void {
  const waiting = new Set<string>();
  let allWait = false;
  const all = operations.values();
  for (const [at, operation] of all.entries()) {
    if (monotonic() >= end) return;
    const { file, ticket } = operation;
    const hasToWait = allWait || (file === null ? waiting.size > 0 : waiting.has(file));
    const isLast = (): boolean =>
      !all.slice(at + 1).some((other) => file === null || other.file === null || other.file === file);
    if (ticket?.withdrawn === true || (!hasToWait && isOver(operation, isLast))) operations.delete(operation);
    else if (file === null) allWait = true;
    else waiting.add(file);
  }
}

/** Does an operation, unless that is done or has to wait; whether it is over, well or not. */
function isOver(operation: Operation, isLast: () => boolean): boolean {
  const { begin, progress, ticket } = operation;
  // A worker may end before what it has asked the system for.
  if (!hasLanded(operation)) return progress.committed && isMainThread && isLast();
  if (progress.committed) return true;
  try {
    ticket?.begin();
    const result = walkNow(begin(progress), 0);
    operation.outcome = () => result;
  } catch (error) {
    if (error instanceof OutOfTimeError) return false;
    // The process is leaving: whatever it was, the next one still deserves its chance.
    operation.outcome = () => {
      throw error;
    };
  }
  return true;
}

/**
 * Whether what is with the kernel, or still on the way there, disturbs nothing that comes after it any more. Of a file that is to
 * take its place it is made certain: either it has, or it never will.
 */
function hasLanded(operation: Operation): boolean {
  const { current, file, progress } = operation;
  if (current === null) return true;
  const { name, args } = current;
  const [path] = args as [string];
  const isPlaced = name === 'rename' && !removeHere(path);
  if (!isPlaced && progress.temporary !== undefined) removeHere(progress.temporary);
  if (name === 'rename' || (name === 'remove' && !isTemporary(path))) {
    if (isThere(path)) return false;
    progress.committed ||= isPlaced || path === file;
  }
  operation.current = null;
  return true;
}

/** Whether a file has a name that never comes again: to remove it disturbs nothing, also where that fails. */
const isTemporary = (path: string): boolean => ownerOfTemporary(basename(path)) !== undefined;

/** Whether something has that path, also a link to nothing. */
const isThere = (path: string): boolean => sizeOf(path) >= 0;

/** In bytes; -1 where there is nothing to be seen. */
function sizeOf(path: string): number {
  try {
    return lstatSync(path, { throwIfNoEntry: false })?.size ?? -1;
  } catch {
    return -1;
  }
}

/** Whether it was there, and could be removed. */
function removeHere(path: string): boolean {
  try {
    unlinkSync(path);
    return true;
  } catch {
    return false;
  }
}
