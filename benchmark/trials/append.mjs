/** Appends of which so many wait for their acknowledgement at any time, to one session or to several. */
import { logs } from '../candidates/logs.mjs';
import { timePasses } from '../harness/timing.mjs';
import { event } from '../inputs.mjs';

/** Payloads are made before: their text costs more than an append. */
const PAYLOADS = 4_096;

export async function run(candidate, { durability, waiting, sessions, effort, directory }) {
  const names = Array.from({ length: sessions }, (_, index) => `conversation-${index}`);
  const log = await logs[candidate](directory, { durability, sessions: names });
  const events = Array.from({ length: PAYLOADS }, (_, index) => event(index, 'task_completed'));
  let step = 0;

  const appendNext = () => {
    const { topic, payload, timestamp } = events[step % PAYLOADS];
    const next = { topic, payload: { ...payload, step }, timestamp };
    return log.append(names[step++ % sessions], next);
  };
  const passes = async (count) => {
    const end = step + count;
    const one = async () => {
      while (step < end) await appendNext();
    };
    await Promise.all(Array.from({ length: waiting }, one));
  };
  const measured = await timePasses(passes, effort, true);
  await log.close();
  return measured;
}
