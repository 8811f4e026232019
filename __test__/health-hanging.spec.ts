/** Whatever is to bring an agent back may hang: after so many attempts it is given up, though none of them is within the window. */
import { EventEmitter, once } from 'node:events';
import type { Worker } from 'node:worker_threads';

import {
  AgentHealthMonitor,
  type HealthMonitorConfig,
  type MonitoredAgent,
  type RegisterOptions,
} from '../ts/index.js';

const never = (): Promise<never> => new Promise(() => undefined);

/** A worker of which nothing is heard, that it ends least of all. */
class SilentWorker extends EventEmitter {
  readonly threadId = 1_000_000;
  readonly terminate = jest.fn(never);
}

let monitor: AgentHealthMonitor;
afterEach(() => monitor.close());

/** The attempts that were told until it was given up. */
async function attemptsOn(
  agent: MonitoredAgent,
  config: HealthMonitorConfig,
  options?: RegisterOptions,
): Promise<number> {
  monitor = new AgentHealthMonitor({
    heartbeatInterval: 20,
    recoveryTimeout: 20,
    recoveryWindow: 1,
    backoff: { initialDelay: 1 },
    ...config,
  });
  let attempts = 0;
  monitor.on('agent:recovering', () => (attempts += 1));
  monitor.registerAgent(agent, options);
  const [alert] = await once(monitor, 'alert');
  expect(alert).toMatchObject({
    kind: 'recovery-failed',
    message: 'gave up after 3 attempts',
    agent: { state: 'failed', error: { code: 'ERR_TIMEOUT' } },
  });
  return attempts;
}

test('a restart() of its own, which is called anew though the last call is still under way', async () => {
  const restart = jest.fn(never);
  expect(await attemptsOn({ id: 'a', ping: never, restart }, {})).toBe(3);
  expect(restart).toHaveBeenCalledTimes(3);
});

test.each(['restart', 'replace'] as const)('the %s() of the monitor', async (recoveryStrategy) => {
  const hangs = jest.fn(never);
  const config = { recoveryStrategy, [recoveryStrategy]: hangs };
  expect(await attemptsOn({ id: 'a', ping: never }, config)).toBe(3);
  expect(hangs).toHaveBeenCalledTimes(3);
});

test('the terminate() of its worker', async () => {
  const [worker, spawn] = [new SilentWorker(), jest.fn()];
  const options = { worker: worker as unknown as Worker, spawn };
  expect(await attemptsOn({ id: 'a', ping: never }, {}, options)).toBe(3);
  expect(worker.terminate).toHaveBeenCalledTimes(3);
  expect(spawn).not.toHaveBeenCalled();
});

test('a ping after each of them', async () => {
  const restart = jest.fn(async () => undefined);
  expect(await attemptsOn({ id: 'a', ping: never, restart }, {})).toBe(3);
  expect(restart).toHaveBeenCalledTimes(3);
});
