/**
 * Node's timers as they were when this was loaded. Whoever puts others in their place, to try out a program of theirs in a
 * time of their own, means their program's: the answers to it come in real time, or it would wait for them for ever.
 */
import { performance } from 'node:perf_hooks';
import timers from 'node:timers';
import promised from 'node:timers/promises';

export const { clearImmediate, clearInterval, clearTimeout, setImmediate, setInterval, setTimeout } = timers;
export const { setTimeout: delay } = promised;

/** Milliseconds since some moment, which no change of the clock touches. */
export const monotonic = performance.now.bind(performance);

const settled = Promise.resolve();

/** Does something before anything else than what is under way. Not by `queueMicrotask`, which may be a false one as well. */
export function soon(work: () => void): void {
  void settled.then(work);
}

/**
 * Does something when the loop has turned, which it does for that. Asked for in a moment in which nobody ends JavaScript, as a
 * `vm` does when its time is up: in the midst of what timers do, that leaves Node with a count of them that is wrong for good,
 * and a process that turns for ever, or ends before its time. So no call of a store of SQLite, of a log or of a bus begins, holds,
 * releases or stops one itself.
 */
export function whenTurned(work: () => void): void {
  soon(() => void setImmediate(work));
}
