/** What was handed over to an agent does not come again, what was not does: over all of its outages. */
import { once } from 'node:events';

import {
  AgentHealthMonitor,
  JsonlEventReplayStorage,
  type Event,
  type EventReplayStorage,
  type HealthMonitorConfig,
} from '../ts/index.js';
import { keep, never } from './support/monitors.js';
import { temporaryDirectory } from './support/temporary.js';

function open(config: HealthMonitorConfig): AgentHealthMonitor {
  const backoff = { initialDelay: 10, jitter: 0 };
  return keep(new AgentHealthMonitor({ heartbeatInterval: 50, maxRecoveries: 100, backoff, ...config }));
}

/** A log in plain JavaScript, which nobody can ask for the number of its newest event. */
class PlainLog implements EventReplayStorage {
  events: Event[] = [];

  async append(sessionId: string, { topic, payload }: { topic: string; payload?: unknown }): Promise<void> {
    const seq = this.events.length + 1;
    const event = { seq, id: String(seq), sessionId, topic, payload, priority: 'critical', timestamp: Date.now() };
    this.events.push(event as Event);
  }

  /** What it has when it is asked. */
  replay(session: string, { since = 0 } = {}): AsyncIterable<Event> {
    const found = this.events.filter(({ sessionId, timestamp }) => sessionId === session && timestamp >= since);
    return (async function* () {
      yield* found;
    })();
  }

  async cleanup(): Promise<void> {}
}

async function ours(): Promise<EventReplayStorage> {
  const log = keep(new JsonlEventReplayStorage({ directory: temporaryDirectory() }));
  await log.sessions();
  return log;
}

const LOGS: [string, () => Promise<EventReplayStorage>][] = [
  ['a log of ours', ours],
  ['another log', async () => new PlainLog()],
];

const put = (log: EventReplayStorage, payload: unknown): Promise<unknown> =>
  log.append('s', { topic: 'agent_handoff', payload });

/** Has the agent fail, and waits until it has been brought back. */
async function outage(monitor: AgentHealthMonitor): Promise<void> {
  const back = once(monitor, 'agent:recovered');
  monitor.track('a', never, { deadline: 10 }).catch(() => undefined);
  await back;
}

/** So that the clock shows more than what has been dated. */
async function aMomentLater(): Promise<void> {
  const now = Date.now();
  while (Date.now() <= now + 1) await new Promise(setImmediate);
}

describe.each(LOGS)('from %s', (_, openLog) => {
  test('an agent that gives no sign of life gets each event once, however often it is gone', async () => {
    const log = await openLog();
    const monitor = open({ log });
    const taken: unknown[] = [];
    const onMissed = ({ payload }: Event): void => void taken.push(payload);
    monitor.registerAgent({ id: 'a', restart: async () => undefined }, { sessions: ['s'], onMissed });
    for (const name of ['first', 'second', 'third']) {
      await put(log, name);
      await outage(monitor);
      expect(taken.splice(0)).toEqual([name]);
    }
  });
});

test('a session that was erased and begun anew gives its events, though their numbers begin anew as well', async () => {
  const log = new PlainLog();
  const monitor = open({ log });
  const taken: unknown[] = [];
  const onMissed = ({ payload }: Event): void => void taken.push(payload);
  monitor.registerAgent({ id: 'a', restart: async () => undefined }, { sessions: ['s'], onMissed });
  for (const name of ['first', 'second', 'third']) await put(log, name);
  await outage(monitor);
  log.events = [];
  await aMomentLater();
  for (const name of ['anew', 'and on']) await put(log, name);
  await outage(monitor);
  expect(taken).toEqual(['first', 'second', 'third', 'anew', 'and on']);
  await outage(monitor);
  expect(taken).toHaveLength(5);
});
