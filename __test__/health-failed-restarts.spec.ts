/** An attempt that fails has failed: neither the end of what was begun before it nor what fails itself shows any life. */
import type { AgentHealthMonitor, Event } from '../ts/index.js';
import { never } from './support/monitors.js';
import { answering, next, open, transcript } from './support/quick-monitor.js';

const REFUSED = new Error('connect ECONNREFUSED');
const refuse = (): Promise<never> => Promise.reject(REFUSED);
const ATTEMPT = 'a: recovering → recovering';
const GONE = ['a: busy → suspect', 'a: suspect → disconnected', 'a: disconnected → recovering'];
const GIVEN_UP = [...GONE, ATTEMPT, ATTEMPT, 'a: recovering → failed', 'alert recovery-failed a'];

/** Resolves when whatever has happened by now has been heard, and some intervals have passed. */
async function meanwhile(monitor: AgentHealthMonitor): Promise<void> {
  const { ping, enough } = answering(2);
  monitor.registerAgent({ id: 'clock', ping });
  await enough;
  monitor.unregisterAgent('clock');
}

/** A call of a model that hangs until it is aborted. */
function hangingCall(monitor: AgentHealthMonitor): { abort(): void } {
  let abort: (error: Error) => void = () => undefined;
  const call = new Promise<never>((_, reject) => (abort = reject));
  void monitor.track('a', call, { deadline: 10, kind: 'model call' }).catch(() => undefined);
  return { abort: () => abort(new Error('aborted')) };
}

/** Resolves when an attempt has failed. */
async function failed(monitor: AgentHealthMonitor): Promise<void> {
  while (monitor.getAgentHealth('a')?.error === null) await new Promise(setImmediate);
}

/** What is told until it is given up, or is told to have come back. */
async function told(monitor: AgentHealthMonitor, lines: string[]): Promise<string[]> {
  await Promise.race([next(monitor, 'alert'), next(monitor, 'agent:recovered')]);
  return lines;
}

describe('an agent that cannot be brought back is given up', () => {
  test.each([
    ['that cannot be pinged', {}],
    ['that hangs', { ping: never }],
  ])('though restart() ends the call that hung: one %s', async (_, able) => {
    const monitor = open();
    const lines = transcript(monitor);
    const restart = async (): Promise<void> => {
      call.abort();
      await meanwhile(monitor);
      throw REFUSED;
    };
    monitor.registerAgent({ id: 'a', restart, ...able });
    const call = hangingCall(monitor);
    expect(await told(monitor, lines)).toEqual(GIVEN_UP);
    expect(monitor.getAgentHealth('a')).toMatchObject({
      state: 'failed',
      tracked: 0,
      error: { message: REFUSED.message },
    });
    expect(monitor.getStats()).toMatchObject({ recoveryAttempts: 3, successfulRecoveries: 0 });
  });

  test('though replace() does, before it throws', async () => {
    const replace = async (): Promise<never> => {
      call.abort();
      await meanwhile(monitor);
      throw REFUSED;
    };
    const monitor = open({ recoveryStrategy: 'replace', replace });
    const lines = transcript(monitor);
    monitor.registerAgent({ id: 'a' });
    const call = hangingCall(monitor);
    expect(await told(monitor, lines)).toEqual(GIVEN_UP);
  });

  test('though the call ends while the next attempt is waited for', async () => {
    const monitor = open();
    const lines = transcript(monitor);
    monitor.registerAgent({ id: 'a', restart: refuse });
    const call = hangingCall(monitor);
    void failed(monitor).then(() => call.abort());
    expect(await told(monitor, lines)).toEqual(GIVEN_UP);
  });

  test('though what fails in restart() is tracked', async () => {
    const monitor = open();
    const lines = transcript(monitor);
    const connect = async (): Promise<void> => {
      await meanwhile(monitor);
      throw REFUSED;
    };
    monitor.registerAgent({ id: 'a', restart: () => monitor.track('a', connect) });
    hangingCall(monitor);
    expect(await told(monitor, lines)).toEqual(GIVEN_UP);
  });

  test('though somebody else asks it for something meanwhile, and that fails', async () => {
    const monitor = open();
    const lines = transcript(monitor);
    monitor.registerAgent({ id: 'a', restart: refuse });
    hangingCall(monitor);
    void failed(monitor).then(() => monitor.track('a', refuse).catch(() => undefined));
    expect(await told(monitor, lines)).toEqual(GIVEN_UP);
  });

  test('and stays so when the call ends later; work that is done since shows that it lives', async () => {
    const monitor = open({ maxRecoveries: 1 });
    monitor.registerAgent({ id: 'a', restart: refuse });
    const call = hangingCall(monitor);
    await next(monitor, 'alert');
    call.abort();
    await meanwhile(monitor);
    expect(monitor.getAgentHealth('a')).toMatchObject({ state: 'failed', tracked: 0 });
    const recovered = next(monitor, 'agent:recovered');
    await monitor.track('a', async () => undefined);
    expect(await recovered).toMatchObject({ previous: 'failed' });
  });
});

test('work that an attempt has begun and that is done shows that the agent lives, whatever the attempt came to', async () => {
  const monitor = open({ backoff: { initialDelay: 60_000, jitter: 0 } });
  const lines = transcript(monitor);
  let connected: () => void = () => undefined;
  const restart = (): Promise<never> => {
    void monitor.track('a', new Promise<void>((resolve) => (connected = resolve)));
    return refuse();
  };
  monitor.registerAgent({ id: 'a', restart });
  hangingCall(monitor);
  void failed(monitor).then(() => connected());
  await next(monitor, 'agent:recovered');
  expect(lines).toEqual([...GONE, 'a: recovering → busy']);
});

test('who has come back by itself is heard as before, also of what was begun before the attempt', async () => {
  const monitor = open({ backoff: { initialDelay: 60_000, jitter: 0 } });
  let done: () => void = () => undefined;
  monitor.registerAgent({ id: 'a', restart: refuse });
  const old = monitor.track('a', new Promise<void>((resolve) => (done = resolve)), { kind: 'an old call' });
  hangingCall(monitor);
  await failed(monitor);
  const recovered = next(monitor, 'agent:recovered');
  monitor.recordActivity('a');
  expect(await recovered).toMatchObject({ state: 'busy', tracked: 2 });
  done();
  await old;
  expect(monitor.getAgentHealth('a')).toMatchObject({ lastActivity: 'an old call', tracked: 1 });
});

test('what an agent missed is not handed to one that has not come back', async () => {
  const missed: Event = {
    seq: 1,
    id: '1',
    sessionId: 's',
    topic: 'agent_handoff',
    priority: 'critical',
    timestamp: Date.now() + 3_600_000,
    payload: null,
  };
  const log = {
    append: async () => undefined,
    async *replay() {
      yield missed;
    },
    cleanup: async () => undefined,
  };
  const monitor = open({ log });
  const lives: number[] = [];
  let restarts = 0;
  const restart = async (): Promise<void> => {
    restarts += 1;
    call.abort();
    await meanwhile(monitor);
    if (restarts === 1) throw REFUSED;
  };
  monitor.registerAgent({ id: 'a', restart }, { sessions: ['s'], onMissed: () => void lives.push(restarts) });
  const call = hangingCall(monitor);
  await next(monitor, 'agent:recovered');
  expect(lives).toEqual([2]);
});
