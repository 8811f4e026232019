/** What a recovery waits for, and how long: the time in which the loop stood still is nobody's. */
import { once } from 'node:events';
import { MessageChannel } from 'node:worker_threads';

import { bounded } from '../ts/health-monitor/bounded.js';
import { AgentHealthMonitor, type AgentTransition } from '../ts/index.js';
import { runNode } from './support/child.js';
import { ROOT } from './support/consumer.js';

function hold(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

/** Answers come at once, over a message port: the loop has to read them. */
function answering(): { ask(): Promise<unknown>; close(): void } {
  const { port1, port2 } = new MessageChannel();
  return {
    ask: () => {
      const answer = once(port1, 'message');
      port2.postMessage('pong');
      return answer;
    },
    close: () => port1.close(),
  };
}

// A timer that is a little late finds the answer there, one that is very late may have to wait for more than one.
test.each([60, 400])('an answer that has come while the loop was frozen for %i ms counts', async (frozen) => {
  const peer = answering();
  try {
    const work = async (): Promise<string> => {
      const answer = peer.ask();
      hold(frozen);
      await answer;
      if (frozen > 100) await peer.ask();
      return 'answered';
    };
    // The loop turns before: its timers come first then, as they do after a freeze.
    await new Promise(setImmediate);
    expect(await bounded(work, 30, 'the ping')).toBe('answered');
  } finally {
    peer.close();
  }
});

test('what never comes is given up, also after a freeze', async () => {
  const never = (): Promise<never> => {
    hold(200);
    return new Promise(() => undefined);
  };
  const alive = setInterval(() => undefined, 1_000);
  try {
    await expect(bounded(never, 20, 'it')).rejects.toMatchObject({
      code: 'ERR_TIMEOUT',
      message: 'it took longer than 20 ms',
    });
  } finally {
    clearInterval(alive);
  }
});

// In a process of its own: in this one, something always wakes the loop.
test('what never comes is given up in time, though nothing wakes the loop', async () => {
  const script = `
    const { bounded } = require('./dist/health-monitor/bounded.js');
    const { port1 } = new MessageChannel();
    port1.onmessage = () => undefined;
    bounded(() => new Promise(() => undefined), 50, 'it').catch(({ code }) => {
      process.stdout.write(code);
      port1.close();
    });`;
  const { code, output } = await runNode(['-e', script], { cwd: ROOT });
  expect([output, code]).toEqual(['ERR_TIMEOUT', 0]);
});

test('what never comes is given up, though each turn of the loop takes long', async () => {
  let [turns, over] = [0, false];
  const turn = (): void => {
    hold(260);
    turns += 1;
    if (!over && turns < 10) setImmediate(turn);
  };
  setImmediate(turn);
  // Late by as much as it has waited, each time.
  await expect(bounded(() => new Promise(() => undefined), 130, 'it')).rejects.toMatchObject({ code: 'ERR_TIMEOUT' });
  over = true;
  expect(turns).toBeLessThan(6);
});

test('beats that hardly anybody can miss leave more time for an answer than a timer takes, which is no time-out', async () => {
  const monitor = new AgentHealthMonitor({ heartbeatInterval: 50, activityTimeout: 100, maxMissedBeats: 2 ** 31 - 1 });
  try {
    let hung = true;
    monitor.registerAgent({
      id: 'a',
      ping: () => (hung ? new Promise(() => undefined) : new Promise((resolve) => setTimeout(resolve, 20))),
      restart: async () => void (hung = false),
    });
    const [recovered] = (await once(monitor, 'agent:recovered')) as [AgentTransition];
    expect([recovered.recoveries, monitor.getStats().successfulRecoveries]).toEqual([1, 1]);
  } finally {
    await monitor.close();
  }
});
