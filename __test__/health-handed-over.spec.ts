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

  test('what it did not take before it was given up comes again in its next outage, and what it took does not', async () => {
    const log = await openLog();
    const monitor = open({ log, maxRecoveries: 1, recoveryWindow: 1 });
    let refuses = true;
    const taken: unknown[] = [];
    const onMissed = ({ payload }: Event): void => {
      if (refuses && payload === 'second') throw new Error('not taken');
      taken.push(payload);
    };
    monitor.registerAgent({ id: 'a', restart: async () => undefined }, { sessions: ['s'], onMissed });
    for (const name of ['first', 'second', 'third']) await put(log, name);
    const failed = once(monitor, 'agent:failed');
    monitor.track('a', never, { deadline: 10 }).catch(() => undefined);
    await failed;
    expect(taken.splice(0)).toEqual(['first']);
    const back = once(monitor, 'agent:recovered');
    monitor.recordActivity('a');
    await back;
    refuses = false;
    await aMomentLater();
    await outage(monitor);
    expect(taken).toEqual(['second', 'third']);
  });

  test('what comes while it is given what it missed is handed over before it is recovered', async () => {
    const log = await openLog();
    const monitor = open({ log });
    let hung = true;
    const taken: unknown[] = [];
    const states: (string | undefined)[] = [];
    const onMissed = async ({ payload }: Event): Promise<void> => {
      states.push(monitor.getAgentHealth('a')?.state);
      taken.push(payload);
      if (payload === 'first') await put(log, 'second');
      if (payload === 'second') await put(log, 'third');
    };
    const ping = (): Promise<unknown> => (hung ? never() : Promise.resolve());
    const restart = async (): Promise<void> => void (hung = false);
    monitor.registerAgent({ id: 'a', ping, restart }, { sessions: ['r', 's'], onMissed });
    await put(log, 'first');
    await once(monitor, 'agent:recovered');
    expect(taken.splice(0)).toEqual(['first', 'second', 'third']);
    expect(new Set(states)).toEqual(new Set(['recovering']));
    hung = true;
    await once(monitor, 'agent:recovered');
    expect(taken).toEqual([]);
  });

  test('in a session that never falls silent it is recovered all the same, and the rest is not lost', async () => {
    const log = await openLog();
    const monitor = open({ log });
    let [last, chatty, hung, pings] = [1, true, true, 0];
    const taken: unknown[] = [];
    const onMissed = async ({ payload }: Event): Promise<void> => {
      taken.push(payload);
      // It answers meanwhile.
      const before = pings;
      while (taken.length === 1 && pings === before) await new Promise(setImmediate);
      if (chatty) await put(log, (last += 1));
    };
    const ping = (): Promise<unknown> => {
      pings += 1;
      return hung ? never() : Promise.resolve();
    };
    monitor.registerAgent({ id: 'a', ping, restart: async () => void (hung = false) }, { sessions: ['s'], onMissed });
    await put(log, 1);
    await once(monitor, 'agent:recovered');
    [chatty, hung] = [false, true];
    expect(taken.length).toBeGreaterThan(1);
    expect(taken.length).toBe(last - 1);
    await once(monitor, 'agent:recovered');
    expect(taken).toEqual(Array.from({ length: last }, (_value, index) => index + 1));
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

test('however many events are handed over, the event loop gets its turns', async () => {
  const log = new PlainLog();
  const monitor = open({ log, loopThreshold: false });
  for (let count = 0; count < 20_000; count += 1) await put(log, count);
  log.replay = () => log.events as unknown as AsyncIterable<Event>;
  let [taken, turns, counting] = [0, 0, true];
  const turn = (): void => {
    turns += 1;
    if (counting) setImmediate(turn);
  };
  const onMissed = (): void => {
    taken += 1;
    if (taken === 1) setImmediate(turn);
    if (taken === 20_000) counting = false;
  };
  monitor.registerAgent({ id: 'a', restart: async () => undefined }, { sessions: ['s'], onMissed });
  await outage(monitor);
  expect(taken).toBe(20_000);
  expect(turns).toBeGreaterThan(3);
});
