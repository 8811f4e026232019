/** Emitting in a loop, to so many listeners of each of so many names. */
import { emitters } from '../candidates/emitters.mjs';
import { timePasses } from '../harness/timing.mjs';

export async function run(candidate, { names, listeners, effort }) {
  const { emitter, listener, awaited = false } = await emitters[candidate]();
  const seen = { calls: 0, last: -1 };
  const events = Array.from({ length: names }, (_, index) => `agent:event-${index}`);
  for (const event of events) for (let count = 0; count < listeners; count += 1) emitter.on(event, listener(seen));

  let step = 0;
  const passes = (count) => {
    for (let pass = 0; pass < count; pass += 1) emitter.emit(events[pass % names], 'planner', step++);
  };
  const awaitedPasses = async (count) => {
    for (let pass = 0; pass < count; pass += 1) await emitter.emit(events[pass % names], 'planner', step++);
  };
  const measured = await timePasses(awaited ? awaitedPasses : passes, effort);
  if (seen.calls !== step * listeners || seen.last !== step - 1) throw new Error('not every listener was called');
  return measured;
}
