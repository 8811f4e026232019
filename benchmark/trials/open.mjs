/** Opening a database that holds many sessions, until the first of them is read. */
import { stores } from '../candidates/stores.mjs';
import { timeRounds } from '../harness/timing.mjs';
import { session } from '../inputs.mjs';

/** So many are saved at once. */
const TOGETHER = 1_000;

export async function run(candidate, { sessions, effort, directory }) {
  const filling = await stores[candidate](directory, 'process');
  for (let first = 0; first < sessions; first += TOGETHER) {
    const seeds = Array.from({ length: Math.min(TOGETHER, sessions - first) }, (_, index) => first + index);
    await Promise.all(seeds.map((seed) => filling.saveSession(`session-${seed}`, session(seed, 1))));
  }
  await filling.close();
  let opened;
  return timeRounds(
    {
      prepare: async () => opened?.close(),
      work: async () => {
        opened = await stores[candidate](directory, 'power');
        const found = await opened.getSession(`session-${sessions - 1}`);
        if (found === null) throw new Error('a session is missing');
      },
    },
    effort,
  );
}
