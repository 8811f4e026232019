/** What emitting with a log costs the main thread: until it is flushed, for some of the price comes after the emit. */
import { loggedEmitters } from '../candidates/logged-emitters.mjs';
import { busyTime } from '../harness/timing.mjs';
import { median } from '../harness/statistics.mjs';
import { text } from '../inputs.mjs';

const MS = 1e6;

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
  let warmedUp = 0;
  while (times.length < effort.rounds) {
    const busy = await busyTime(work);
    // Whatever runs for the first times is being compiled.
    if (warmedUp >= effort.warmUpMs * MS) times.push(busy / emits);
    warmedUp += busy;
  }
  if (heard !== step) throw new Error('not every listener was called');
  await close();
  return { ns: median(times) };
}
