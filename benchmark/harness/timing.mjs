/** Taking the time inside of a trial. Times are nanoseconds; a hold of the loop is milliseconds. */
import { performance } from 'node:perf_hooks';

import { median } from './statistics.mjs';

const MS = 1e6;

/** Lets the loop turn once. */
export const turn = () => new Promise((resolve) => setImmediate(resolve));

async function timed(work) {
  const start = performance.now();
  const pending = work();
  // A synchronous candidate must not pay for a promise that it never made.
  if (pending instanceof Promise) await pending;
  return (performance.now() - start) * MS;
}

/**
 * For what takes nanoseconds: `passes(count)` does the work so often. The count grows until a block of it lasts
 * `blockMs`, which warms the code up as well; then the median of some blocks is the time of one pass.
 */
export async function timePasses(passes, { blockMs, blocks }, stall = false) {
  let count = 16;
  for (;;) {
    const took = await timed(() => passes(count));
    if (took >= blockMs * MS) break;
    count = Math.ceil(count * Math.min(8, Math.max(1.5, (1.1 * blockMs * MS) / took)));
  }
  const times = [];
  for (let block = 0; block < blocks; block += 1) times.push((await timed(() => passes(count))) / count);
  return { ns: median(times), ...(stall ? { stallMs: await longestHold(() => passes(count)) } : {}) };
}

/**
 * For what takes milliseconds: `prepare(round)` makes an input that no round before had, outside of the time, and
 * `work(input)` is timed. The longest hold comes from a round of its own, so that its meter slows nothing that is timed.
 */
export async function timeRounds({ prepare, work }, { warmUpMs, rounds }) {
  const times = [];
  let warmedUp = 0;
  let round = 0;
  for (; times.length < rounds; round += 1) {
    const input = await prepare(round);
    await collectGarbage();
    const took = await timed(() => work(input));
    // Whatever runs for the first times is being compiled.
    if (round > 0 && warmedUp >= warmUpMs * MS) times.push(took);
    warmedUp += took;
  }
  const input = await prepare(round);
  await collectGarbage();
  return { ns: median(times), stallMs: await longestHold(() => work(input)) };
}

/** The longest time, in milliseconds, for which the loop did not come round while `work` went on. */
export async function longestHold(work) {
  let longest = 0;
  let running = true;
  await turn();
  let last = performance.now();
  const look = () => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
    if (running) setImmediate(look);
  };
  setImmediate(look);
  await work();
  await turn();
  running = false;
  return longest;
}

/** How long the loop was busy, in nanoseconds, from the start of `work` to its end: what it cost the main thread. */
export async function busyTime(work) {
  await turn();
  const before = performance.eventLoopUtilization();
  await work();
  return performance.eventLoopUtilization(before).active * MS;
}

/** A collection goes on beside the program for a while after it has given back control. */
const SWEEP_MS = 20;

/** What one round leaves behind is not the next one's bill, nor that of who has more than one thread. */
export async function collectGarbage() {
  globalThis.gc?.();
  await new Promise((resolve) => setTimeout(resolve, SWEEP_MS));
}
