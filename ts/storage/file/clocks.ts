/** Clocks as they were when this was loaded: whoever puts others in their place, to try out a program, means the program's. */
import process from 'node:process';

const { now } = Date;
const { bigint } = process.hrtime;

/** Milliseconds since the epoch, as the system has them. */
export const wallClock = (): number => now();

/** Milliseconds on a clock that never jumps, and that all processes of one machine share since it was started. */
export const machineClock = (): number => Math.floor(Number(bigint()) / 1e6);
