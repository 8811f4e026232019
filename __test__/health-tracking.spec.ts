import { once } from 'node:events';
import path from 'node:path';

import { AgentHealthMonitor, type AgentTransition, type HealthMonitorConfig } from '../ts/index.js';
import { awake } from './support/awake.js';
import { runNode } from './support/child.js';
import { ROOT } from './support/consumer.js';

const INTERVAL = 50;
const never = (): Promise<never> => new Promise(() => undefined);

const opened: AgentHealthMonitor[] = [];
function open(config: HealthMonitorConfig = {}): AgentHealthMonitor {
  const monitor = new AgentHealthMonitor({ heartbeatInterval: INTERVAL, recoveryStrategy: 'alert', ...config });
  opened.push(monitor);
  return monitor;
}

afterEach(async () => {
  await Promise.all(opened.splice(0).map((monitor) => monitor.close()));
});

function transcript(monitor: AgentHealthMonitor): string[] {
  const lines: string[] = [];
  for (const name of ['suspect', 'disconnected', 'recovering', 'recovered', 'failed'] as const) {
    monitor.on(`agent:${name}`, ({ previous, state, reason }: AgentTransition) =>
      lines.push(`${previous} → ${state}${reason === null ? '' : ` (${reason})`}`),
    );
  }
  return lines;
}

/** Resolves when so many intervals have surely passed for everyone. */
function intervals(count: number, monitor: AgentHealthMonitor): Promise<void> {
  return new Promise((resolve) => {
    let pings = 0;
    const ping = async (): Promise<void> => {
      if (++pings <= count) return;
      monitor.unregisterAgent('clock');
      resolve();
    };
    monitor.registerAgent({ id: 'clock', ping });
  });
}

test('while its work is in flight an agent is busy, not pinged, and not judged by its silence', async () => {
  const monitor = open();
  const lines = transcript(monitor);
  const ping = jest.fn(never);
  monitor.registerAgent({ id: 'writer', ping });
  let done: (text: string) => void = () => undefined;
  const answer = monitor.track('writer', () => new Promise<string>((resolve) => (done = resolve)), {
    kind: 'model call',
  });
  expect(monitor.getAgentHealth('writer')).toMatchObject({ state: 'busy', tracked: 1, lastActivity: 'model call' });
  expect(monitor.getStats()).toMatchObject({ busyAgents: 1, healthyAgents: 0, tracked: 1 });
  await intervals(8, monitor);
  expect([ping.mock.calls.length, lines]).toEqual([0, []]);
  done('once upon a time');
  expect(await answer).toBe('once upon a time');
  expect(monitor.getAgentHealth('writer')).toMatchObject({ state: 'healthy', tracked: 0 });
  // Then it is one like any other.
  await once(monitor, 'agent:disconnected');
  expect(ping).toHaveBeenCalled();
});

test('work past its deadline makes it suspect, then gone; its end makes all well', async () => {
  const monitor = open();
  const lines = transcript(monitor);
  monitor.registerAgent({ id: 'stuck' });
  let done: () => void = () => undefined;
  const work = monitor.track('stuck', new Promise<void>((resolve) => (done = resolve)), { deadline: 20 });
  const [suspect] = (await once(monitor, 'agent:suspect')) as [AgentTransition];
  expect(suspect).toMatchObject({ previous: 'busy', reason: 'overdue', tracked: 1 });
  await once(monitor, 'agent:disconnected');
  done();
  await work;
  await once(monitor, 'agent:recovered');
  expect(lines).toEqual(['busy → suspect (overdue)', 'suspect → disconnected (overdue)', 'disconnected → healthy']);
});

test('a sign of life after the deadline forgives the work; one before it does not', async () => {
  const monitor = open();
  const lines = transcript(monitor);
  monitor.registerAgent({ id: 'a' });
  void monitor.track('a', never, { deadline: 60 });
  monitor.recordActivity('a');
  await once(monitor, 'agent:suspect');
  monitor.recordActivity('a', 'something else');
  await once(monitor, 'agent:recovered');
  await intervals(4, monitor);
  expect(lines).toEqual(['busy → suspect (overdue)', 'suspect → busy']);
});

test('each piece of work has its own deadline', async () => {
  const monitor = open();
  monitor.registerAgent({ id: 'a' });
  const quick = monitor.track('a', Promise.resolve(1), { deadline: 10_000 });
  void monitor.track('a', never, { deadline: 30 });
  void monitor.track('a', never, { deadline: 60_000 });
  expect(monitor.getAgentHealth('a')?.tracked).toBe(3);
  expect(await quick).toBe(1);
  const [suspect] = (await once(monitor, 'agent:suspect')) as [AgentTransition];
  expect(suspect).toMatchObject({ reason: 'overdue', tracked: 2 });
});

test('work of an earlier life tells nothing about the next one', async () => {
  const monitor = open({ recoveryStrategy: 'restart', restart: async () => undefined });
  monitor.registerAgent({ id: 'a' });
  let done: () => void = () => undefined;
  const work = monitor.track('a', new Promise<void>((resolve) => (done = resolve)), { deadline: 10 });
  const [recovered] = (await once(monitor, 'agent:recovered')) as [AgentTransition];
  expect(recovered).toMatchObject({ previous: 'recovering', state: 'healthy', tracked: 0 });
  done();
  await work;
  expect(monitor.getAgentHealth('a')).toMatchObject({ state: 'healthy', tracked: 0 });
  expect(monitor.getStats().tracked).toBe(0);
});

test('the loop being frozen at the deadline accuses nobody whose work is done', async () => {
  const monitor = open();
  const lines = transcript(monitor);
  monitor.registerAgent({ id: 'a' });
  const work = monitor.track('a', new Promise((resolve) => setTimeout(resolve, 30)), { deadline: 100 });
  const until = performance.now() + 600;
  while (performance.now() < until);
  await work;
  await intervals(3, monitor);
  expect(lines).toEqual([]);
});

test.each([1_000, false] as const)(
  'a loop that stands still long before the deadline takes nothing of it; watched: %s',
  async (loopThreshold) => {
    const monitor = open({ loopThreshold });
    const lines = transcript(monitor);
    monitor.registerAgent({ id: 'a' });
    // Whom one monitor asks while the loop stands makes its clock fair for everybody.
    const work = monitor.track('a', () => intervals(3, open()), { deadline: 20 * INTERVAL });
    await intervals(1, open());
    // For longer than the deadline.
    awake(30 * INTERVAL);
    await work;
    expect(lines).toEqual([]);
  },
);

test('what the work throws comes back, and what is wrong is refused', async () => {
  const monitor = open();
  monitor.registerAgent({ id: 'a' });
  const boom = new Error('boom');
  await expect(monitor.track('a', Promise.reject(boom))).rejects.toBe(boom);
  await expect(
    monitor.track('a', () => {
      throw boom;
    }),
  ).rejects.toBe(boom);
  expect(await monitor.track('a', () => 7)).toBe(7);
  const refused = (code: string): unknown => expect.objectContaining({ code });
  await expect(monitor.track('nobody', never)).rejects.toEqual(refused('ERR_AGENT_UNKNOWN'));
  await expect(monitor.track('a', never, { deadline: -1 })).rejects.toEqual(refused('ERR_OPTION_INVALID'));
  await expect(monitor.track('a', never, { kind: 5 as never })).rejects.toThrow(TypeError);
  await expect(monitor.track('a', 5 as never)).rejects.toThrow(TypeError);
  expect(monitor.getAgentHealth('a')).toMatchObject({ state: 'healthy', tracked: 0 });
  const work = monitor.track('a', new Promise<string>((resolve) => setImmediate(resolve, 'late')));
  await monitor.close();
  // The work is the user's: it goes on.
  expect(await work).toBe('late');
  await expect(monitor.track('a', never)).rejects.toEqual(refused('ERR_CLOSED'));
});

test('work that is refused is not left to end the process when it fails', async () => {
  const script = `
    const { AgentHealthMonitor } = require(${JSON.stringify(path.join(ROOT, 'dist', 'index.js'))});
    const later = () => new Promise((_, reject) => setImmediate(reject, new Error('the model is away')));
    (async () => {
      const monitor = new AgentHealthMonitor();
      monitor.registerAgent({ id: 'a' });
      const codes = [];
      for (const [id, options] of [['nobody'], [5], ['a', { deadline: -1 }]]) {
        codes.push(await monitor.track(id, later(), options).catch(({ name, code }) => code ?? name));
      }
      await monitor.close();
      codes.push(await monitor.track('a', later()).catch(({ code }) => code));
      setTimeout(() => process.stdout.write(codes.join()), 10);
    })();`;
  const { code, output } = await runNode(['-e', script], { cwd: ROOT });
  expect([output, code]).toEqual(['ERR_AGENT_UNKNOWN,TypeError,ERR_OPTION_INVALID,ERR_CLOSED', 0]);
});

describe('work that is begun while the agent is brought back', () => {
  test('belongs to its next life: when it hangs, that is noticed', async () => {
    const monitor = open({ recoveryStrategy: 'restart', backoff: { initialDelay: 10 } });
    const lines = transcript(monitor);
    let calls = 0;
    const callModel = (): void => void monitor.track('a', never, { deadline: 30, kind: `call ${(calls += 1)}` });
    monitor.registerAgent({ id: 'a', restart: async () => callModel() });
    callModel();
    await once(monitor, 'agent:recovered');
    // Only the second call: the first one is of an earlier life.
    expect(monitor.getAgentHealth('a')?.tracked).toBe(1);
    await once(monitor, 'agent:recovered');
    const attempt = ['disconnected → recovering (overdue)', 'recovering → busy'];
    expect(lines.slice(0, 4)).toEqual(['busy → suspect (overdue)', 'suspect → disconnected (overdue)', ...attempt]);
    expect(lines.slice(4, 6)).toEqual(['busy → suspect (overdue)', 'suspect → disconnected (overdue)']);
    expect([calls, lines.slice(6)]).toEqual([3, attempt]);
  });

  test('and goes past its deadline before the agent answers the ping after it is forgiven', async () => {
    const monitor = open({ recoveryStrategy: 'restart' });
    let begun = false;
    const restart = async (): Promise<void> => {
      begun = true;
      const overdue = once(monitor, 'agent:suspect');
      // The clock of the others is what shows that time passes.
      void monitor.track('a', never, { deadline: 30 });
      monitor.registerAgent({ id: 'b' });
      void monitor.track('b', never, { deadline: 30 });
      await overdue;
    };
    monitor.registerAgent({ id: 'a', ping: () => (begun ? Promise.resolve() : never()), restart });
    await once(monitor, 'agent:recovered');
    const lines = transcript(monitor);
    monitor.unregisterAgent('b');
    await intervals(4, monitor);
    expect(lines).toEqual([]);
  });

  test('keeps the agent from being asked anything, and its end counts', async () => {
    const monitor = open({ recoveryStrategy: 'restart' });
    let done: (text: string) => void = () => undefined;
    let answer: Promise<string> | undefined;
    const ping = jest.fn(() => (answer === undefined ? never() : Promise.resolve()));
    const restart = async (): Promise<void> => {
      answer = monitor.track('a', new Promise<string>((resolve) => (done = resolve)), { kind: 'model call' });
    };
    monitor.registerAgent({ id: 'a', ping, restart });
    await once(monitor, 'agent:recovered');
    expect(monitor.getAgentHealth('a')).toMatchObject({ state: 'busy', tracked: 1 });
    ping.mockClear();
    await intervals(4, monitor);
    expect(ping).not.toHaveBeenCalled();
    done('once upon a time');
    await answer;
    expect(monitor.getAgentHealth('a')).toMatchObject({ state: 'healthy', tracked: 0, lastActivity: 'model call' });
  });
});
