/** Clocks as they were when this was loaded: whoever puts others in their place, to try out a program, means the program's. */
import { performance } from 'node:perf_hooks';
import process from 'node:process';

import { monotonic } from '../../timers.js';

const { now } = Date;
const { bigint } = process.hrtime;

/** Milliseconds since the epoch, as the system has them. */
export const wallClock = (): number => now();

/** Milliseconds on a clock that never jumps, and that all processes of one machine share since it was started. */
export const machineClock = (): number => Math.floor(Number(bigint()) / 1e6);

/**
 * Microseconds since the epoch: the millisecond is that of `wall`, which tells no less, and where in it we are that of `fine`,
 * which is `origin` milliseconds behind. It is moved where the two come apart: a clock was set, or the machine slept.
 */
export function microClock(wall: () => number, fine: () => number, origin: number): () => number {
  let zero = Math.round(origin * 1000);
  return () => {
    const earliest = wall() * 1000;
    const at = Math.floor(fine() * 1000);
    // The thread may have been held up in between.
    const latest = wall() * 1000 + 999;
    zero = Math.min(Math.max(zero, earliest - at), latest - at);
    return zero + at;
  };
}

/** Microseconds since the epoch, about as all processes of one machine have them. */
export const microseconds = microClock(wallClock, monotonic, performance.timeOrigin);
