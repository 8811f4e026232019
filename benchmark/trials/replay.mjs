/** Finding the events of one topic of so many, another one in each round, in a log that our own writer has made for everyone. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

import { logs } from '../candidates/logs.mjs';
import { prepareReader, readers } from '../candidates/readers.mjs';
import { timeRounds } from '../harness/timing.mjs';
import { event } from '../inputs.mjs';
import { OURS } from '../rivals.mjs';

const SESSION = 'conversation';
/** Bounded, for the queue of the log is. */
const AT_ONCE = 5_000;

export async function run(candidate, { events, kinds, effort, directory }) {
  // One file: the rivals read one.
  const written = await logs[OURS](directory, { durability: 'process', maxFileBytes: 2 ** 40 });
  for (let first = 0; first < events; first += AT_ONCE) {
    const steps = Array.from({ length: Math.min(AT_ONCE, events - first) }, (_, index) => first + index);
    await Promise.all(steps.map((step) => written.append(SESSION, event(step, `topic-${step % kinds}`))));
  }
  // Our reader is the open log, index and all; the others have the file to themselves.
  if (candidate !== OURS) await written.close();
  const file = await fileIn(join(directory, 'events', 'active'));
  const rows = await prepareReader(candidate, { directory, file });
  const measured = await timeRounds(
    {
      prepare: (round) => `topic-${round % kinds}`,
      async work(topic) {
        const found = await readers[candidate]({ file, topic, session: SESSION, log: written.log, rows });
        if (found !== events / kinds) throw new Error(`found ${found} events of ${events / kinds}`);
      },
    },
    effort,
  );
  await written.close();
  return measured;
}

async function fileIn(folder) {
  const files = (await readdir(folder)).filter((name) => name.endsWith('.jsonl'));
  if (files.length !== 1) throw new Error(`the log has ${files.length} files; the rivals read one`);
  return join(folder, files[0]);
}
