/** Agents whose worker is started anew: as often as somebody wants that, and judged by the new one. */
import { EventEmitter, once } from 'node:events';
import path from 'node:path';
import { Worker } from 'node:worker_threads';

import { onExit } from '../ts/health-monitor/workers.js';
import {
  AgentHealthMonitor,
  type AgentTransition,
  type HealthMonitorConfig,
  type MonitoredAgent,
} from '../ts/index.js';
import { ROOT } from './support/consumer.js';

const workers: Worker[] = [];
const opened: AgentHealthMonitor[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((monitor) => monitor.close()));
  // Also those that a test keeps from ending.
  await Promise.all(workers.splice(0).map((worker) => Worker.prototype.terminate.call(worker)));
});

const never = (): Promise<never> => new Promise(() => undefined);

function open(config: HealthMonitorConfig = {}): AgentHealthMonitor {
  const backoff = { initialDelay: 10, jitter: 0 };
  const monitor = new AgentHealthMonitor({ heartbeatInterval: 50, loopThreshold: 150, backoff, ...config });
  opened.push(monitor);
  return monitor;
}

/** A worker that stays; `program` comes first. */
function start(program = ''): Worker {
  const worker = new Worker(`${program}; setInterval(() => undefined, 1000);`, { eval: true });
  workers.push(worker);
  return worker;
}

async function online(program?: string): Promise<Worker> {
  const worker = start(program);
  await once(worker, 'online');
  return worker;
}

function states(monitor: AgentHealthMonitor): string[] {
  const lines: string[] = [];
  for (const name of ['suspect', 'disconnected', 'recovering', 'recovered', 'failed'] as const) {
    monitor.on(`agent:${name}`, ({ state, reason }: AgentTransition) => lines.push(`${state} ${reason}`));
  }
  return lines;
}

/** Keeps a worker from ending until `end` is called: one in a system call cannot be terminated. */
function stubborn(worker: Worker): { asked: Promise<unknown>; end(): Promise<void> } {
  const asking = new EventEmitter();
  const asked = once(asking, 'asked');
  let times = 0;
  const ends: (() => void)[] = [];
  worker.terminate = () => {
    asking.emit('asked', ++times);
    return new Promise((resolve) => ends.push(() => resolve(1)));
  };
  return {
    asked,
    async end() {
      await Worker.prototype.terminate.call(worker);
      for (const end of ends) end();
      // Whatever that brings about has been.
      await new Promise(setImmediate);
    },
  };
}

describe('a worker that takes its time to end', () => {
  test.each(['unregisterAgent', 'close'] as const)('starts no other one after %s', async (how) => {
    const monitor = open();
    const worker = await online();
    const { asked, end } = stubborn(worker);
    const spawn = jest.fn(start);
    monitor.registerAgent({ id: 'a', ping: never }, { worker, spawn });
    await asked;
    await (how === 'close' ? monitor.close() : monitor.unregisterAgent('a'));
    await end();
    expect(spawn).not.toHaveBeenCalled();
  });

  test('starts one where several attempts have waited for it, and none where all were given up', async () => {
    for (const maxRecoveries of [1, 3]) {
      const monitor = open({ recoveryTimeout: 60, maxRecoveries });
      const worker = await online();
      const { end } = stubborn(worker);
      const spawn = jest.fn(start);
      monitor.registerAgent({ id: 'a', ping: never }, { worker, spawn });
      await once(monitor, 'agent:failed');
      await end();
      expect(spawn).not.toHaveBeenCalled();
      await monitor.close();
    }
    const monitor = open({ recoveryTimeout: 2_000, maxRecoveries: 3 });
    const worker = await online();
    const { end } = stubborn(worker);
    const spawn = jest.fn(start);
    monitor.registerAgent(
      { id: 'a', ping: () => (spawn.mock.calls.length === 0 ? never() : Promise.resolve()) },
      { worker, spawn },
    );
    let attempts = 0;
    monitor.on('agent:recovering', () => {
      attempts += 1;
      // The one before has been given up, this one waits.
      if (attempts === 2) setImmediate(() => void end());
    });
    await once(monitor, 'agent:recovered');
    expect([attempts, spawn.mock.calls.length]).toEqual([2, 1]);
  });
});

test('a worker that is online already may take the place of one that has ended', async () => {
  const monitor = open({ recoveryTimeout: 5_000 });
  const [worker, standby] = [await online(), await online()];
  monitor.registerAgent({ id: 'a' }, { worker, spawn: () => standby });
  await worker.terminate();
  const [recovered] = (await once(monitor, 'agent:recovered')) as [AgentTransition];
  expect([recovered.recoveries, standby.threadId > 0]).toEqual([1, true]);
});

test('a worker that has ended already fails the attempt at once', async () => {
  const monitor = open({ maxRecoveries: 1, recoveryTimeout: 100_000 });
  const worker = await online();
  const ended = await online();
  await ended.terminate();
  monitor.registerAgent({ id: 'a' }, { worker, spawn: () => ended });
  await worker.terminate();
  const [failed] = (await once(monitor, 'agent:failed')) as [AgentTransition];
  expect(failed.error).toMatchObject({ code: 'ERR_UNAVAILABLE' });
});

describe('what spoke against the old worker does not speak against the new one', () => {
  test('which answers too late for the attempt, and is left alone then', async () => {
    const monitor = open({ backoff: { initialDelay: 60_000, jitter: 0 } });
    const lines = states(monitor);
    const spawned: Worker[] = [];
    let late = true;
    const spawn = (): Worker => {
      spawned.push(start());
      return spawned.at(-1) as Worker;
    };
    const worker = await online();
    const ping = (): Promise<unknown> => (late ? never() : Promise.resolve());
    monitor.registerAgent({ id: 'a', ping }, { worker, spawn });
    await worker.terminate();
    while (monitor.getAgentHealth('a')?.error === null) await new Promise(setImmediate);
    late = false;
    await once(monitor, 'agent:recovered');
    expect(lines).toEqual(['disconnected exited', 'recovering exited', 'healthy null']);
    expect(spawned.map(({ threadId }) => threadId > 0)).toEqual([true]);
    // The new one is watched.
    await spawned[0]?.terminate();
    await once(monitor, 'agent:disconnected');
  });

  test('which gives a sign of life after it was given up', async () => {
    const monitor = open({ maxRecoveries: 1 });
    const worker = await online();
    monitor.registerAgent({ id: 'a', ping: never }, { worker, spawn: () => start() });
    await worker.terminate();
    await once(monitor, 'agent:failed');
    monitor.recordActivity('a');
    const [recovered] = (await once(monitor, 'agent:recovered')) as [AgentTransition];
    expect(recovered).toMatchObject({ previous: 'failed', reason: null });
  });

  test.each(['replace', 'restart'] as const)('nor against one that %s() brought back elsewhere', async (how) => {
    const young: MonitoredAgent = { id: 'a', ping: async () => 'elsewhere' };
    const monitor = open({ recoveryStrategy: how, replace: async () => young, restart: async () => undefined });
    const lines = states(monitor);
    const worker = await online();
    monitor.registerAgent({ id: 'a', ping: async () => 'in a worker' }, { worker });
    await worker.terminate();
    await once(monitor, 'agent:recovered');
    let pings = 0;
    const clock = { id: 'clock', ping: async () => void (pings += 1) };
    monitor.registerAgent(clock);
    while (pings < 4) await new Promise(setImmediate);
    expect(lines).toEqual(['disconnected exited', 'recovering exited', 'healthy null']);
  });
});

test('the end of a frozen worker is told, and is no sign of life of who lived there', async () => {
  const monitor = open({ heartbeatInterval: 100, maxRecoveries: 1 });
  const lines = states(monitor);
  const dist = JSON.stringify(path.join(ROOT, 'dist', 'index.js'));
  const worker = start(`
    const { parentPort } = require('node:worker_threads');
    const { AgentHealthMonitor } = require(${dist});
    new AgentHealthMonitor({ loopThreshold: 150 }).start();
    parentPort.on('message', () => { for (;;); });
    parentPort.postMessage('ready')`);
  await once(worker, 'message');
  const spawn = (): Worker => {
    throw new Error('no more threads');
  };
  monitor.registerAgent({ id: 'a' }, { worker, spawn });
  const { threadId } = worker;
  const thawed = once(monitor, 'loop:thawed');
  worker.postMessage('freeze');
  await once(monitor, 'agent:failed');
  const [news] = await thawed;
  expect(news.threadId).toBe(threadId);
  expect(lines).toEqual(['suspect frozen', 'disconnected frozen', 'recovering frozen', 'failed frozen']);
});

describe('many agents on one worker', () => {
  test('have one listener between them, and each is called once unless it was taken off', () => {
    const worker = new EventEmitter();
    const called: number[] = [];
    const offs = Array.from({ length: 20 }, (_, n) =>
      onExit(worker as unknown as Worker, () => {
        called.push(n);
        if (n === 1) offs[2]?.();
      }),
    );
    expect(worker.listenerCount('exit')).toBe(1);
    offs[0]?.();
    offs[0]?.();
    worker.emit('exit', 0);
    expect(called).toEqual([1, ...Array.from({ length: 17 }, (_, n) => n + 3)]);
    for (const off of offs) off();
    expect(worker.listenerCount('exit')).toBe(0);
    const again = onExit(worker as unknown as Worker, () => called.push(100));
    worker.emit('exit', 0);
    expect(called.at(-1)).toBe(100);
    again();
  });

  test('hear of its end, though somebody has taken off all listeners before the last of them came', () => {
    const worker = new EventEmitter();
    const called: number[] = [];
    const offs = [1, 2].map((n) => {
      worker.removeAllListeners('exit');
      return onExit(worker as unknown as Worker, () => called.push(n));
    });
    expect(worker.listenerCount('exit')).toBe(1);
    worker.emit('exit', 0);
    expect(called).toEqual([1, 2]);
    for (const off of offs) off();
    expect(worker.listenerCount('exit')).toBe(0);
  });
});
