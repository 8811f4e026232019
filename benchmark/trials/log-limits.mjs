/** What the research asked of a log: an append, a replay of a thousand events, and what these take on the disk. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

import { logs } from '../candidates/logs.mjs';
import { timeRounds } from '../harness/timing.mjs';
import { event } from '../inputs.mjs';
import { OURS } from '../rivals.mjs';

const SESSION = 'conversation';
const THOUSAND = 1_000;

export async function run(_, { what, effort, directory }) {
  const { append, close, log } = await logs[OURS](directory, { durability: 'process' });
  for (let step = 0; step < THOUSAND; step += 1) await append(SESSION, event(step, 'task_completed'));
  const measured = what === 'bytes' ? { ns: await bytesOf(join(directory, 'events', 'active')) } : await timed(what);
  await close();
  return measured;

  function timed(which) {
    const prepare = (round) => event(THOUSAND + round, 'more');
    const work = which === 'one' ? (next) => append(SESSION, next) : thousand;
    return timeRounds({ prepare, work }, effort);
  }

  async function thousand() {
    let found = 0;
    for await (const { topic } of log.replay(SESSION, { priority: 'all' })) found += Number(topic === 'task_completed');
    if (found !== THOUSAND) throw new Error(`found ${found} events`);
  }
}

async function bytesOf(folder) {
  const sizes = (await readdir(folder)).map(async (name) => (await stat(join(folder, name))).size);
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}
