/** What a monitor takes and refuses, and how it bears with agents and listeners that misbehave. */
import { EventEmitter, once } from 'node:events';
import { join } from 'node:path';

import { runNode } from './support/child.js';
import { HeldLog } from './support/held-log.js';
import { never } from './support/monitors.js';
import { answering, next, open, transcript } from './support/quick-monitor.js';
import { temporaryDirectory } from './support/temporary.js';

const PACKAGE = JSON.stringify(join(__dirname, '../dist/index.js'));

describe('manners', () => {
  test('registering an id again replaces the agent and resets it', async () => {
    const monitor = open({ recoveryStrategy: 'alert' });
    const lines = transcript(monitor);
    monitor.registerAgent({ id: 'a', ping: never });
    await next(monitor, 'agent:disconnected');
    const { ping, enough } = answering(4);
    monitor.registerAgent({ id: 'a', ping });
    expect(monitor.getAgentHealth('a')).toMatchObject({ state: 'healthy', missedBeats: 0, lastActivity: null });
    const before = lines.length;
    await enough;
    expect(lines).toHaveLength(before);
    expect(monitor.getStats().totalAgents).toBe(1);
  });

  test('what is wrong is refused', () => {
    const monitor = open();
    const wrong =
      (config: object): (() => unknown) =>
      () =>
        open(config);
    expect(wrong({ heartbeatInterval: '2s' })).toThrow(TypeError);
    expect(wrong({ bus: {} })).toThrow(TypeError);
    expect(wrong({ restart: true })).toThrow(TypeError);
    expect(wrong({ backoff: 5 })).toThrow(TypeError);
    for (const config of [
      { heartbeatInterval: 9 },
      { heartbeatInterval: NaN },
      { activityTimeout: -1 },
      { maxMissedBeats: 0 },
      { maxMissedBeats: 1.5 },
      { recoveryStrategy: 'pray' },
      { recoveryStrategy: 'replace' },
      { backoff: { jitter: 2 } },
    ]) {
      expect(wrong(config)).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID' }));
    }
    expect(() => monitor.registerAgent(null as never)).toThrow(TypeError);
    expect(() => monitor.registerAgent({})).toThrow(TypeError);
    // The promise of a ping is a favourite.
    for (const method of ['ping', 'restart']) {
      const agent = { id: 'a', [method]: Promise.resolve() };
      expect(() => monitor.registerAgent(agent)).toThrow(`${method} of an agent must be a function`);
    }
    expect(monitor.getAgentHealth('a')).toBeNull();
    expect(() => monitor.registerAgent({ id: '' })).toThrow(expect.objectContaining({ code: 'ERR_ID_INVALID' }));
    expect(() => monitor.recordActivity('nobody')).toThrow(expect.objectContaining({ code: 'ERR_AGENT_UNKNOWN' }));
    expect(monitor.getAgentHealth('nobody')).toBeNull();
  });

  test('what is no text names neither an agent nor what it did', () => {
    const monitor = open();
    const calls: ((text: never) => unknown)[] = [
      (text) => monitor.recordActivity(text),
      (text) => monitor.unregisterAgent(text),
      (text) => monitor.getAgentHealth(text),
      (text) => monitor.recordActivity('b', text),
    ];
    monitor.registerAgent({ id: 'b' });
    monitor.recordActivity('b', 'work');
    for (const call of calls) {
      for (const wrong of [null, 5, {}, 10n, Symbol('a')]) {
        // Whether somebody is there or the place is empty.
        expect(() => call(wrong as never)).toThrow(TypeError);
        monitor.registerAgent({ id: 'a' });
        expect(() => call(wrong as never)).toThrow(TypeError);
        expect(monitor.getAgentHealth('b')?.lastActivity).toBe('work');
        monitor.unregisterAgent('a');
      }
    }
    expect(monitor.unregisterAgent('')).toBe(false);
  });

  test('an agent that throws where it is looked at, or let go of, stops nobody', async () => {
    const monitor = open({ recoveryStrategy: 'alert' });
    const lines = transcript(monitor);
    let looks = 0;
    const fickle = {
      id: 'fickle',
      on: () => undefined,
      off: () => {
        throw new Error('never heard of it');
      },
      get ping() {
        looks += 1;
        if (looks > 1) throw new Error('not now');
        return async () => undefined;
      },
    };
    monitor.registerAgent(fickle);
    await once(monitor, 'alert');
    expect(lines.at(-1)).toBe('alert agent-disconnected fickle');
    expect(monitor.getAgentHealth('fickle')?.error?.message).toBe('not now');
    expect(monitor.unregisterAgent('fickle')).toBe(true);
    looks = 0;
    monitor.registerAgent(fickle, { recoveryStrategy: 'alert' });
    await monitor.close();
    expect(() => monitor.getStats()).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }));
  });

  test('an agent whose on() or off() rejects ends nothing, as one that throws', async () => {
    // In a process of its own: a test runner takes what nobody handles for a failure of the test.
    const script = `
      const { AgentHealthMonitor } = require(${PACKAGE});
      const monitor = new AgentHealthMonitor({ heartbeatInterval: 30, recoveryStrategy: 'replace', replace: async () => other });
      const gone = async () => { throw new Error('the connection is gone'); };
      const other = { id: 'a', on: gone, off: gone, ping: async () => undefined };
      monitor.registerAgent({ id: 'a', on: gone, off: gone, ping: gone });
      const alive = setInterval(() => undefined, 1_000);
      monitor.on('agent:recovered', () => {
        monitor.unregisterAgent('a');
        clearInterval(alive);
        setImmediate(() => console.log('lives'));
      });`;
    expect(await runNode(['-e', script], { cwd: temporaryDirectory() })).toEqual({ code: 0, output: 'lives\n' });
  });

  test.each(['ping', 'restart'] as const)(
    'a %s() that rejects with what has no text is one that failed',
    async (what) => {
      const { proxy, revoke } = Proxy.revocable(() => undefined, {});
      revoke();
      const monitor = open({ maxRecoveries: 1 });
      const fails = (): Promise<never> => Promise.reject(proxy as unknown as Error);
      monitor.registerAgent(what === 'ping' ? { id: 'a', ping: fails } : { id: 'a', ping: never, restart: fails });
      await next(monitor, what === 'ping' ? 'agent:disconnected' : 'agent:failed');
      expect(monitor.getAgentHealth('a')?.error).toEqual({ name: 'Error', message: 'one that cannot be read' });
    },
  );

  test('agents that can no longer be read are told of as gone, each of them', async () => {
    const monitor = open();
    const lines = transcript(monitor);
    const ids = ['a', 'b', 'c'];
    for (const id of ids) {
      const agent = { id, ping: async () => undefined, restart: async () => undefined };
      const { proxy, revoke } = Proxy.revocable(agent, {});
      monitor.registerAgent(proxy);
      revoke();
    }
    const alerts = (): string[] => lines.filter((line) => line.startsWith('alert'));
    while (alerts().length < ids.length) await once(monitor, 'alert');
    expect(alerts().sort()).toEqual(ids.map((id) => `alert agent-disconnected ${id}`));
    for (const id of ids) {
      const error = expect.objectContaining({ name: 'TypeError', message: expect.stringContaining('revoked') });
      expect(monitor.getAgentHealth(id)).toMatchObject({ state: 'disconnected', reason: 'rejected', error });
    }
  });

  test('one that can no longer be read when an attempt has brought it back fails at its next ping', async () => {
    const log = Object.assign(new HeldLog(), { flush: async () => revoke() });
    const agent = {
      id: 'a',
      ping: never as () => Promise<unknown>,
      restart: async () => void (agent.ping = async () => 1),
    };
    const { proxy, revoke } = Proxy.revocable(agent, {});
    const monitor = open({ log, maxRecoveries: 1 });
    const lines = transcript(monitor);
    monitor.registerAgent(proxy, { sessions: ['s'], onMissed: () => undefined });
    await next(monitor, 'agent:recovered');
    await next(monitor, 'alert');
    expect(lines.at(-1)).toBe('alert agent-disconnected a');
    expect(monitor.getAgentHealth('a')).toMatchObject({ state: 'disconnected', reason: 'rejected' });
  });

  test('after close() methods throw ERR_CLOSED; closing twice is fine', async () => {
    const monitor = open();
    monitor.registerAgent({ id: 'a', ping: never });
    await monitor.close();
    await monitor[Symbol.asyncDispose]();
    const closed = expect.objectContaining({ name: 'HealthError', code: 'ERR_CLOSED' });
    expect(() => monitor.registerAgent({ id: 'b' })).toThrow(closed);
    expect(() => monitor.recordActivity('a')).toThrow(closed);
    expect(() => monitor.unregisterAgent('a')).toThrow(closed);
    expect(() => monitor.getStats()).toThrow(closed);
    expect(() => monitor.start()).toThrow(closed);
  });

  test('events go to the bus too, and a listener that throws stops nothing', async () => {
    const bus = new EventEmitter();
    const monitor = open({ recoveryStrategy: 'alert', bus });
    const told = transcript(bus);
    const errors: unknown[] = [];
    const boom = new Error('boom');
    monitor.on('agent:disconnected', () => {
      throw boom;
    });
    bus.on('agent:disconnected', () => {
      throw boom;
    });
    monitor.on('listener:error', (error, event) => errors.push([error, event]));
    monitor.registerAgent({ id: 'hung', ping: never });
    await once(bus, 'alert');
    expect(errors).toEqual(Array(2).fill([boom, 'agent:disconnected']));
    expect(told.at(-1)).toBe('alert agent-disconnected hung');
  });

  test('the bus, and so its log, has heard of it when a listener of the monitor ends the process', async () => {
    const bus = new EventEmitter();
    const monitor = open({ recoveryStrategy: 'alert', bus });
    const heard: string[] = [];
    monitor.on('agent:disconnected', () => heard.push('monitor'));
    bus.on('agent:disconnected', () => heard.push('bus'));
    monitor.registerAgent({ id: 'hung', ping: never });
    await once(monitor, 'alert');
    expect(heard).toEqual(['bus', 'monitor']);
  });
});
