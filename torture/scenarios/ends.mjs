/** Whatever an end comes by: a worker is terminated, a process leaves with writes that nobody waits for, a store is forgotten. */
import { fileURLToPath } from 'node:url';

import { runChild } from '../machine/child.mjs';
import { Oracle } from '../machine/oracle.mjs';
import { inDirectory } from '../machine/places.mjs';

const child = (name) => fileURLToPath(new URL(`../children/${name}`, import.meta.url));

/** Nothing acknowledged is lost, the process goes on, and its threads are as many as before. */
export async function terminateWorkers(subject, { random, cycles }) {
  return judged(subject, 'workers.cjs', { seed: random.seed(), cycles, lanes: 2 }, { cycles });
}

/** A store that is forgotten lets go of its threads and files, also with a write on its way. */
export async function forgetStores(subject, { cycles }) {
  return judged(subject, 'forget.cjs', { cycles }, { cycles }, ['--expose-gc']);
}

/** As long as the way out may take, and what a machine that does other things adds to it. */
const LONGEST_MS = 5_000 + 10_000;

/** What is queued at `process.exit()` lands: all of it, or, where each write is synced by itself, what can in 5 s. */
export async function exitWithQueue(subject, { cycles, queued, all = true }) {
  let landed = 0;
  for (let cycle = 0; cycle < cycles; cycle += 1) {
    await inDirectory(async (directory) => {
      const oracle = new Oracle();
      const begun = performance.now();
      const words = subject.words(directory, { ops: queued });
      const { how, complaint } = await runChild({
        script: child('exit.cjs'),
        words,
        hear: (line) => oracle.hear(line),
      });
      if (how !== 0) throw new Error(`the child ended with ${how}\n${complaint}`);
      if (performance.now() - begun > LONGEST_MS) throw new Error('it took too long to leave');
      const found = await subject.look(directory);
      oracle.judge(found);
      // A write is an object in its first state, or the next state of one.
      const there = [...found.values()].reduce((sum, state) => sum + state, 0);
      if (all && there !== queued) throw new Error(`${there} of ${queued} writes are there`);
      landed += there;
    });
  }
  return { cycles, queued: cycles * queued, landed, lost: 0 };
}

function judged(subject, script, options, counts, nodeOptions = []) {
  return inDirectory(async (directory) => {
    const oracle = new Oracle();
    const { how, complaint } = await runChild({
      script: child(script),
      words: subject.words(directory, options),
      hear: (line) => oracle.hear(line),
      nodeOptions,
      hungMs: 60_000 + counts.cycles * 1_000,
    });
    if (how !== 0) throw new Error(`the child ended with ${how}\n${complaint}`);
    oracle.judge(await subject.look(directory));
    return { ...counts, acknowledged: oracle.acknowledged, lost: 0 };
  });
}
