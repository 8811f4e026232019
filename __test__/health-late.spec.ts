/** Agents that an attempt has brought back, but that answer too late for it: they have come back, and have to catch up. */
import { EventEmitter, once } from 'node:events';
import { Worker } from 'node:worker_threads';

import { AgentHealthMonitor, type AgentTransition, type Event, type HealthMonitorConfig } from '../ts/index.js';
import { keep, never, online } from './support/monitors.js';

/** What came while the agent was gone. */
const EVENT: Event = {
  seq: 1,
  id: '1',
  sessionId: 's',
  topic: 'agent_handoff',
  priority: 'critical',
  timestamp: Date.now() + 3_600_000,
  payload: null,
};

function open(config: HealthMonitorConfig): AgentHealthMonitor {
  const log = {
    append: async () => undefined,
    async *replay() {
      yield EVENT;
    },
    cleanup: async () => undefined,
  };
  const backoff = { initialDelay: 60_000, jitter: 0 };
  return keep(new AgentHealthMonitor({ heartbeatInterval: 50, log, backoff, ...config }));
}

function states(monitor: AgentHealthMonitor): string[] {
  const lines: string[] = [];
  for (const name of ['disconnected', 'recovering', 'recovered', 'failed'] as const) {
    monitor.on(`agent:${name}`, ({ state }: AgentTransition) => lines.push(state));
  }
  return lines;
}

/** Resolves when the attempt has failed. */
async function failed(monitor: AgentHealthMonitor): Promise<void> {
  while (monitor.getAgentHealth('a')?.error === null) await new Promise(setImmediate);
}

describe.each([
  ['while the next attempt is waited for', 2, ['disconnected', 'recovering', 'healthy']],
  ['after it was given up', 1, ['disconnected', 'recovering', 'failed', 'healthy']],
])('%s', (_, maxRecoveries, transitions) => {
  test('the agent in a new worker gets what it missed, and the worker stays', async () => {
    const monitor = open({ maxRecoveries });
    const lines = states(monitor);
    const [worker, next] = [await online(), await online()];
    let [late, spawned] = [true, 0];
    const spawn = (): Worker => {
      spawned += 1;
      return next;
    };
    const taken: number[] = [];
    const ping = (): Promise<unknown> => (late ? never() : Promise.resolve());
    const onMissed = ({ seq }: Event): void => void taken.push(seq);
    monitor.registerAgent({ id: 'a', ping }, { worker, spawn, sessions: ['s'], onMissed });
    await worker.terminate();
    await failed(monitor);
    late = false;
    await once(monitor, 'agent:recovered');
    expect([lines, taken, spawned, next.threadId > 0]).toEqual([transitions, [1], 1, true]);
    expect(monitor.getStats()).toMatchObject({ recoveryAttempts: 1, successfulRecoveries: 1 });
    // The next outage is another one.
    await next.terminate();
    await once(monitor, 'agent:disconnected');
  });

  test('so does one whose restart() takes longer than it may', async () => {
    const monitor = open({ maxRecoveries, recoveryTimeout: 30 });
    const lines = states(monitor);
    const goOn = new EventEmitter();
    let up = false;
    const restart = async (): Promise<void> => {
      await once(goOn, 'restarted');
      up = true;
    };
    const taken: number[] = [];
    const onMissed = ({ seq }: Event): void => void taken.push(seq);
    monitor.registerAgent(
      { id: 'a', ping: () => (up ? Promise.resolve() : never()), restart },
      { sessions: ['s'], onMissed },
    );
    await failed(monitor);
    goOn.emit('restarted');
    await once(monitor, 'agent:recovered');
    expect([lines, taken]).toEqual([transitions, [1]]);
  });

  test.each([
    ['rejects', async () => Promise.reject(new Error('no handshake yet'))],
    ['never resolves', never],
  ])('and one whose restart() %s', async (_how, restart) => {
    const monitor = open({ maxRecoveries, recoveryTimeout: 30 });
    const lines = states(monitor);
    const taken: number[] = [];
    const onMissed = ({ seq }: Event): void => void taken.push(seq);
    monitor.registerAgent({ id: 'a', ping: never, restart }, { sessions: ['s'], onMissed });
    await failed(monitor);
    monitor.recordActivity('a');
    await once(monitor, 'agent:recovered');
    expect([lines, taken]).toEqual([transitions, [1]]);
  });

  test('and one that was not started anew gets nothing', async () => {
    const replace = (): Promise<never> => Promise.reject(new Error('not today'));
    const monitor = open({ maxRecoveries, recoveryStrategy: 'replace', replace });
    const lines = states(monitor);
    const onMissed = jest.fn();
    monitor.registerAgent({ id: 'a', ping: never }, { sessions: ['s'], onMissed });
    await failed(monitor);
    monitor.recordActivity('a');
    await once(monitor, 'agent:recovered');
    expect(lines).toEqual(transitions);
    expect(onMissed).not.toHaveBeenCalled();
  });
});

describe('an agent whose restart() has rejected, and that answers then, was not brought back', () => {
  const restart = (): Promise<never> => Promise.reject(new Error('not now'));

  test.each([true, false])(
    'it keeps what it has in flight, and no recovery is counted; to be told what it missed: %s',
    async (told) => {
      const monitor = open({});
      monitor.registerAgent({ id: 'a', restart }, told ? { sessions: ['s'], onMissed: () => undefined } : {});
      void monitor.track('a', never);
      void monitor.track('a', never, { deadline: 10 });
      await failed(monitor);
      monitor.recordActivity('a');
      const [{ state, tracked }] = (await once(monitor, 'agent:recovered')) as [AgentTransition];
      expect([state, tracked, monitor.getStats().successfulRecoveries]).toEqual(['busy', 2, 0]);
    },
  );

  test('and it is not restarted because it does not take what it missed', async () => {
    const monitor = open({});
    const lines = states(monitor);
    const onMissed = (): Promise<never> => Promise.reject(new Error('not taken'));
    monitor.registerAgent({ id: 'a', ping: never, restart }, { sessions: ['s'], onMissed });
    await failed(monitor);
    monitor.recordActivity('a');
    await once(monitor, 'agent:recovered');
    expect([lines, monitor.getStats().recoveryAttempts]).toEqual([['disconnected', 'recovering', 'healthy'], 1]);
  });
});

test('what an attempt failed with is told with the next one, though the agent has answered meanwhile, and no more later', async () => {
  const monitor = open({ backoff: { initialDelay: 300, jitter: 0 } });
  const errors: unknown[] = [];
  monitor.on('agent:recovering', ({ error }) => errors.push(error?.message));
  let [restarts, hung] = [0, true];
  const restart = async (): Promise<void> => {
    restarts += 1;
    hung = false;
  };
  const onMissed = async (): Promise<void> => {
    if (restarts === 1) throw new Error('not taken');
  };
  const ping = (): Promise<unknown> => (hung ? never() : Promise.resolve());
  monitor.registerAgent({ id: 'a', ping, restart }, { sessions: ['s'], onMissed });
  await once(monitor, 'agent:recovered');
  expect(errors).toEqual([undefined, 'not taken']);
  monitor.recordActivity('a');
  hung = true;
  const [gone] = (await once(monitor, 'agent:disconnected')) as [AgentTransition];
  expect(gone.error).toBeNull();
});

test('one that was given up and does not take what it missed is healthy all the same, and was given up once', async () => {
  const monitor = open({ maxRecoveries: 1 });
  const lines = states(monitor);
  const alerts: string[] = [];
  monitor.on('alert', ({ kind }) => alerts.push(kind));
  let late = true;
  const ping = (): Promise<unknown> => (late ? never() : Promise.resolve());
  const onMissed = (): Promise<never> => Promise.reject(new Error('not taken'));
  monitor.registerAgent({ id: 'a', ping, restart: async () => undefined }, { sessions: ['s'], onMissed });
  await once(monitor, 'agent:failed');
  late = false;
  await once(monitor, 'agent:recovered');
  expect([lines, alerts]).toEqual([['disconnected', 'recovering', 'failed', 'healthy'], ['recovery-failed']]);
});
