/** Monitors that are in a hurry, closed after each test, and what is to be heard of them. */
import { EventEmitter, once } from 'node:events';

import { AgentHealthMonitor, type AgentTransition, type HealthAlert, type HealthEvents } from '../../ts/index.js';

export const INTERVAL = 50;
const QUICK = { heartbeatInterval: INTERVAL, backoff: { initialDelay: 10, jitter: 0 } };

const opened: AgentHealthMonitor[] = [];
export function open(config: ConstructorParameters<typeof AgentHealthMonitor>[0] = {}): AgentHealthMonitor {
  const monitor = new AgentHealthMonitor({ ...QUICK, ...config });
  opened.push(monitor);
  return monitor;
}

afterEach(async () => {
  await Promise.all(opened.splice(0).map((monitor) => monitor.close()));
});

/** Everything the monitor says, in order, as text. */
export function transcript(monitor: EventEmitter): string[] {
  const lines: string[] = [];
  const names = ['suspect', 'disconnected', 'recovering', 'recovered', 'failed'] as const;
  for (const name of names) {
    monitor.on(`agent:${name}`, ({ id, previous, state }: AgentTransition) =>
      lines.push(`${id}: ${previous} → ${state}`),
    );
  }
  monitor.on('alert', ({ kind, agent }: HealthAlert) => lines.push(`alert ${kind} ${agent?.id}`));
  return lines;
}

export async function next<K extends keyof HealthEvents>(
  monitor: AgentHealthMonitor,
  event: K,
): Promise<HealthEvents[K][0]> {
  const [value] = (await once(monitor, event)) as HealthEvents[K];
  return value;
}

/** Resolves when the agent was pinged so often and every ping has had its answer. */
export function answering(times: number): { ping(): Promise<void>; enough: Promise<void> } {
  let [done, pings] = [(): void => undefined, 0];
  const enough = new Promise<void>((resolve) => (done = resolve));
  return {
    enough,
    ping: async () => {
      if (++pings === times) setImmediate(done);
    },
  };
}
