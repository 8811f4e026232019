import { EventEmitter } from 'node:events';

import { never } from './support/monitors.js';
import { answering, INTERVAL, next, open, transcript } from './support/quick-monitor.js';

describe('who is accused', () => {
  test('an agent whose ping hangs is disconnected within the bound', async () => {
    const monitor = open({ recoveryStrategy: 'alert' });
    monitor.registerAgent({ id: 'hung', ping: never });
    const started = performance.now();
    const gone = await next(monitor, 'agent:disconnected');
    const took = performance.now() - started;
    expect(gone).toMatchObject({ id: 'hung', state: 'disconnected', reason: 'silent', error: null });
    expect(gone.missedBeats).toBeGreaterThanOrEqual(2);
    // Never early; how late depends on the machine, so that is only reported.
    expect(took).toBeGreaterThanOrEqual(2 * INTERVAL - 1);
    process.stdout.write(`hung ping noticed after ${took.toFixed()} ms (bound: ${2 * INTERVAL + 250})\n`);
  });

  test('a rejected ping is a missed beat at once, and the second one ends it', async () => {
    const monitor = open({ recoveryStrategy: 'alert' });
    const lines = transcript(monitor);
    monitor.registerAgent({ id: 'broken', ping: () => Promise.reject(new TypeError('no socket')) });
    const suspect = await next(monitor, 'agent:suspect');
    expect(suspect).toMatchObject({
      missedBeats: 1,
      reason: 'rejected',
      error: { name: 'TypeError', message: 'no socket' },
    });
    await next(monitor, 'agent:disconnected');
    expect(lines).toEqual([
      'broken: healthy → suspect',
      'broken: suspect → disconnected',
      'alert agent-disconnected broken',
    ]);
  });

  test('a sign of life of the same kind as the one before makes an error forgotten, too', async () => {
    const monitor = open({ recoveryStrategy: 'alert' });
    monitor.registerAgent({ id: 'broken', ping: () => Promise.reject(new TypeError('no socket')) });
    monitor.recordActivity('broken', 'thinking');
    monitor.recordActivity('broken', 'thinking');
    await next(monitor, 'agent:suspect');
    expect(monitor.getAgentHealth('broken')).toMatchObject({ error: { message: 'no socket' } });
    monitor.recordActivity('broken', 'thinking');
    expect(monitor.getAgentHealth('broken')).toMatchObject({ error: null, lastActivity: 'thinking' });
  });

  test('agents that beat in an order that recurs are told apart when one of them is gone or new', () => {
    const monitor = open();
    const ids = ['a', 'b', 'c'];
    for (const id of ids) monitor.registerAgent({ id });
    for (const id of [...ids, ...ids]) monitor.recordActivity(id, `${id} works`);
    monitor.unregisterAgent('b');
    monitor.recordActivity('a', 'a works');
    expect(() => monitor.recordActivity('b', 'b works')).toThrow(
      expect.objectContaining({ code: 'ERR_AGENT_UNKNOWN' }),
    );
    // It gets the place of the one that is gone.
    monitor.registerAgent({ id: 'd' });
    monitor.recordActivity('a', 'a works');
    expect(() => monitor.recordActivity('b', 'b works')).toThrow(
      expect.objectContaining({ code: 'ERR_AGENT_UNKNOWN' }),
    );
    monitor.recordActivity('d', 'b works');
    const did = [...monitor.getAllAgentHealth().values()].map(({ id, lastActivity }) => [id, lastActivity]);
    expect(did).toEqual([
      ['a', 'a works'],
      ['c', 'c works'],
      ['d', 'b works'],
    ]);
  });

  test.each([
    [1, 'one that was lost long ago'],
    [2, 'all that are out, as when their connection is reset'],
  ])(
    'a rejection of a ping that is older than a sign of life accuses nobody, with %s missed beats: %s',
    async (maxMissedBeats) => {
      const monitor = open({ recoveryStrategy: 'alert', maxMissedBeats });
      const lines = transcript(monitor);
      const lost: ((error: Error) => void)[] = [];
      const all = answering(3);
      const ping = async (): Promise<void> => {
        if (lost.length === maxMissedBeats) {
          for (const reject of lost) reject(new Error('the connection was reset'));
          // The rejections are heard before the answer.
          await new Promise(setImmediate);
          return all.ping();
        }
        // A later sign of life than the ping.
        setImmediate(() => monitor.recordActivity('a', 'work'));
        return new Promise((_, reject) => lost.push(reject));
      };
      monitor.registerAgent({ id: 'a', ping });
      await all.enough;
      expect([lines, monitor.getAgentHealth('a')?.error]).toEqual([[], null]);
      expect(monitor.getStats().rejectedPings).toBe(0);
    },
  );

  test('a ping that throws is a rejected ping', async () => {
    const monitor = open({ recoveryStrategy: 'alert', maxMissedBeats: 1 });
    monitor.registerAgent({
      id: 'throws',
      ping: () => {
        throw new Error('not even a promise');
      },
    });
    expect((await next(monitor, 'agent:disconnected')).error?.message).toBe('not even a promise');
  });

  test('an idle agent that answers raises nothing', async () => {
    const monitor = open();
    const lines = transcript(monitor);
    const agents = Array.from({ length: 200 }, () => answering(4));
    agents.forEach(({ ping }, index) => monitor.registerAgent({ id: `idle ${index}`, ping }));
    await Promise.all(agents.map(({ enough }) => enough));
    expect(lines).toEqual([]);
    expect(monitor.getStats()).toMatchObject({ totalAgents: 200, healthyAgents: 200, rejectedPings: 0 });
  });

  test('an agent without ping() is never judged by silence', async () => {
    const monitor = open();
    const lines = transcript(monitor);
    const { ping, enough } = answering(8);
    monitor.registerAgent({ id: 'clock', ping });
    monitor.registerAgent({ id: 'silent' });
    await enough;
    expect(monitor.getAgentHealth('silent')).toMatchObject({ state: 'healthy', missedBeats: 0 });
    expect(monitor.getAgentHealth('silent')?.silentFor).toBeGreaterThan(2 * INTERVAL);
    expect(lines).toEqual([]);
  });

  test('a blocked event loop accuses nobody', async () => {
    const monitor = open();
    const lines = transcript(monitor);
    const agents = Array.from({ length: 50 }, () => answering(6));
    agents.forEach(({ ping }, index) => monitor.registerAgent({ id: `${index}`, ping }));
    for (let round = 0; round < 3; round += 1) {
      // At another moment of the interval each time, so that pings are under way.
      await new Promise((resolve) => setTimeout(resolve, 20 * round));
      const until = performance.now() + 500;
      while (performance.now() < until);
    }
    await Promise.all(agents.map(({ enough }) => enough));
    expect(lines).toEqual([]);
  });

  test('a stopped monitor accuses nobody, and the pause is nobody’s silence', async () => {
    const monitor = open({ recoveryStrategy: 'alert' });
    const lines = transcript(monitor);
    monitor.registerAgent({ id: 'hung', ping: never });
    monitor.stop();
    const other = open();
    const { ping, enough } = answering(8);
    other.registerAgent({ id: 'clock', ping });
    await enough;
    expect(lines).toEqual([]);
    expect(monitor.getStats().running).toBe(false);
    expect(monitor.getAgentHealth('hung')?.silentFor).toBeLessThan(INTERVAL);
    monitor.start();
    await next(monitor, 'agent:disconnected');
  });
});

describe('signs of life', () => {
  test('events of the agent, recordActivity and answers to pings all count, and are named', async () => {
    const monitor = open({ activityEvents: ['thinking'] });
    const agent = Object.assign(new EventEmitter(), { name: 'ada' });
    expect(monitor.registerAgent(agent)).toBe('ada');
    const { ping, enough } = answering(1);
    monitor.registerAgent({ id: 'other', ping });
    for (const event of ['response_generated', 'task_completed', 'tool_executed', 'thinking']) {
      agent.emit(event, 'whatever');
      expect(monitor.getAgentHealth('ada')).toMatchObject({ lastActivity: event });
    }
    monitor.recordActivity('ada', 'model call');
    expect(monitor.getAgentHealth('ada')?.lastActivity).toBe('model call');
    await enough;
    expect(monitor.getAgentHealth('other')?.lastActivity).toBe('ping');
  });

  test('an active agent is left alone: it is not pinged', async () => {
    const monitor = open();
    let pings = 0;
    const agent = { id: 'busy', ping: async () => void (pings += 1) };
    const { ping, enough } = answering(8);
    monitor.registerAgent({ id: 'clock', ping });
    monitor.registerAgent(agent);
    const busy = setInterval(() => monitor.recordActivity('busy'), 5);
    await enough;
    clearInterval(busy);
    // The very first ping, which may come before any activity.
    expect(pings).toBeLessThanOrEqual(1);
  });

  test('one sign makes a disconnected agent healthy again', async () => {
    const monitor = open({ recoveryStrategy: 'alert' });
    const lines = transcript(monitor);
    const agent = Object.assign(new EventEmitter(), { id: 'late', ping: never });
    monitor.registerAgent(agent);
    await next(monitor, 'agent:disconnected');
    agent.emit('response_generated');
    expect(await next(monitor, 'agent:recovered')).toMatchObject({
      previous: 'disconnected',
      state: 'healthy',
      missedBeats: 0,
    });
    expect(lines.at(-1)).toBe('late: disconnected → healthy');
  });

  test('listeners are taken off again', async () => {
    const monitor = open();
    const agent = Object.assign(new EventEmitter(), { id: 'a' });
    monitor.registerAgent(agent);
    expect(agent.listenerCount('response_generated')).toBe(1);
    expect(monitor.unregisterAgent('a')).toBe(true);
    expect(monitor.unregisterAgent('a')).toBe(false);
    expect(agent.eventNames()).toEqual([]);
    monitor.registerAgent(agent);
    await monitor.close();
    expect(agent.eventNames()).toEqual([]);
  });

  test('thousands of agents beat each in its own slot', () => {
    const monitor = open({ heartbeatInterval: 60_000 });
    for (let index = 0; index < 3000; index += 1) monitor.registerAgent({ id: `${index}` });
    for (let index = 0; index < 3000; index += 2) monitor.unregisterAgent(`${index}`);
    for (let index = 0; index < 3000; index += 2) monitor.registerAgent({ id: `${index}` });
    for (let index = 0; index < 3000; index += 1) monitor.recordActivity(`${index}`, `beat ${index}`);
    for (const [id, health] of monitor.getAllAgentHealth()) expect(health.lastActivity).toBe(`beat ${id}`);
    expect(monitor.getAllAgentHealth().size).toBe(3000);
  });
});
