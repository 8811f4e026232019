/** Opening a log that was closed in order, until its newest events are read. */
import { join } from 'node:path';

import { timeRounds } from '../harness/timing.mjs';
import { event, text } from '../inputs.mjs';

const SESSION = 'conversation';
const AT_ONCE = 5_000;

export async function run(_, { events, characters, effort, directory }) {
  const { JsonlEventReplayStorage } = await import('../candidates/ours.mjs');
  const open = () => new JsonlEventReplayStorage({ directory: join(directory, 'events') });
  const filling = open();
  const filler = text(events, characters);
  for (let first = 0; first < events; first += AT_ONCE) {
    const steps = Array.from({ length: Math.min(AT_ONCE, events - first) }, (_, index) => first + index);
    const append = (step) => filling.append(SESSION, { topic: `topic-${step % 20}`, payload: { step, filler } });
    await Promise.all(steps.map(append));
  }
  await filling.append(SESSION, event(events, 'last'));
  await filling.close();
  let opened;
  const measured = await timeRounds(
    {
      prepare: async () => opened?.close(),
      async work() {
        opened = open();
        let found = 0;
        for await (const { topic } of opened.replay(SESSION, { priority: 'all', last: 10 }))
          found += Number(topic !== '');
        if (found !== 10) throw new Error(`found ${found} of the last 10 events`);
      },
    },
    effort,
  );
  await opened.close();
  return measured;
}
