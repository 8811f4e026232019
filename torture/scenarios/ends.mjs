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

/** What is queued at `process.exit()` lands. */
export async function exitWithQueue(subject, { cycles, queued }) {
  for (let cycle = 0; cycle < cycles; cycle += 1) {
    await inDirectory(async (directory) => {
      const words = subject.words(directory, { ops: queued });
      const { how, complaint } = await runChild({ script: child('exit.cjs'), words });
      if (how !== 0) throw new Error(`the child ended with ${how}\n${complaint}`);
      const found = await subject.look(directory);
      if (found.size !== queued) throw new Error(`${found.size} of ${queued} writes are there`);
    });
  }
  return { cycles, queued: cycles * queued, lost: 0 };
}

function judged(subject, script, options, counts, nodeOptions = []) {
  return inDirectory(async (directory) => {
    const oracle = new Oracle();
    const { how, complaint } = await runChild({
      script: child(script),
      words: subject.words(directory, options),
      hear: (line) => oracle.hear(line),
      nodeOptions,
    });
    if (how !== 0) throw new Error(`the child ended with ${how}\n${complaint}`);
    oracle.judge(await subject.look(directory));
    return { ...counts, acknowledged: oracle.acknowledged, lost: 0 };
  });
}
