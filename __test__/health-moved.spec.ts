/** Agents of a worker that nobody starts anew: when it has ended they may live elsewhere. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

import { AgentHealthMonitor, type AgentTransition, type Event, type HealthMonitorConfig } from '../ts/index.js';
import { keep, never, online } from './support/monitors.js';

function open(config: HealthMonitorConfig = {}): AgentHealthMonitor {
  const backoff = { initialDelay: 10, jitter: 0 };
  return keep(new AgentHealthMonitor({ heartbeatInterval: 50, backoff, ...config }));
}

function states(monitor: AgentHealthMonitor): string[] {
  const lines: string[] = [];
  for (const name of ['suspect', 'disconnected', 'recovering', 'recovered', 'failed'] as const) {
    monitor.on(`agent:${name}`, ({ id, state, reason }: AgentTransition) => {
      if (id === 'a') lines.push(`${state} ${reason}`);
    });
  }
  return lines;
}

/** Resolves when so many intervals have surely passed for everyone. */
function intervals(count: number, monitor: AgentHealthMonitor): Promise<void> {
  return new Promise((resolve) => {
    let pings = 0;
    monitor.registerAgent({ id: 'clock', ping: async () => void (++pings > count && resolve()) });
  });
}

describe('a sign of life after the end of its worker', () => {
  test('makes an agent healthy, though nobody brings it back', async () => {
    const monitor = open({ recoveryStrategy: 'alert' });
    const worker = await online();
    monitor.registerAgent({ id: 'a' }, { worker });
    await worker.terminate();
    await once(monitor, 'agent:disconnected');
    await intervals(1, monitor);
    monitor.recordActivity('a');
    const [recovered] = (await once(monitor, 'agent:recovered')) as [AgentTransition];
    expect(recovered).toMatchObject({ previous: 'disconnected', reason: null });
  });

  test('counts though the clock has not gone on since the last one before it', async () => {
    const monitor = open();
    const worker = await online();
    const lines = states(monitor);
    monitor.registerAgent({ id: 'a' }, { worker });
    monitor.recordActivity('a');
    monitor.stop();
    await worker.terminate();
    monitor.recordActivity('a');
    const recovered = once(monitor, 'agent:recovered');
    monitor.start();
    await recovered;
    expect(lines).toEqual(['disconnected exited', 'healthy null']);
  });

  test('makes it healthy where it answers too late for its attempt', async () => {
    const monitor = open({ maxRecoveries: 1 });
    const lines = states(monitor);
    const worker = await online();
    let up = false;
    const ping = (): Promise<unknown> => (up ? Promise.resolve() : never());
    monitor.registerAgent({ id: 'a', ping, restart: async () => undefined }, { worker });
    await worker.terminate();
    await once(monitor, 'agent:failed');
    up = true;
    await once(monitor, 'agent:recovered');
    expect(lines).toEqual(['disconnected exited', 'recovering exited', 'failed exited', 'healthy null']);
  });

  test('does not make it healthy where its worker is to be started anew', async () => {
    const monitor = open({ backoff: { initialDelay: 60_000, jitter: 0 } });
    const worker = await online();
    const lines = states(monitor);
    const spawn = (): Worker => {
      throw new Error('not yet');
    };
    monitor.registerAgent({ id: 'a', ping: async () => 'here' }, { worker, spawn });
    await worker.terminate();
    await once(monitor, 'agent:recovering');
    monitor.recordActivity('a');
    await intervals(2, monitor);
    expect(lines).toEqual(['disconnected exited', 'recovering exited']);
  });

  test('makes it healthy where that was given up; the next outage begins with another spawn()', async () => {
    const monitor = open({ maxRecoveries: 1, recoveryWindow: 500 });
    const [worker, next] = [await online(), await online()];
    let [up, hung, spawns] = [false, false, 0];
    const ping = (): Promise<unknown> => (up && !hung ? Promise.resolve() : never());
    const spawn = (): Worker => {
      spawns += 1;
      if (!up) throw new Error('not yet');
      hung = false;
      return next;
    };
    const lines = states(monitor);
    monitor.registerAgent({ id: 'a', ping }, { worker, spawn });
    await worker.terminate();
    await once(monitor, 'agent:failed');
    up = true;
    await once(monitor, 'agent:recovered');
    expect(lines).toEqual(['disconnected exited', 'recovering exited', 'failed exited', 'healthy null']);
    while (monitor.getAgentHealth('a')?.recoveries !== 0) await new Promise(setImmediate);
    hung = true;
    await once(monitor, 'agent:recovered');
    expect([spawns, next.threadId > 0]).toEqual([2, true]);
    expect(lines.slice(-3)).toEqual(['disconnected silent', 'recovering silent', 'healthy null']);
  });

  test('makes it healthy where nobody is asked to start another worker, and leaves it so', async () => {
    const monitor = open({ recoveryStrategy: 'alert' });
    const worker = await online();
    const spawn = jest.fn();
    monitor.registerAgent({ id: 'a' }, { worker, spawn });
    await worker.terminate();
    await once(monitor, 'agent:disconnected');
    await intervals(1, monitor);
    monitor.recordActivity('a');
    const [recovered] = (await once(monitor, 'agent:recovered')) as [AgentTransition];
    expect(recovered).toMatchObject({ previous: 'disconnected', reason: null });
    expect(spawn).not.toHaveBeenCalled();
  });

  test('is not that the work in it has ended as well', async () => {
    const monitor = open({ recoveryStrategy: 'alert' });
    const worker = await online();
    const lines = states(monitor);
    monitor.registerAgent({ id: 'a' }, { worker });
    const work = monitor.track('a', new Promise((_, reject) => worker.once('exit', reject)));
    await intervals(1, monitor);
    await Promise.all([worker.terminate(), once(monitor, 'agent:disconnected'), expect(work).rejects.toBe(1)]);
    await intervals(2, monitor);
    expect(lines).toEqual(['disconnected exited']);
    expect(monitor.getAgentHealth('a')).toMatchObject({ state: 'disconnected', tracked: 0 });
  });
});

describe('the end of a worker after restart()', () => {
  /** Registers one that hangs, and is elsewhere after its restart(); resolves when it has recovered. */
  async function moved(monitor: AgentHealthMonitor, worker: Worker): Promise<{ restarts: number; hung: boolean }> {
    const state = { restarts: 0, hung: true };
    const restart = async (): Promise<void> => {
      state.restarts += 1;
      state.hung = false;
    };
    monitor.registerAgent({ id: 'a', ping: () => (state.hung ? never() : Promise.resolve()), restart }, { worker });
    await once(monitor, 'agent:recovered');
    return state;
  }

  test('accuses nobody who still answers', async () => {
    const monitor = open();
    const worker = await online();
    const agent = await moved(monitor, worker);
    const lines = states(monitor);
    await worker.terminate();
    await intervals(3, monitor);
    expect([lines, agent.restarts]).toEqual([[], 1]);
  });

  test('is noticed where the agent has stayed in it: it no longer answers', async () => {
    const monitor = open();
    const worker = await online();
    const agent = await moved(monitor, worker);
    agent.hung = true;
    await worker.terminate();
    const [gone] = (await once(monitor, 'agent:disconnected')) as [AgentTransition];
    expect(gone.reason).toBe('silent');
  });

  test('is noticed though it ends work that it had in flight', async () => {
    const monitor = open();
    const worker = await online();
    const agent = await moved(monitor, worker);
    void monitor.track('a', never);
    agent.hung = true;
    await worker.terminate();
    const [gone] = (await once(monitor, 'agent:disconnected')) as [AgentTransition];
    expect(gone).toMatchObject({ reason: 'silent', tracked: 0 });
  });

  test('accuses one that cannot be asked', async () => {
    const monitor = open();
    const worker = await online();
    monitor.registerAgent({ id: 'a', restart: async () => undefined }, { worker });
    void monitor.track('a', never, { deadline: 10 });
    await once(monitor, 'agent:recovered');
    await worker.terminate();
    const [gone] = (await once(monitor, 'agent:disconnected')) as [AgentTransition];
    expect(gone.reason).toBe('exited');
  });

  test('that comes while it runs takes nothing from the work that it has begun', async () => {
    const monitor = open();
    const worker = await online();
    const restart = async (): Promise<void> => {
      if (monitor.getStats().recoveryAttempts > 1) return;
      void monitor.track('a', never, { deadline: 100 });
      await worker.terminate();
    };
    const lines = states(monitor);
    monitor.registerAgent({ id: 'a', restart }, { worker });
    void monitor.track('a', never, { deadline: 10 });
    for (let times = 0; times < 2; times += 1) await once(monitor, 'agent:recovered');
    const overdue = ['suspect', 'disconnected', 'recovering'].map((state) => `${state} overdue`);
    expect(lines).toEqual([...overdue, 'busy null', ...overdue, 'healthy null']);
  });
});

describe('the end of a worker in which an agent was brought back, while it catches up', () => {
  /** One event that everybody has missed. */
  const EVENT = {
    seq: 1,
    id: '1',
    sessionId: 's',
    topic: 't',
    priority: 'critical',
    timestamp: Date.now() + 3_600_000,
  };
  const log = {
    append: async () => undefined,
    async *replay() {
      yield { ...EVENT, payload: null } as Event;
    },
    cleanup: async () => undefined,
  };

  test('is noticed though it ends work that the agent has begun', async () => {
    const monitor = open({ log });
    const worker = await online();
    let hung = true;
    const ping = (): Promise<unknown> => (hung ? never() : Promise.resolve());
    const onMissed = async (): Promise<void> => {
      void monitor.track('a', never);
      hung = true;
      await worker.terminate();
    };
    const restart = async (): Promise<void> => void (hung = false);
    monitor.registerAgent({ id: 'a', ping, restart }, { worker, sessions: ['s'], onMissed });
    await once(monitor, 'agent:recovered');
    const [gone] = (await once(monitor, 'agent:disconnected')) as [AgentTransition];
    expect(gone).toMatchObject({ reason: 'silent', tracked: 0 });
  });

  test.each([true, false])('is noticed where it cannot be asked; restart() has resolved: %s', async (resolves) => {
    const monitor = open({ log, backoff: { initialDelay: 60_000, jitter: 0 } });
    const worker = await online();
    const onMissed = async (): Promise<void> => void (await worker.terminate());
    const restart = async (): Promise<void> => {
      if (!resolves) throw new Error('no');
    };
    monitor.registerAgent({ id: 'a', restart }, { worker, sessions: ['s'], onMissed });
    void monitor.track('a', never, { deadline: 10 });
    const recovered = once(monitor, 'agent:recovered');
    await once(monitor, 'agent:recovering');
    const gone = once(monitor, 'agent:disconnected');
    if (!resolves) {
      while (monitor.getAgentHealth('a')?.error === null) await new Promise(setImmediate);
      monitor.recordActivity('a');
    }
    await recovered;
    expect(await gone).toMatchObject([{ reason: 'exited' }]);
  });

  test('does not accuse it once more where it did not take what it missed and is restarted elsewhere', async () => {
    const monitor = open({ log });
    const worker = await online();
    let restarts = 0;
    const onMissed = async (): Promise<void> => {
      if (restarts > 1) return;
      await worker.terminate();
      throw new Error('not taken');
    };
    const restart = async (): Promise<void> => void (restarts += 1);
    monitor.registerAgent({ id: 'a', restart }, { worker, sessions: ['s'], onMissed });
    void monitor.track('a', never, { deadline: 10 });
    await once(monitor, 'agent:recovered');
    const lines = states(monitor);
    await intervals(2, monitor);
    expect([lines, restarts]).toEqual([[], 2]);
  });
});
