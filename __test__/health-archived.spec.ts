/** What an agent missed it is given also where the log has archived that meanwhile. */
import { once } from 'node:events';

import { JsonlEventReplayStorage, type EventReplayStorage } from '../ts/index.js';
import { keep, never } from './support/monitors.js';
import { open } from './support/quick-monitor.js';
import { temporaryDirectory } from './support/temporary.js';

const openLog = (): JsonlEventReplayStorage => keep(new JsonlEventReplayStorage({ directory: temporaryDirectory() }));

/** Ours, behind the methods that each log has: nobody knows where it is. */
function hidden(): EventReplayStorage {
  const log = openLog();
  return {
    append: (session, event) => log.append(session, event),
    replay: (session, options) => log.replay(session, options),
    cleanup: (retentionMs) => log.cleanup(retentionMs),
  };
}

const put = (log: EventReplayStorage, payload: string): Promise<unknown> =>
  log.append('s', { topic: 'agent_handoff', payload });

test.each([
  ['of a session that had nothing at hand', openLog, true, 0],
  ['by its number, though it is dated before', openLog, true, 3_600_000],
  ['by its time, of a log that was not open yet', openLog, false, 0],
  ['by its time, of another log', hidden, true, 0],
] as const)('an event that was archived while the agent was gone is found: %s', async (_, logOf, opened, before) => {
  const log = logOf();
  if (opened) {
    await put(log, 'seen');
    // Of a session that has nothing at hand nobody knows the number: there, what is archived by now is found by its time.
    if (before === 0) await log.cleanup(0);
  }
  // By the time alone, what was a moment ago would count as missed.
  await new Promise((resolve) => setTimeout(resolve, 150));
  const monitor = open({ log });
  let hung = true;
  const agent = {
    id: 'planner',
    ping: () => (hung ? never() : Promise.resolve()),
    restart: async () => void (hung = false),
  };
  const missed: unknown[] = [];
  monitor.registerAgent(agent, { sessions: ['s'], onMissed: ({ payload }) => void missed.push(payload) });
  // Nobody is silent meanwhile.
  monitor.stop();
  await log.append('s', { topic: 'agent_handoff', payload: 'archived', timestamp: Date.now() - before });
  await log.cleanup(0);
  await put(log, 'not archived');
  monitor.start();
  await once(monitor, 'agent:recovered');
  expect(missed).toEqual(['archived', 'not archived']);
});
