/** Every way for an agent to die, again and again: each has to be noticed within its bound. Beats are 200 ms apart. */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { fork } from 'node:child_process';

import smalltalk from './package.cjs';
import { sizeOf } from './sizes.mjs';

const { AgentHealthMonitor, JsonlEventReplayStorage } = smalltalk;

const INTERVAL = 200;
const THRESHOLD = 200;
/** What the monitor may need beside the intervals that pass. */
const MARGIN = 250;
const never = () => new Promise(() => undefined);
const here = (file) => fileURLToPath(new URL(file, import.meta.url));

/** Whoever only awaits an event of a monitor does not hold it. */
const held = new Set();
function open(options = {}) {
  const fixed = { heartbeatInterval: INTERVAL, recoveryStrategy: 'alert', loopThreshold: false };
  const monitor = new AgentHealthMonitor({ ...fixed, ...options });
  held.add(monitor);
  return monitor;
}

async function close(monitor) {
  held.delete(monitor);
  await monitor.close();
}

/** Runs one death after the other; each gives `{ ms, bound }`, how long it took to be noticed by the clock on the wall. */
async function each(count, die) {
  const runs = [];
  for (let run = 0; run < count; run += 1) runs.push(await die(run));
  const worst = Math.max(...runs.map(({ ms }) => ms));
  const late = runs.filter(({ ms, bound }) => ms > bound).length;
  const early = runs.filter(({ ms, least = 0 }) => ms < least).length;
  return { runs: runs.length, late, early, worstMs: Math.round(worst), boundMs: runs[0].bound, faults: early + late };
}

/** The time from a death to its being noticed. */
async function noticed(monitor, event, from = performance.now()) {
  // A monitor keeps nobody alive.
  const alive = setInterval(() => undefined, 1_000);
  const [news] = await once(monitor, event);
  clearInterval(alive);
  return { ms: performance.now() - from, news };
}

async function gone(agent) {
  const monitor = open();
  const death = noticed(monitor, 'agent:disconnected');
  monitor.registerAgent(agent);
  const { ms } = await death;
  await close(monitor);
  return { ms, bound: 2 * INTERVAL + MARGIN };
}

/** A worker with a monitor of its own, which is what shows its loop. A message with a place for the time has it never come round again. */
async function worker(options = {}) {
  const thread = new Worker(here('./worker.cjs'), { workerData: { threshold: THRESHOLD, ...options } });
  await once(thread, 'message');
  return thread;
}

export const noticing = {
  hungPing: (count) => each(count, () => gone({ id: 'hung', ping: never })),

  rejectingPing: (count) =>
    each(count, () => gone({ id: 'broken', ping: () => Promise.reject(new Error('no connection')) })),

  overdueWork: (count) =>
    each(count, async () => {
      const monitor = open();
      monitor.registerAgent({ id: 'stuck' });
      const death = noticed(monitor, 'agent:disconnected');
      void monitor.track('stuck', never, { deadline: INTERVAL });
      const { ms, news } = await death;
      await close(monitor);
      if (news.reason !== 'overdue') throw new Error(`the reason was ${news.reason}`);
      return { ms, least: 2 * INTERVAL - 1, bound: 2 * INTERVAL + MARGIN };
    }),

  endedWorker: (count) =>
    each(count, async () => {
      const monitor = open();
      const thread = await worker();
      monitor.registerAgent({ id: 'writer' }, { worker: thread });
      const death = noticed(monitor, 'agent:disconnected');
      await thread.terminate();
      const { ms } = await death;
      await close(monitor);
      return { ms, bound: MARGIN };
    }),

  frozenWorker: (count) =>
    each(count, async () => {
      const monitor = open({ loopThreshold: THRESHOLD });
      const thread = await worker();
      monitor.registerAgent({ id: 'writer' }, { worker: thread });
      const frozen = noticed(monitor, 'loop:frozen');
      const death = noticed(monitor, 'agent:disconnected');
      const began = new BigInt64Array(new SharedArrayBuffer(8));
      thread.postMessage(began);
      const { news } = await frozen;
      const ms = Number(process.hrtime.bigint() - began[0]) / 1e6;
      const { news: gone } = await death;
      if (gone.reason !== 'frozen') throw new Error(`the reason was ${gone.reason}`);
      await thread.terminate();
      await close(monitor);
      const { holder, threadId } = news;
      if (holder?.agentId !== 'writer' || holder.event !== 'task' || holder.listener !== 'hog' || threadId === 0) {
        throw new Error(`the holder was ${JSON.stringify(news)}`);
      }
      return { ms, least: THRESHOLD - 1, bound: THRESHOLD + MARGIN };
    }),

  /** Seen from a worker while it lasts; and on the disk, after a kill that came while it lasted. */
  frozenMain: (count) =>
    each(count, async () => {
      const directory = mkdtempSync(join(tmpdir(), 'smalltalk-frozen-'));
      const child = fork(here('./freezing.cjs'), [directory, String(THRESHOLD)], {
        stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
      });
      // Its main thread is frozen: the worker writes to the descriptor itself.
      let told = '';
      for await (const text of child.stdout) {
        told += text;
        if (told.endsWith('\n')) break;
      }
      child.kill('SIGKILL');
      await once(child, 'exit');
      const { ms, holder } = JSON.parse(told);
      const log = new JsonlEventReplayStorage({ directory });
      const events = [];
      for await (const event of log.replay('_system')) events.push(event);
      await log.close();
      rmSync(directory, { recursive: true, force: true });
      const [event] = events;
      if (events.length !== 1 || event.topic !== 'loop_frozen' || event.payload.holder?.listener !== 'hog') {
        throw new Error(`on the disk was ${JSON.stringify(events)}`);
      }
      if (holder?.listener !== 'hog') throw new Error(`the holder was ${JSON.stringify(holder)}`);
      return { ms, least: THRESHOLD - 1, bound: THRESHOLD + MARGIN };
    }),
};

export const runNoticing = (name) => noticing[name](sizeOf(name));
