/** What the recovery strategies call. */
import { HealthError } from '../errors.js';
import { bounded } from './bounded.js';
import type { ResolvedConfig } from './options.js';
import type { MonitoredAgent, RecoveryStrategy } from './types.js';

/**
 * How the agent can be brought back: gives the agent to watch from then on. Null where there is nothing to call.
 * Who came back has to answer a ping, so that a recovery that only claims to have worked counts as failed.
 */
export function recoverer(
  agent: MonitoredAgent,
  strategy: RecoveryStrategy,
  config: ResolvedConfig,
): (() => Promise<MonitoredAgent>) | null {
  const bring = bringBack(agent, strategy, config);
  if (bring === null) return null;
  const answerWithin = config.heartbeatInterval * Math.max(2, config.maxMissedBeats);
  return async () => {
    const next = await bounded(bring, config.recoveryTimeout, strategy);
    if (typeof next !== 'object' || next === null) throw new TypeError('replace() must resolve to an agent');
    if (typeof next.ping === 'function') {
      await bounded(() => next.ping?.(), answerWithin, 'the ping after it');
    }
    return next;
  };
}

function bringBack(
  agent: MonitoredAgent,
  strategy: RecoveryStrategy,
  config: ResolvedConfig,
): (() => Promise<MonitoredAgent>) | null {
  const { replace, restart } = config;
  if (strategy === 'replace' && replace !== undefined) return () => replace(agent);
  if (strategy !== 'restart') return null;
  if (typeof agent.restart === 'function') {
    return async () => {
      await agent.restart?.();
      return agent;
    };
  }
  if (restart === undefined) return null;
  return async () => {
    await restart(agent);
    return agent;
  };
}

/** The id of an agent. Throws a TypeError for what cannot be watched. */
export function idOf(agent: MonitoredAgent): string {
  if (typeof agent !== 'object' || agent === null) throw new TypeError('an agent must be an object');
  const id = agent.id ?? agent.name;
  if (id === undefined) throw new TypeError('an agent must have an id or a name');
  return id;
}

/** Nobody is registered under this id. */
export function unknownAgent(id: string): HealthError {
  return new HealthError('ERR_AGENT_UNKNOWN', `no agent is registered as ${JSON.stringify(id)}`);
}
