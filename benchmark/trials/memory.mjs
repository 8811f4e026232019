/** What saving and restoring many sessions leaves behind in the process, in megabytes, once it has warmed up. */
import { setTimeout as sleep } from 'node:timers/promises';

import { stores } from '../candidates/stores.mjs';
import { collectGarbage } from '../harness/timing.mjs';
import { session } from '../inputs.mjs';

export async function run(candidate, { messages, sessions, warm, directory }) {
  const store = await stores[candidate](directory, 'process');
  await saveAndRestore(0, warm);
  const before = await resident();
  await saveAndRestore(warm, sessions);
  const after = await resident();
  await store.close();
  return { ns: Math.max(0, after - before) / 2 ** 20 };

  async function saveAndRestore(from, to) {
    for (let seed = from; seed < to; seed += 1) {
      await store.saveSession(`session-${seed}`, session(seed, messages));
      await store.getSession(`session-${seed}`);
    }
  }
}

async function resident() {
  for (let round = 0; round < 3; round += 1) {
    await collectGarbage();
    await sleep(50);
  }
  return process.memoryUsage.rss();
}
