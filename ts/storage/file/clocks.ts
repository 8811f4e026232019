/** Clocks as they were when this was loaded: whoever puts others in their place, to try out a program, means the program's. */
import process from 'node:process';

const { now } = Date;
const { bigint } = process.hrtime;

/** Milliseconds since the epoch, as the system has them. */
export const wallClock = (): number => now();

/** Milliseconds on a clock that never jumps, and that all processes of one machine share since it was started. */
export const machineClock = (): number => Math.floor(Number(bigint()) / 1e6);

/** Some file systems count whole seconds, FAT every second of them. */
const COARSE_TICK_MS = 2_000;

/** How much later something may be that has the same time on a file system with a coarse clock, by such a time; else 0. */
export const coarseTickMs = (mtimeMs: number): number => (mtimeMs % 1_000 === 0 ? COARSE_TICK_MS : 0);
