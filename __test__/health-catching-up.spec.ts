/** Catching up, where the log, the agent or the clock of the machine does not go along. */
import { once } from 'node:events';

import {
  AgentHealthMonitor,
  JsonlEventReplayStorage,
  SmallTalkEventBus,
  type AgentTransition,
  type Event,
  type EventReplayStorage,
  type HealthMonitorConfig,
  type MonitoredAgent,
} from '../ts/index.js';
import { keep, never } from './support/monitors.js';
import { temporaryDirectory } from './support/temporary.js';

afterEach(() => {
  jest.restoreAllMocks();
});

function open(config: HealthMonitorConfig): AgentHealthMonitor {
  return keep(new AgentHealthMonitor({ heartbeatInterval: 50, backoff: { initialDelay: 10, jitter: 0 }, ...config }));
}

/** Hangs until it is restarted. */
function fragile(): MonitoredAgent {
  let hung = true;
  return {
    id: 'planner',
    ping: () => (hung ? never() : Promise.resolve()),
    restart: async () => void (hung = false),
  };
}

/** A log in plain JavaScript that has these events. */
function logOf(
  events: Event[],
  more: Partial<EventReplayStorage> & { flush?(): Promise<void> } = {},
): EventReplayStorage {
  return {
    append: async () => undefined,
    async *replay(session, { since = 0 } = {}) {
      yield* events.filter(({ sessionId, timestamp }) => sessionId === session && timestamp >= since);
    },
    cleanup: async () => undefined,
    ...more,
  };
}

const event = (seq: number): Event => ({
  seq,
  id: String(seq),
  sessionId: 's',
  topic: 'plan_created',
  priority: 'critical',
  timestamp: Date.now() + 60_000,
  payload: seq,
});

describe('a log that never answers fails the attempt', () => {
  test.each(['flush', 'replay'] as const)('when it is asked to %s', async (what) => {
    const more =
      what === 'flush'
        ? { flush: never }
        : { replay: () => ({ [Symbol.asyncIterator]: () => ({ next: never, return: never }) }) };
    const monitor = open({ log: logOf([], more as object), recoveryTimeout: 200, maxRecoveries: 2 });
    const onMissed = jest.fn();
    monitor.registerAgent(fragile(), { sessions: ['s'], onMissed });
    const [failed] = (await once(monitor, 'agent:failed')) as [AgentTransition];
    expect(failed).toMatchObject({
      recoveries: 2,
      error: { code: 'ERR_TIMEOUT', message: `${what}() of the log took longer than 200 ms` },
    });
    expect(onMissed).not.toHaveBeenCalled();
  });

  test('and one that goes on for ever is let go of when the agent has not taken an event', async () => {
    let ended = 0;
    const replay = async function* (): AsyncGenerator<Event> {
      try {
        for (let seq = 1; ; seq += 1) yield event(seq);
      } finally {
        ended += 1;
      }
    };
    const monitor = open({ log: logOf([], { replay }), maxRecoveries: 1 });
    const onMissed = ({ seq }: Event): void => {
      if (seq === 3) throw new Error('not taken');
    };
    monitor.registerAgent(fragile(), { sessions: ['s'], onMissed });
    const [failed] = (await once(monitor, 'agent:failed')) as [AgentTransition];
    expect([failed.error?.message, ended]).toEqual(['not taken', 1]);
  });
});

test.each([
  ['an array', (): unknown => [event(1), event(2)]],
  ['a generator', (): unknown => [event(1), event(2)].values()],
])('a log in plain JavaScript may give %s', async (_, replay) => {
  const monitor = open({ log: logOf([], { replay } as object) });
  const taken: number[] = [];
  monitor.registerAgent(fragile(), { sessions: ['s'], onMissed: ({ seq }) => void taken.push(seq) });
  await once(monitor, 'agent:recovered');
  expect(taken).toEqual([1, 2]);
});

test('a log that numbers its events from 0 on gives the first one as well', async () => {
  const monitor = open({ log: logOf([event(0), event(1)]) });
  const taken: number[] = [];
  monitor.registerAgent(fragile(), { sessions: ['s'], onMissed: ({ seq }) => void taken.push(seq) });
  await once(monitor, 'agent:recovered');
  expect(taken).toEqual([0, 1]);
});

test('a log that is asked by time gives also what a bus has dated a little before the last sign of life', async () => {
  const events: Event[] = [];
  const monitor = open({ log: logOf(events) });
  const missed: number[] = [];
  monitor.registerAgent(fragile(), { sessions: ['s'], onMissed: ({ seq }) => void missed.push(seq) });
  monitor.recordActivity('planner', 'its last sign of life');
  const now = Date.now();
  events.push({ ...event(1), timestamp: now - 10_000 }, { ...event(2), timestamp: now - 30 });
  await once(monitor, 'agent:recovered');
  expect(missed).toEqual([2]);
});

test.each(['unregisterAgent', 'close', 'registerAgent'] as const)('nothing is handed over after %s', async (how) => {
  const events = Array.from({ length: 20 }, (_, index) => event(index + 1));
  let ended: () => void = () => undefined;
  const end = new Promise<void>((resolve) => (ended = resolve));
  const replay = async function* (): AsyncGenerator<Event> {
    try {
      yield* events;
    } finally {
      ended();
    }
  };
  const monitor = open({ log: logOf(events, { replay }) });
  const taken: number[] = [];
  const onMissed = async ({ seq }: Event): Promise<void> => {
    taken.push(seq);
    if (seq !== 3) return;
    if (how === 'close') await monitor.close();
    else if (how === 'unregisterAgent') monitor.unregisterAgent('planner');
    else monitor.registerAgent({ id: 'planner' });
  };
  monitor.registerAgent(fragile(), { sessions: ['s', 't'], onMissed });
  await end;
  await new Promise(setImmediate);
  expect(taken).toEqual([1, 2, 3]);
});

describe('a clock that is put back while the agent is gone hides nothing from it', () => {
  /** From now on the clock of the machine shows a second less. */
  function putBack(): void {
    const now = Date.now.bind(Date);
    jest.spyOn(Date, 'now').mockImplementation(() => now() - 1_000);
  }

  test('in a log of ours, which tells what it has seen by number', async () => {
    const log = keep(new JsonlEventReplayStorage({ directory: temporaryDirectory() }));
    const bus = keep(new SmallTalkEventBus({ log, sessionId: 's' }));
    await log.append('s', { topic: 'plan_created', payload: 'seen' });
    const monitor = open({ log });
    const missed: unknown[] = [];
    monitor.registerAgent(fragile(), { sessions: ['s'], onMissed: ({ payload }) => void missed.push(payload) });
    monitor.once('agent:recovering', () => {
      putBack();
      bus.emit('agent_handoff', 'missed');
    });
    await once(monitor, 'agent:recovered');
    expect(missed).toEqual([['missed']]);
  });

  test('in a log of ours, also where it has been put forward again by then', async () => {
    const log = keep(new JsonlEventReplayStorage({ directory: temporaryDirectory() }));
    const bus = keep(new SmallTalkEventBus({ log, sessionId: 's' }));
    await log.append('s', { topic: 'plan_created', payload: 'seen' });
    const monitor = open({ log });
    const missed: unknown[] = [];
    let hung = true;
    const restart = async (): Promise<void> => {
      await bus.flush();
      jest.restoreAllMocks();
      hung = false;
    };
    const planner = { id: 'planner', ping: () => (hung ? never() : Promise.resolve()), restart };
    monitor.registerAgent(planner, { sessions: ['s'], onMissed: ({ payload }) => void missed.push(payload) });
    monitor.once('agent:recovering', () => {
      putBack();
      bus.emit('agent_handoff', 'missed');
    });
    await once(monitor, 'agent:recovered');
    expect(missed).toEqual([['missed']]);
  });

  test('in another log, which tells it by time', async () => {
    const events: Event[] = [];
    const monitor = open({ log: logOf(events) });
    const missed: unknown[] = [];
    monitor.registerAgent(fragile(), { sessions: ['s'], onMissed: ({ payload }) => void missed.push(payload) });
    monitor.once('agent:recovering', () => {
      putBack();
      events.push({ ...event(1), timestamp: Date.now() });
    });
    await once(monitor, 'agent:recovered');
    expect(missed).toEqual([1]);
  });
});
