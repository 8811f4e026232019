import { EventEmitter, once } from 'node:events';

import { backoffDelay } from '../ts/health-monitor/backoff.js';
import { AgentHealthMonitor, type AgentTransition, type MonitoredAgent } from '../ts/index.js';

const never = (): Promise<never> => new Promise(() => undefined);
const BACKOFF = { initialDelay: 10, jitter: 0 };

const opened: AgentHealthMonitor[] = [];
function open(config: ConstructorParameters<typeof AgentHealthMonitor>[0] = {}): AgentHealthMonitor {
  const monitor = new AgentHealthMonitor({ heartbeatInterval: 50, backoff: BACKOFF, ...config });
  opened.push(monitor);
  return monitor;
}

afterEach(async () => {
  await Promise.all(opened.splice(0).map((monitor) => monitor.close()));
});

/** An agent that hangs until it was restarted so often. */
class Fragile extends EventEmitter implements MonitoredAgent {
  restarts = 0;
  constructor(
    readonly id: string,
    readonly needed = 1,
  ) {
    super();
  }
  ping(): Promise<unknown> {
    return this.restarts >= this.needed ? Promise.resolve() : never();
  }
  async restart(): Promise<void> {
    this.restarts += 1;
  }
}

function states(monitor: AgentHealthMonitor): string[] {
  const lines: string[] = [];
  for (const name of ['disconnected', 'recovering', 'recovered', 'failed'] as const) {
    monitor.on(`agent:${name}`, ({ state, recoveries }) => lines.push(`${state} ${recoveries}`));
  }
  return lines;
}

test('restart: the agent’s own restart() is called, and it comes back', async () => {
  const restart = jest.fn();
  const monitor = open({ restart });
  const lines = states(monitor);
  const agent = new Fragile('a');
  monitor.registerAgent(agent);
  const [recovered] = (await once(monitor, 'agent:recovered')) as [AgentTransition];
  expect(recovered).toMatchObject({ id: 'a', previous: 'recovering', state: 'healthy', recoveries: 1, error: null });
  expect(agent.restarts).toBe(1);
  expect(restart).not.toHaveBeenCalled();
  expect(lines).toEqual(['disconnected 0', 'recovering 1', 'healthy 1']);
  expect(monitor.getStats()).toMatchObject({ recoveryAttempts: 1, successfulRecoveries: 1, healthyAgents: 1 });
});

test('restart: the monitor’s restart() serves agents without one', async () => {
  let healthy = false;
  const agent = { id: 'a', ping: () => (healthy ? Promise.resolve() : never()) };
  const restart = jest.fn(async () => void (healthy = true));
  const monitor = open({ restart });
  monitor.registerAgent(agent);
  await once(monitor, 'agent:recovered');
  expect(restart).toHaveBeenCalledWith(agent);
});

test('restart with nothing to call only tells', async () => {
  const monitor = open();
  monitor.registerAgent({ id: 'a', ping: never });
  const [alert] = await once(monitor, 'alert');
  expect(alert).toMatchObject({ kind: 'agent-disconnected', agent: { id: 'a', state: 'disconnected' } });
});

test('replace: the new agent takes the place and the listeners of the old one', async () => {
  const [old, young] = [new Fragile('a', Infinity), new Fragile('young', 0)];
  const monitor = open({ recoveryStrategy: 'replace', replace: async () => young });
  monitor.registerAgent(old);
  await once(monitor, 'agent:recovered');
  expect(old.eventNames()).toEqual([]);
  young.emit('task_completed');
  expect(monitor.getAgentHealth('a')).toMatchObject({ state: 'healthy', lastActivity: 'task_completed' });
  await monitor.close();
  expect(young.eventNames()).toEqual([]);
});

test.each(['ping', 'restart'])('replace: one whose %s is no function has not come back', async (name) => {
  const wrong = { id: 'a', [name]: Promise.resolve() } as unknown as MonitoredAgent;
  const monitor = open({ recoveryStrategy: 'replace', replace: async () => wrong, maxRecoveries: 1 });
  monitor.registerAgent(new Fragile('a'));
  const [failed] = (await once(monitor, 'agent:failed')) as [AgentTransition];
  expect(failed.error).toEqual({ name: 'TypeError', message: `${name} of an agent must be a function` });
});

test('alert: nobody is called', async () => {
  const agent = new Fragile('a');
  const monitor = open();
  monitor.registerAgent(agent, { recoveryStrategy: 'alert' });
  await once(monitor, 'alert');
  expect(agent.restarts).toBe(0);
  expect(monitor.getAgentHealth('a')).toMatchObject({ state: 'disconnected', recoveryStrategy: 'alert' });
});

test('attempts that reject, throw, hang or lie are failed attempts; then it gives up', async () => {
  let attempt = 0;
  const deeds: (() => Promise<void>)[] = [
    () => Promise.reject(new Error('rejects')),
    () => {
      throw new Error('throws');
    },
    never,
    async () => undefined,
  ];
  const restart = (): Promise<void> => (deeds[attempt++] as () => Promise<void>)();
  const monitor = open({ restart, maxRecoveries: 4, recoveryTimeout: 60 });
  const failures: unknown[] = [];
  monitor.on('agent:recovering', ({ error }) => failures.push(error?.message));
  monitor.registerAgent({ id: 'a', ping: never });
  const [alert] = await once(monitor, 'alert');
  expect(failures).toEqual([undefined, 'rejects', 'throws', 'restart took longer than 60 ms']);
  expect(alert).toMatchObject({
    kind: 'recovery-failed',
    agent: {
      state: 'failed',
      recoveries: 4,
      error: { code: 'ERR_TIMEOUT', message: expect.stringContaining('the ping after it') },
    },
  });
  expect(monitor.getStats()).toMatchObject({ recoveryAttempts: 4, successfulRecoveries: 0, failedAgents: 1 });
});

test('a sign of life brings back even an agent that was given up', async () => {
  const monitor = open({ maxRecoveries: 0 });
  const agent = new Fragile('a', Infinity);
  monitor.registerAgent(agent);
  await once(monitor, 'agent:failed');
  agent.emit('response_generated');
  const [recovered] = await once(monitor, 'agent:recovered');
  expect(recovered).toMatchObject({ previous: 'failed', state: 'healthy' });
});

test('a sign of life between two attempts ends the recovery', async () => {
  const monitor = open({ backoff: { initialDelay: 60_000 } });
  const agent = Object.assign(new EventEmitter(), {
    id: 'a',
    ping: never,
    restart: jest.fn(() => Promise.reject(new Error('not today'))),
  });
  monitor.registerAgent(agent);
  await once(monitor, 'agent:recovering');
  // The attempt has failed by now, and the next one is a minute away.
  await new Promise(setImmediate);
  agent.emit('response_generated');
  const [recovered] = await once(monitor, 'agent:recovered');
  expect(recovered).toMatchObject({ previous: 'recovering', state: 'healthy' });
  expect(agent.restart).toHaveBeenCalledTimes(1);
});

test('an agent that keeps dying uses up its attempts, though each one works', async () => {
  const monitor = open({ maxRecoveries: 2 });
  let lives = 0;
  const agent: MonitoredAgent = {
    id: 'a',
    // Alive for exactly one ping: the one that confirms the restart.
    ping: () => (lives-- > 0 ? Promise.resolve() : never()),
    restart: async () => void (lives = 1),
  };
  const lines = states(monitor);
  monitor.registerAgent(agent);
  await once(monitor, 'agent:failed');
  expect(lines).toEqual([
    'disconnected 0',
    'recovering 1',
    'healthy 1',
    'disconnected 1',
    'recovering 2',
    'healthy 2',
    'disconnected 2',
    'failed 2',
  ]);
});

test('attempts are counted by a clock that nobody puts another one in the place of', async () => {
  const monitor = open({ maxRecoveries: 1, recoveryWindow: 60_000 });
  const agent = new Fragile('a', 2);
  let shown = performance.now();
  jest.spyOn(performance, 'now').mockImplementation(() => (shown += 100_000));
  try {
    monitor.registerAgent(agent);
    await once(monitor, 'agent:failed');
  } finally {
    jest.restoreAllMocks();
  }
  expect(agent.restarts).toBe(1);
});

test('an agent that is taken out while it is recovered is left alone', async () => {
  let arrive: (agent: MonitoredAgent) => void = () => undefined;
  const monitor = open({
    recoveryStrategy: 'replace',
    replace: () => new Promise<MonitoredAgent>((resolve) => (arrive = resolve)),
  });
  const lines = states(monitor);
  monitor.registerAgent(new Fragile('a'));
  await once(monitor, 'agent:recovering');
  await new Promise(setImmediate);
  monitor.unregisterAgent('a');
  const young = new Fragile('young', 0);
  arrive(young);
  await new Promise(setImmediate);
  expect(young.eventNames()).toEqual([]);
  expect(lines).toEqual(['disconnected 0', 'recovering 1']);
});

test('a listener may take the agent out in the middle of its transition', async () => {
  const monitor = open();
  const agent = new Fragile('a');
  monitor.on('agent:disconnected', ({ id }) => monitor.unregisterAgent(id));
  monitor.registerAgent(agent);
  await once(monitor, 'agent:disconnected');
  await new Promise(setImmediate);
  expect(monitor.getStats().totalAgents).toBe(0);
  expect(agent.restarts).toBe(0);
});

test('waits grow exponentially up to a limit, a part of them left to chance', () => {
  const backoff = { initialDelay: 1000, factor: 2, maxDelay: 5000, jitter: 0.5 };
  const full = [0, 1, 2, 3, 4, 5].map((attempts) => backoffDelay(attempts, backoff, () => 0));
  expect(full).toEqual([0, 1000, 2000, 4000, 5000, 5000]);
  const least = [0, 1, 2, 3, 4, 5].map((attempts) => backoffDelay(attempts, backoff, () => 1));
  expect(least).toEqual([0, 500, 1000, 2000, 2500, 2500]);
});
