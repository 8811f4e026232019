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

/** A file so young may be replaced once more within one tick of the file system's clock, and look the same. */
const TOO_YOUNG_MS = 100;

/** Whether a file may still be replaced by one of the same time; `at` is the clock of the system, as it was before it was read. */
export function mayLookTheSame(modifiedAt: number, at: number): boolean {
  return at - modifiedAt <= TOO_YOUNG_MS + coarseTickMs(modifiedAt);
}
