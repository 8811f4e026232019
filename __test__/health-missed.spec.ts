/** What an agent missed while it was gone comes to it, each event once, in order; and many agents gone is told of once. */
import { EventEmitter, once } from 'node:events';

import {
  AgentHealthMonitor,
  JsonlEventReplayStorage,
  SmallTalkEventBus,
  type AgentTransition,
  type Event,
  type EventReplayStorage,
  type HealthMonitorConfig,
} from '../ts/index.js';
import { keep, never } from './support/monitors.js';
import { temporaryDirectory } from './support/temporary.js';

function open(config: HealthMonitorConfig): AgentHealthMonitor {
  return keep(new AgentHealthMonitor({ heartbeatInterval: 50, backoff: { initialDelay: 10, jitter: 0 }, ...config }));
}

const openLog = (): JsonlEventReplayStorage => keep(new JsonlEventReplayStorage({ directory: temporaryDirectory() }));

/** Hangs until it is restarted. */
function fragile(): { id: string; restarts: number; ping(): Promise<unknown>; restart(): Promise<void> } {
  return {
    id: 'planner',
    restarts: 0,
    ping() {
      return this.restarts > 0 ? Promise.resolve() : never();
    },
    async restart() {
      this.restarts += 1;
    },
  };
}

const critical = (log: EventReplayStorage, session: string, name: string): Promise<unknown> =>
  log.append(session, { topic: 'agent_handoff', payload: name });

/** Does something while the clock of the monitor stands: however long a disk takes, nobody is silent meanwhile. */
async function outOfTime(monitor: AgentHealthMonitor, work: () => Promise<unknown>): Promise<void> {
  monitor.stop();
  await work();
  monitor.start();
}

test('exactly the critical events of its sessions after its last sign of life, in order, before it is recovered', async () => {
  const log = openLog();
  const bus = keep(new SmallTalkEventBus({ log, sessionId: 's' }));
  await critical(log, 's', 'before it came');
  const monitor = open({ log });
  const missed: string[] = [];
  const take = (event: Event): void => void missed.push(`${event.sessionId} ${JSON.stringify(event.payload)}`);
  const agent = fragile();
  monitor.registerAgent(agent, { sessions: ['s', 't'], onMissed: take });
  await outOfTime(monitor, async () => {
    await critical(log, 's', 'first');
    await log.append('s', { topic: 'task_completed', payload: 'not critical' });
    await critical(log, 'other', 'not mine');
    await critical(log, 't', 'elsewhere');
  });
  bus.emit('plan_created', 'through the bus');
  monitor.once('agent:recovering', () => bus.emit('plan_created', 'while it was recovered'));
  let before = -1;
  monitor.once('agent:recovered', () => (before = missed.length));
  await once(monitor, 'agent:recovered');
  expect(missed).toEqual(['s "first"', 's ["through the bus"]', 's ["while it was recovered"]', 't "elsewhere"']);
  expect(before).toBe(missed.length);
});

test('a session that is named twice is one, and what becomes of the list later changes nothing', async () => {
  const log = openLog();
  const monitor = open({ log });
  const missed: string[] = [];
  const sessions = ['s', 's', 't'];
  monitor.registerAgent(fragile(), { sessions, onMissed: ({ sessionId }) => void missed.push(sessionId) });
  sessions.splice(0, 3, 'other');
  await outOfTime(monitor, async () => {
    for (const session of ['s', 't', 'other']) await critical(log, session, 'once');
  });
  await once(monitor, 'agent:recovered');
  expect(missed).toEqual(['s', 't']);
});

test('what it saw before its last sign of life is not missed, nor what it missed in an earlier outage', async () => {
  const log = openLog();
  const monitor = open({ log });
  const missed: unknown[] = [];
  const agent = fragile();
  monitor.registerAgent(agent, { sessions: ['s'], onMissed: ({ payload }) => void missed.push(payload) });
  await outOfTime(monitor, async () => {
    await critical(log, 's', 'seen');
    monitor.recordActivity('planner');
    await critical(log, 's', 'missed');
  });
  await once(monitor, 'agent:recovered');
  expect(missed.splice(0)).toEqual(['missed']);
  await outOfTime(monitor, async () => {
    await critical(log, 's', 'seen later');
    monitor.recordActivity('planner');
    agent.restarts = 0;
    await critical(log, 's', 'missed later');
  });
  await once(monitor, 'agent:recovered');
  expect(missed).toEqual(['missed later']);
});

test('a rejection fails the recovery; the next attempt goes on with the event that was not taken', async () => {
  const log = openLog();
  const monitor = open({ log, recoveryTimeout: 500, heartbeatInterval: 500 });
  const taken: unknown[] = [];
  const faults: (() => unknown)[] = [
    () => Promise.reject(new Error('not yet')),
    never,
    () => {
      throw new Error('nor now');
    },
  ];
  const onMissed = async ({ payload }: Event): Promise<void> => {
    const fault = payload === 'second' ? faults.shift() : undefined;
    await fault?.();
    taken.push(payload);
  };
  const agent = fragile();
  monitor.registerAgent(agent, { sessions: ['s'], onMissed });
  const errors: unknown[] = [];
  monitor.on('agent:recovering', ({ error }) => errors.push(error?.message));
  await outOfTime(monitor, async () => {
    for (const name of ['first', 'second', 'third']) await critical(log, 's', name);
  });
  const [gaveUp] = (await once(monitor, 'agent:failed')) as [AgentTransition];
  expect(gaveUp.recoveries).toBe(3);
  expect(errors).toEqual([undefined, 'not yet', 'onMissed() took longer than 500 ms']);
  expect([taken, agent.restarts]).toEqual([['first'], 3]);
  expect(gaveUp.error?.message).toBe('nor now');
});

test('an agent that answers is healthy, though it was given up because it did not take what it missed', async () => {
  const log = openLog();
  const monitor = open({ log, maxRecoveries: 1, heartbeatInterval: 500 });
  const pinged = new EventEmitter();
  const agent = {
    ...fragile(),
    ping() {
      if (this.restarts > 0) pinged.emit('ping');
      return this.restarts > 0 ? Promise.resolve() : never();
    },
  };
  // Whoever is pinged a second time has been heard the first time.
  const onMissed = async (): Promise<void> => {
    for (let times = 0; times < 2; times += 1) await once(pinged, 'ping');
    throw new Error('not taken');
  };
  monitor.registerAgent(agent, { sessions: ['s'], onMissed });
  await outOfTime(monitor, () => critical(log, 's', 'missed'));
  const states: string[] = [];
  for (const state of ['failed', 'recovered'] as const) monitor.on(`agent:${state}`, () => states.push(state));
  await once(monitor, 'agent:recovered');
  expect(states).toEqual(['failed', 'recovered']);
  expect(monitor.getAgentHealth('planner')?.state).toBe('healthy');
});

test('a log in plain JavaScript is enough, and one that cannot be read fails the recovery', async () => {
  const events: Event[] = [];
  let broken = true;
  const log: EventReplayStorage = {
    async append(sessionId, event) {
      const seq = events.length + 1;
      events.push({ ...event, seq, id: String(seq), sessionId, priority: 'critical', timestamp: Date.now() });
    },
    async *replay(sessionId, { since = 0 } = {}) {
      if (broken) {
        broken = false;
        throw new Error('not now');
      }
      yield* events.filter((event) => event.sessionId === sessionId && event.timestamp >= since);
    },
    async cleanup() {},
  };
  const monitor = open({ log });
  const missed: unknown[] = [];
  monitor.registerAgent(fragile(), { sessions: ['s'], onMissed: ({ payload }) => void missed.push(payload) });
  await critical(log, 's', 'missed');
  const [recovered] = (await once(monitor, 'agent:recovered')) as [AgentTransition];
  expect([recovered.recoveries, missed]).toEqual([2, ['missed']]);
});

test('an agent that comes back by itself gets nothing: it was not restarted', async () => {
  const log = openLog();
  const monitor = open({ log, recoveryStrategy: 'alert' });
  const onMissed = jest.fn();
  monitor.registerAgent({ id: 'a', ping: never }, { sessions: ['s'], onMissed });
  await outOfTime(monitor, () => critical(log, 's', 'missed'));
  await once(monitor, 'agent:disconnected');
  monitor.recordActivity('a');
  await once(monitor, 'agent:recovered');
  expect(onMissed).not.toHaveBeenCalled();
});

test('what is wrong is refused', () => {
  const monitor = open({});
  const invalid = expect.objectContaining({ code: 'ERR_OPTION_INVALID' });
  expect(() => monitor.registerAgent({ id: 'a' }, { onMissed: () => undefined })).toThrow(invalid);
  expect(() => monitor.registerAgent({ id: 'a' }, { onMissed: 5 as never })).toThrow(TypeError);
  expect(() => monitor.registerAgent({ id: 'a' }, { sessions: 's' as never })).toThrow(TypeError);
  expect(() => monitor.registerAgent({ id: 'a' }, { sessions: [''] })).toThrow(
    expect.objectContaining({ code: 'ERR_ID_INVALID' }),
  );
  expect(() => open({ log: {} as never })).toThrow(TypeError);
  expect(() => open({ loopThreshold: 5 })).toThrow(invalid);
  expect(() => open({ loopThreshold: '1s' as never })).toThrow(TypeError);
});

test('an agent that a listener takes out when it is gone counts, but is not among the failing for ever', async () => {
  const monitor = open({ recoveryStrategy: 'alert' });
  monitor.on('agent:disconnected', ({ id }) => monitor.unregisterAgent(id));
  const degraded = once(monitor, 'degraded');
  for (const id of ['a', 'b', 'c', 'd']) monitor.registerAgent({ id, ping: never });
  expect(await degraded).toEqual([{ failing: ['d'] }]);
});

test('more than three agents gone within 30 s: degraded, once, on the bus too', async () => {
  const bus = new SmallTalkEventBus();
  const monitor = open({ recoveryStrategy: 'alert', bus });
  const told: unknown[] = [];
  bus.on('degraded', (news: unknown) => told.push(news));
  for (const id of ['a', 'b', 'c']) monitor.registerAgent({ id, ping: never });
  while (monitor.getStats().disconnectedAgents < 3) await once(monitor, 'agent:disconnected');
  expect([told, monitor.getStats().degraded]).toEqual([[], false]);
  for (const id of ['d', 'e']) monitor.registerAgent({ id, ping: never });
  while (monitor.getStats().disconnectedAgents < 5) await once(monitor, 'agent:disconnected');
  expect(told).toEqual([{ failing: expect.arrayContaining(['a', 'b', 'c']) }]);
  expect(monitor.getStats().degraded).toBe(true);
});
