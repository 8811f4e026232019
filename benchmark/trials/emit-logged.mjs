/** What emitting with a log costs the main thread: until it is flushed, for some of the price comes after the emit. */
import { loggedEmitters } from '../candidates/logged-emitters.mjs';
import { busyTime } from '../harness/timing.mjs';
import { median } from '../harness/statistics.mjs';
import { text } from '../inputs.mjs';

export async function run(candidate, { emits, effort, directory }) {
  const { emitter, flush, close } = await loggedEmitters[candidate](directory);
  const results = Array.from({ length: emits }, (_, index) => ({ step: 0, text: text(index, 120) }));
  let step = 0;
  let heard = 0;
  emitter.on('task_completed', (agent, result) => (heard += Number(result.step === step)));

  const work = async () => {
    for (const result of results) {
      step += 1;
      result.step = step;
      emitter.emit('task_completed', 'planner', result);
    }
    await flush();
  };
  const times = [];
  for (let round = 0; round < 2 * effort.rounds; round += 1) {
    const busy = await busyTime(work);
    // The first half compiles.
    if (round >= effort.rounds) times.push(busy / emits);
  }
  if (heard !== step) throw new Error('not every listener was called');
  await close();
  return { ns: median(times) };
}
