/** Agents in worker threads, seen from the main one. */
import { once } from 'node:events';
import path from 'node:path';
import { Worker } from 'node:worker_threads';

import { AgentHealthMonitor, type AgentTransition, type HealthMonitorConfig } from '../ts/index.js';
import { ROOT } from './support/consumer.js';

const workers: Worker[] = [];
const opened: AgentHealthMonitor[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((monitor) => monitor.close()));
  await Promise.all(workers.splice(0).map((worker) => worker.terminate()));
});

function open(config: HealthMonitorConfig = {}): AgentHealthMonitor {
  const backoff = { initialDelay: 10, jitter: 0 };
  const monitor = new AgentHealthMonitor({ heartbeatInterval: 100, loopThreshold: 150, backoff, ...config });
  opened.push(monitor);
  return monitor;
}

function start(program: string): Worker {
  const worker = new Worker(program, { eval: true });
  workers.push(worker);
  return worker;
}

/** It answers, until it is told to freeze or to end; a monitor in it shows its loop. */
const LIVELY = `
  const { parentPort } = require('node:worker_threads');
  const { AgentHealthMonitor, SmallTalkEventBus } = require(${JSON.stringify(path.join(ROOT, 'dist', 'index.js'))});
  const bus = new SmallTalkEventBus();
  const monitor = new AgentHealthMonitor({ loopThreshold: 150 });
  monitor.start();
  bus.on('task', function endless() { for (;;); });
  bus.on('pause', function slow() { const end = performance.now() + 220; while (performance.now() < end); });
  bus.on('end', () => process.exit(3));
  bus.on('leave', () => { const end = performance.now() + 400; while (performance.now() < end); void monitor.close(); });
  parentPort.on('message', (event) => { bus.scope({ agentId: 'writer' }).emit(event); parentPort.postMessage(event); });
  parentPort.postMessage('ready');
`;

const ready = async (worker: Worker): Promise<Worker> => {
  await once(worker, 'message');
  return worker;
};

/** All states that the agent comes into, with the reason. */
function states(monitor: AgentHealthMonitor): string[] {
  const lines: string[] = [];
  for (const name of ['suspect', 'disconnected', 'recovering', 'recovered', 'failed'] as const) {
    monitor.on(`agent:${name}`, ({ state, reason }: AgentTransition) => lines.push(`${state} ${reason}`));
  }
  return lines;
}

test('a frozen worker is named, ended and started anew', async () => {
  const monitor = open();
  const lines = states(monitor);
  const first = await ready(start(LIVELY));
  let [current, spawned] = [first, 0];
  const spawn = (): Worker => {
    spawned += 1;
    return (current = start(LIVELY));
  };
  const frozen = once(monitor, 'loop:frozen');
  monitor.registerAgent({ id: 'writer' }, { worker: first, spawn });
  const { threadId } = first;
  first.postMessage('task');
  const [news] = await frozen;
  expect(news).toMatchObject({
    loop: `worker ${threadId}`,
    threadId,
    holder: { agentId: 'writer', event: 'task', listener: 'endless' },
  });
  const [recovered] = (await once(monitor, 'agent:recovered')) as [AgentTransition];
  expect(recovered).toMatchObject({ id: 'writer', previous: 'recovering', recoveries: 1 });
  expect([first.threadId, spawned]).toEqual([-1, 1]);
  expect(lines).toEqual(['suspect frozen', 'disconnected frozen', 'recovering frozen', 'healthy null']);
  // The new one is watched like the old one.
  await ready(current);
  current.postMessage('end');
  const [gone] = (await once(monitor, 'agent:disconnected')) as [AgentTransition];
  expect(gone.reason).toBe('exited');
  await once(monitor, 'agent:recovered');
  expect(spawned).toBe(2);
});

test('a worker whose loop thaws in time is only suspected', async () => {
  const monitor = open({ heartbeatInterval: 1_000 });
  const lines = states(monitor);
  const worker = await ready(start(LIVELY));
  monitor.registerAgent({ id: 'writer' }, { worker });
  worker.postMessage('pause');
  await once(monitor, 'agent:recovered');
  expect(lines).toEqual(['suspect frozen', 'healthy null']);
});

test('a worker that ends is noticed at once; where nobody can start another one, that is told', async () => {
  const monitor = open({ heartbeatInterval: 60_000 });
  const worker = await ready(start(LIVELY));
  monitor.registerAgent({ id: 'writer' }, { worker });
  worker.postMessage('end');
  const [alert] = await once(monitor, 'alert');
  expect(alert).toMatchObject({ kind: 'agent-disconnected', agent: { state: 'disconnected', reason: 'exited' } });
  // One that has ended before is no better.
  monitor.registerAgent({ id: 'late' }, { worker });
  const [late] = (await once(monitor, 'agent:disconnected')) as [AgentTransition];
  expect(late).toMatchObject({ id: 'late', reason: 'exited' });
});

test('spawn() that throws, gives something else, or a worker that ends at once, is a failed attempt', async () => {
  const monitor = open();
  const worker = await ready(start(LIVELY));
  const lines: unknown[] = [];
  monitor.on('agent:recovering', ({ error }) => lines.push(error?.message));
  const deeds: (() => Worker)[] = [
    () => {
      throw new Error('no more threads');
    },
    () => ({}) as Worker,
    () => start('process.exit(7)'),
  ];
  const spawn = (): Worker => (deeds.shift() as () => Worker)();
  monitor.registerAgent({ id: 'writer' }, { worker, spawn });
  await worker.terminate();
  const [failed] = (await once(monitor, 'agent:failed')) as [AgentTransition];
  expect(lines).toEqual([undefined, 'no more threads', 'spawn() must give a Worker']);
  expect(failed.error).not.toBeNull();
});

test('a worker that an attempt has started in vain is ended by the next one', async () => {
  const monitor = open();
  const worker = await ready(start(LIVELY));
  const spawned: Worker[] = [];
  // The first one that comes does not answer.
  const ping = (): Promise<unknown> => (spawned.length === 1 ? new Promise(() => undefined) : Promise.resolve());
  const spawn = (): Worker => {
    spawned.push(start(LIVELY));
    return spawned.at(-1) as Worker;
  };
  monitor.registerAgent({ id: 'writer', ping }, { worker, spawn });
  await worker.terminate();
  const [recovered] = (await once(monitor, 'agent:recovered')) as [AgentTransition];
  expect(recovered.recoveries).toBe(2);
  expect(spawned.map(({ threadId }) => threadId > 0)).toEqual([false, true]);
});

test('the listeners that a registration left on the worker are taken off', async () => {
  const monitor = open();
  const worker = await ready(start(LIVELY));
  const before = worker.listenerCount('exit');
  monitor.registerAgent({ id: 'a' }, { worker });
  expect(worker.listenerCount('exit')).toBe(before + 1);
  monitor.unregisterAgent('a');
  expect(worker.listenerCount('exit')).toBe(before);
});

test('what is wrong is refused', async () => {
  const monitor = open();
  const worker = await ready(start(LIVELY));
  expect(() => monitor.registerAgent({ id: 'a' }, { worker: {} as never })).toThrow(TypeError);
  expect(() => monitor.registerAgent({ id: 'a' }, { worker, spawn: 5 as never })).toThrow(TypeError);
  expect(() => monitor.registerAgent({ id: 'a' }, { spawn: () => worker })).toThrow(
    expect.objectContaining({ code: 'ERR_OPTION_INVALID' }),
  );
});

test('a worker that closes its monitor right after a freeze thaws all the same, and lives', async () => {
  const monitor = open({ heartbeatInterval: 1_000 });
  const lines = states(monitor);
  const worker = await ready(start(LIVELY));
  const spawn = jest.fn(() => start(LIVELY));
  const news: string[] = [];
  for (const name of ['loop:frozen', 'loop:thawed'] as const)
    monitor.on(name, ({ loop }) => news.push(`${name} ${loop}`));
  monitor.registerAgent({ id: 'writer' }, { worker, spawn });
  const loop = `worker ${worker.threadId}`;
  worker.postMessage('leave');
  await once(monitor, 'agent:recovered');
  expect(lines).toEqual(['suspect frozen', 'healthy null']);
  expect(news).toEqual([`loop:frozen ${loop}`, `loop:thawed ${loop}`]);
  expect(spawn).not.toHaveBeenCalled();
});

test('a loop that is frozen already accuses whoever is registered or brought back there, with whatever monitor', async () => {
  const monitor = open();
  const worker = await ready(start(LIVELY));
  const lines = states(monitor);
  // Asks the worker, which does not hear it.
  const restart = async (): Promise<void> => worker.postMessage('restart');
  monitor.registerAgent({ id: 'first', restart }, { worker });
  worker.postMessage('task');
  await once(monitor, 'agent:recovered');
  await once(monitor, 'agent:disconnected');
  expect(lines.splice(0)).toEqual([
    ...['suspect frozen', 'disconnected frozen', 'recovering frozen', 'healthy null'],
    ...['suspect frozen', 'disconnected frozen'],
  ]);
  monitor.unregisterAgent('first');
  const late = open();
  for (const each of [monitor, late]) {
    const suspect = once(each, 'agent:suspect');
    each.registerAgent({ id: 'late' }, { worker });
    expect((await suspect)[0]).toMatchObject({ id: 'late', reason: 'frozen' });
  }
});
