/** Who is registered before the log that it follows has opened is told by time what it missed, and not the whole past. */
import { once } from 'node:events';

import { AgentHealthMonitor, JsonlEventReplayStorage, SmallTalkEventBus, type Event } from '../ts/index.js';
import { keep, never } from './support/monitors.js';
import { temporaryDirectory } from './support/temporary.js';

/** A log with three critical events of a run before this one, which nobody has opened. */
async function withPast(): Promise<JsonlEventReplayStorage> {
  const directory = temporaryDirectory();
  const before = new JsonlEventReplayStorage({ directory });
  for (const payload of [1, 2, 3]) await before.append('s', { topic: 'agent_handoff', payload });
  await before.close();
  // It came before the sign of life that follows, also where only the time says so.
  const written = Date.now();
  while (Date.now() < written + 150) await new Promise(setImmediate);
  return keep(new JsonlEventReplayStorage({ directory }));
}

test.each(['at once', 'after a while of pings'])('it hangs %s', async (when) => {
  const log = await withPast();
  const bus = keep(new SmallTalkEventBus({ log, sessionId: 's' }));
  const monitor = keep(new AgentHealthMonitor({ heartbeatInterval: 50, log }));
  const missed: unknown[] = [];
  let [pings, hung] = [0, when === 'at once'];
  const agent = {
    id: 'a',
    ping: (): Promise<unknown> => {
      pings += 1;
      return hung ? never() : Promise.resolve();
    },
    restart: async () => void (hung = false),
  };
  monitor.registerAgent(agent, { sessions: ['s'], onMissed: ({ payload }: Event) => void missed.push(payload) });
  while (!hung) {
    hung = pings >= 2;
    await new Promise(setImmediate);
  }
  await once(monitor, 'agent:disconnected');
  bus.emit('agent_handoff', 'missed');
  await once(monitor, 'agent:recovered');
  expect(missed).toEqual([['missed']]);
});
