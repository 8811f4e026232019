/** A process that was busy for a moment and has nothing to do: how much of a core it takes, and how often it wakes up. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export async function run(candidate, { open, measure, seconds, settleSeconds, directory }) {
  const close = await opened[candidate](directory, open);
  // What the burst has set going comes to rest; the engine's collector takes seconds to do so.
  await sleep(settleSeconds * 1_000);
  const before = read();
  await sleep(seconds * 1_000);
  const after = read();
  await close();
  return { ns: (after[measure] - before[measure]) / seconds };
}

const opened = {
  'smalltalk-native': async (directory, open) => {
    const { openSmallTalk } = await import('../candidates/ours.mjs');
    const app = open === 'a bus with its log' ? await busWithLog(directory) : await openSmallTalk({ directory });
    app.health?.registerAgent({ id: 'idle', ping: () => Promise.resolve() });
    for (let step = 0; step < 10_000; step += 1) app.bus.emit('task_completed', 'planner', step);
    await app.bus.flush();
    return () => app.close();
  },
  'node alone': () => () => undefined,
};

async function busWithLog(directory) {
  const { JsonlEventReplayStorage, SmallTalkEventBus } = await import('../candidates/ours.mjs');
  const log = new JsonlEventReplayStorage({ directory: join(directory, 'events') });
  const bus = new SmallTalkEventBus({ log });
  const close = async () => {
    await bus.close();
    await log.close();
  };
  return { bus, close };
}

/** CPU time of the whole process in nanoseconds; how often its threads slept and were woken, on Linux. */
function read() {
  const { user, system } = process.cpuUsage();
  return { time: (user + system) * 1e3, wakeUps: wakeUps() };
}

function wakeUps() {
  const threads = readdirSync('/proc/self/task');
  const status = threads.map((thread) => readFileSync(`/proc/self/task/${thread}/status`, 'utf8'));
  return status.reduce((sum, text) => sum + Number(/^voluntary_ctxt_switches:\s*(\d+)/m.exec(text)[1]), 0);
}
