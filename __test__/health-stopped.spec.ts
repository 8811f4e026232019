/** A stopped monitor tells nothing, whatever was under way; what was comes when it goes on. */
import './support/simulated-clock.js';
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

import { AgentHealthMonitor, type HealthMonitorConfig } from '../ts/index.js';
import { Alarm } from '../ts/health-monitor/alarm.js';
import { Inbox } from '../ts/health-monitor/inbox.js';
import type { Report } from '../ts/health-monitor/reports.js';
import { awake } from './support/awake.js';

const never = (): Promise<never> => new Promise(() => undefined);

const opened: AgentHealthMonitor[] = [];
function open(config: HealthMonitorConfig = {}): AgentHealthMonitor {
  const monitor = new AgentHealthMonitor({
    heartbeatInterval: 20,
    backoff: { initialDelay: 10, jitter: 0 },
    ...config,
  });
  opened.push(monitor);
  return monitor;
}
afterEach(async () => {
  await Promise.all(opened.splice(0).map((monitor) => monitor.close()));
});

/** Resolves when another monitor has had so many pings answered: then this one would have had something to say. */
async function meanwhile(pings = 8): Promise<void> {
  const clock = open();
  await new Promise<void>((resolve) => {
    let left = pings;
    const ping = async (): Promise<void> => {
      left -= 1;
      if (left === 0) resolve();
    };
    clock.registerAgent({ id: 'clock', ping });
  });
}

function everything(monitor: AgentHealthMonitor): string[] {
  const lines: string[] = [];
  for (const name of ['suspect', 'disconnected', 'recovering', 'recovered', 'failed'] as const) {
    monitor.on(`agent:${name}`, ({ id }) => lines.push(`${id} ${name}`));
  }
  monitor.on('alert', ({ kind }) => lines.push(kind));
  return lines;
}

test.each(['fails', 'works'])('what a running attempt comes to is told when it goes on: it %s', async (how) => {
  const monitor = open({ maxRecoveries: 1 });
  const lines = everything(monitor);
  let end: (error?: Error) => void = () => undefined;
  let up = false;
  const restart = (): Promise<void> =>
    new Promise((resolve, reject) => {
      up = how === 'works';
      end = () => (up ? resolve() : reject(new Error('no')));
    });
  monitor.registerAgent({ id: 'a', ping: () => (up ? Promise.resolve() : never()), restart });
  await once(monitor, 'agent:recovering');
  await new Promise(setImmediate);
  monitor.stop();
  const before = lines.length;
  end();
  await meanwhile();
  expect(lines.slice(before)).toEqual([]);
  const told = once(monitor, how === 'works' ? 'agent:recovered' : 'alert');
  monitor.start();
  await told;
  expect(lines.slice(before)).toEqual(how === 'works' ? ['a recovered'] : ['a failed', 'recovery-failed']);
});

test('a worker that ends meanwhile is told of when it goes on', async () => {
  const monitor = open({ recoveryStrategy: 'alert' });
  const lines = everything(monitor);
  const worker = new Worker('', { eval: true });
  monitor.registerAgent({ id: 'a' }, { worker });
  monitor.stop();
  await once(worker, 'exit');
  await meanwhile();
  expect([lines, monitor.getAgentHealth('a')?.state]).toEqual([[], 'healthy']);
  monitor.start();
  await Promise.resolve();
  expect(lines).toEqual(['a disconnected', 'agent-disconnected']);
});

test('a ping that is rejected meanwhile is no missed beat: the agent is asked anew', async () => {
  const monitor = open({ recoveryStrategy: 'alert', maxMissedBeats: 1 });
  const lines = everything(monitor);
  let pings = 0;
  let close: (error: Error) => void = () => undefined;
  const answered = new Promise<void>((enough) => {
    const ping = (): Promise<void> => {
      pings += 1;
      if (pings === 4) enough();
      if (pings > 1) return Promise.resolve();
      monitor.stop();
      return new Promise((_, reject) => (close = reject));
    };
    monitor.registerAgent({ id: 'a', ping });
  });
  while (pings === 0) await new Promise(setImmediate);
  close(new Error('closed for maintenance'));
  await meanwhile();
  monitor.start();
  await answered;
  expect(lines).toEqual([]);
});

describe('a listener that', () => {
  const stops = (monitor: AgentHealthMonitor) => () => monitor.stop();

  test.each([
    ['nobody is to be called', { recoveryStrategy: 'alert' }, 'agent:disconnected', ['agent-disconnected']],
    ['there is no attempt left', { maxRecoveries: 0 }, 'agent:disconnected', ['a failed', 'recovery-failed']],
    ['it has failed', { maxRecoveries: 0 }, 'agent:failed', ['recovery-failed']],
  ] as const)('stops it where %s hears the rest when it goes on', async (_why, config, event, rest) => {
    const monitor = open({ restart: async () => undefined, ...config });
    const lines = everything(monitor);
    monitor.once(event, stops(monitor));
    monitor.registerAgent({ id: 'a', ping: never });
    await once(monitor, event);
    const before = lines.length;
    await meanwhile(2);
    expect(lines.slice(before)).toEqual([]);
    monitor.start();
    expect(lines.slice(before)).toEqual(rest);
  });

  test('stops it where an attempt begins has nobody called until it goes on', async () => {
    const monitor = open();
    let hung = true;
    const restart = jest.fn(async () => void (hung = false));
    monitor.once('agent:recovering', stops(monitor));
    monitor.registerAgent({ id: 'a', ping: () => (hung ? never() : Promise.resolve()), restart });
    await once(monitor, 'agent:recovering');
    await meanwhile(2);
    expect(restart).not.toHaveBeenCalled();
    const recovered = once(monitor, 'agent:recovered');
    monitor.start();
    await recovered;
    expect(restart).toHaveBeenCalledTimes(1);
  });

  test.each([true, false])(
    'takes all out hears who was failing when the whole became degraded; held: %s',
    async (held) => {
      const monitor = open({ recoveryStrategy: 'alert' });
      const ids = ['a', 'b', 'c', 'd'];
      const takeOut = (): void => ids.forEach((id) => monitor.unregisterAgent(id));
      let gone = 0;
      monitor.on('agent:disconnected', () => {
        gone += 1;
        if (gone === 4) (held ? stops(monitor) : takeOut)();
      });
      const degraded: string[][] = [];
      monitor.on('degraded', ({ failing }) => degraded.push(failing));
      for (const id of ids) monitor.registerAgent({ id, ping: never });
      while (gone < 4) await new Promise(setImmediate);
      takeOut();
      monitor.start();
      expect(degraded).toEqual([expect.arrayContaining(ids)]);
    },
  );

  test('takes the agent out hears nothing more of it', async () => {
    const monitor = open({ maxRecoveries: 0, restart: async () => undefined });
    const lines = everything(monitor);
    monitor.once('agent:failed', () => monitor.unregisterAgent('a'));
    monitor.registerAgent({ id: 'a', ping: never });
    await once(monitor, 'agent:failed');
    await meanwhile(2);
    expect(lines.slice(-2)).toEqual(['a disconnected', 'a failed']);
  });

  test('takes it out while it is stopped hears nothing more of it either', async () => {
    const monitor = open();
    const lines = everything(monitor);
    monitor.once('agent:disconnected', stops(monitor));
    monitor.registerAgent({ id: 'a', ping: never });
    await once(monitor, 'agent:disconnected');
    monitor.unregisterAgent('a');
    monitor.start();
    expect(lines.at(-1)).toBe('a disconnected');
  });

  test('stops it hears that the whole is degraded when it goes on', async () => {
    const monitor = open({ recoveryStrategy: 'alert' });
    let gone = 0;
    monitor.on('agent:disconnected', () => void (++gone === 4 && monitor.stop()));
    const degraded: string[][] = [];
    monitor.on('degraded', ({ failing }) => degraded.push(failing));
    for (const id of ['a', 'b', 'c', 'd']) monitor.registerAgent({ id, ping: never });
    while (gone < 4) await new Promise(setImmediate);
    await meanwhile(2);
    expect(degraded).toEqual([]);
    monitor.start();
    expect(degraded).toEqual([expect.arrayContaining(['a', 'b', 'c', 'd'])]);
  });

  test('stops it when it goes on has stopped it', async () => {
    const monitor = open();
    const lines = everything(monitor);
    monitor.on('agent:disconnected', stops(monitor));
    monitor.on('alert', stops(monitor));
    monitor.registerAgent({ id: 'a', ping: never });
    monitor.registerAgent({ id: 'b', ping: never });
    await once(monitor, 'agent:disconnected');
    const before = lines.length;
    monitor.start();
    expect([monitor.getStats().running, lines.slice(before)]).toEqual([false, ['agent-disconnected']]);
  });
});

test('degraded ends when it goes on, not before', async () => {
  jest.useFakeTimers();
  try {
    const told: string[] = [];
    const alarm = new Alarm((event) => told.push(event));
    for (const id of ['a', 'b', 'c', 'd']) if (alarm.fails(id)) alarm.tellDegraded();
    for (const id of ['a', 'b', 'c', 'd']) alarm.ends(id);
    alarm.hold();
    alarm.ends('nobody');
    await jest.advanceTimersByTimeAsync(200_000);
    expect(told).toEqual(['degraded']);
    alarm.go();
    await jest.advanceTimersByTimeAsync(1);
    expect(told).toEqual(['degraded', 'restored']);
  } finally {
    jest.useRealTimers();
  }
});

describe('the inbox', () => {
  const report = (moved: number[], ping: number[] = []): Report => ({
    echo: false,
    lost: false,
    loops: [],
    moved: moved.map((slot) => [slot, 0, 'suspect', 1, 'silent']),
    ping: ping.flatMap((slot) => [slot, 0]),
  });
  const SLOTS = Array.from({ length: 300 }, (_, slot) => slot);

  /** What was read, and an inbox that calls `on` at each piece of it. */
  function inbox(on: (line: string) => void = () => undefined) {
    const lines: string[] = [];
    const note = (line: string): void => {
      lines.push(line);
      on(line);
    };
    const it = new Inbox({
      loop: ({ frozen }) => note(frozen ? 'frozen' : 'thawed'),
      moved: ([slot]) => note(`moved ${slot}`),
      ping: (slot) => note(`ping ${slot}`),
      echo: () => note('echo'),
    });
    return { it, lines };
  }

  test('whoever stops in the middle of a report is told the rest, in order, when it goes on', async () => {
    const { it, lines } = inbox((line) => line === 'moved 2' && it.hold());
    it.take(report([1, 2, 3], [4]));
    it.take(report([5]));
    expect(lines).toEqual(['moved 1', 'moved 2']);
    it.go();
    await Promise.resolve();
    expect(lines.slice(2)).toEqual(['moved 3', 'ping 4', 'moved 5']);
  });

  test('who goes on from within hears each piece once, in order', () => {
    const { it, lines } = inbox(() => {
      it.hold();
      it.go();
    });
    it.take(report([1, 2], [3, 4]));
    expect(lines).toEqual(['moved 1', 'moved 2', 'ping 3', 'ping 4']);
  });

  test('pings go out in pieces between which the loop runs; those of a stopped monitor wait', async () => {
    // Each takes so long that no more of them are called at once than need be.
    const { it, lines } = inbox((line) => (awake(0.05), line === 'ping 200' && it.hold()));
    it.take(report([], SLOTS));
    expect(lines).toHaveLength(128);
    it.take(report([7]));
    expect(lines.at(-1)).toBe('moved 7');
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    expect(lines.at(-1)).toBe('ping 200');
    it.go();
    await new Promise(setImmediate);
    expect(lines.filter((line) => line !== 'moved 7')).toEqual(SLOTS.map((slot) => `ping ${slot}`));
  });

  test('what throws costs nobody else a piece of news', () => {
    const { it, lines } = inbox((line) => {
      if (line === 'moved 1') throw new Error('no');
    });
    expect(() => it.take(report([1]))).toThrow('no');
    it.take(report([2]));
    expect(lines).toEqual(['moved 1', 'moved 2']);
  });

  test('once closed nothing is read', () => {
    const { it, lines } = inbox();
    it.hold();
    it.take(report([1], [2]));
    it.close();
    it.take(report([3]));
    expect(lines).toEqual([]);
  });
});
