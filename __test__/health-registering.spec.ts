/** Agents whose own code fails, or calls the monitor, while they are registered, replaced or let go. */
import { EventEmitter } from 'node:events';

import { AgentHealthMonitor, type MonitoredAgent } from '../ts/index.js';
import { never, online } from './support/monitors.js';
import { answering, next, open } from './support/quick-monitor.js';

type Listener = () => void;

/** Counts who listens to it; `on` is called at each `on()`, with how many there have been. */
function counted(id: string, on: (times: number) => void): MonitoredAgent & { left: Set<Listener> } {
  const left = new Set<Listener>();
  let times = 0;
  return {
    id,
    left,
    on: (_: string, listener: Listener) => {
      left.add(listener);
      on(++times);
    },
    off: (_: string, listener: Listener) => void left.delete(listener),
  };
}

const fails = (message: string): never => {
  throw new Error(message);
};

test('where the on() of an agent throws, the one that it was to replace is watched as before', async () => {
  const monitor = open();
  const { ping, enough } = answering(2);
  const old = Object.assign(new EventEmitter(), { id: 'a', ping });
  monitor.registerAgent(old);
  const other = counted('a', (times) => void (times === 2 && fails('not connected')));
  expect(() => monitor.registerAgent(other)).toThrow('not connected');
  expect(() => monitor.registerAgent({ ...other, id: 'b' })).not.toThrow();
  monitor.unregisterAgent('b');
  old.emit('task_completed');
  expect(monitor.getAgentHealth('a')?.lastActivity).toBe('task_completed');
  monitor.recordActivity('a', 'work');
  expect(monitor.getAgentHealth('a')).toMatchObject({ state: 'healthy', lastActivity: 'work' });
  expect(monitor.getStats().totalAgents).toBe(1);
  await enough;
});

test('where the on() of an agent lets go of its id and throws, nobody is watched', () => {
  const monitor = open();
  const old = counted('a', () => undefined);
  monitor.registerAgent(old);
  const other = counted('a', () => {
    monitor.unregisterAgent('a');
    fails('no');
  });
  expect(() => monitor.registerAgent(other)).toThrow('no');
  expect([monitor.getStats().totalAgents, old.left.size]).toEqual([0, 0]);
});

test('an agent that is registered by the on() of another one of its id stays, though that throws afterwards', () => {
  const monitor = open();
  const inner = { id: 'a', ping: async () => undefined };
  const outer = counted('a', (times) => void (times === 1 ? monitor.registerAgent(inner) : fails('not reached')));
  monitor.registerAgent(outer);
  expect(() =>
    monitor.registerAgent({
      id: 'a',
      on: () => {
        monitor.registerAgent({ id: 'a' });
        monitor.recordActivity('a', 'inner');
        fails('later');
      },
    }),
  ).toThrow('later');
  expect(monitor.getAgentHealth('a')?.lastActivity).toBe('inner');
  expect([monitor.getStats().totalAgents, outer.left.size]).toEqual([1, 0]);
});

test('an agent that is registered by the off() of one of its id is the only one, and let go of by that id', async () => {
  const monitor = open();
  let pings = 0;
  const inner = { id: 'a', ping: async () => void (pings += 1) };
  monitor.registerAgent({ id: 'a', on: () => undefined, off: () => void monitor.registerAgent(inner) });
  monitor.registerAgent({ id: 'a' });
  expect([...monitor.getAllAgentHealth().keys()]).toEqual(['a']);
  expect(monitor.unregisterAgent('a')).toBe(true);
  const { ping, enough } = answering(3);
  monitor.registerAgent({ id: 'clock', ping });
  await enough;
  expect(pings).toBe(0);
});

test.each([
  ['let go', (monitor: AgentHealthMonitor) => void monitor.unregisterAgent('a')],
  ['replaced', (monitor: AgentHealthMonitor) => void monitor.registerAgent({ id: 'a' })],
  ['let go with the monitor', (monitor: AgentHealthMonitor) => void monitor.close()],
])('nobody listens any more to an agent, nor to its worker, that its own on() has %s', async (_, act) => {
  const monitor = open();
  const worker = await online();
  const before = worker.listenerCount('exit');
  const agent = counted('a', () => act(monitor));
  try {
    monitor.registerAgent(agent, { worker, spawn: () => worker });
  } catch (error) {
    expect(error).toMatchObject({ code: 'ERR_CLOSED' });
  }
  expect([agent.left.size, worker.listenerCount('exit')]).toEqual([0, before]);
});

test('nobody is registered by the off() of an agent that close() lets go', async () => {
  const monitor = open();
  const late = counted('late', () => undefined);
  monitor.registerAgent({ id: 'a', on: () => undefined, off: () => void monitor.registerAgent(late) });
  await monitor.close();
  expect(late.left.size).toBe(0);
});

test('an agent that replace() has given, and whose on() throws once, is recovered when it is listened to', async () => {
  const listeners = new EventEmitter();
  let times = 0;
  const other: MonitoredAgent = {
    id: 'a',
    ping: async () => undefined,
    on: (event: string, listener: Listener) => {
      times += 1;
      if (times === 1) fails('not connected');
      listeners.on(event, listener);
    },
  };
  // The watching thread pings more than once before the next attempt.
  const backoff = { initialDelay: 300, factor: 1, maxDelay: 300, jitter: 0 };
  const monitor = open({ recoveryStrategy: 'replace', replace: async () => other, backoff });
  monitor.registerAgent({ id: 'a', ping: never });
  const { recoveries } = await next(monitor, 'agent:recovered');
  expect(recoveries).toBe(2);
  listeners.emit('task_completed');
  expect(monitor.getAgentHealth('a')?.lastActivity).toBe('task_completed');
});
