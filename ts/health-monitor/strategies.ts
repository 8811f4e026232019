/** What the recovery strategies call. */
import type { Worker } from 'node:worker_threads';

import { HealthError } from '../errors.js';
import { bounded } from './bounded.js';
import type { ResolvedConfig } from './options.js';
import type { MonitoredAgent, RecoveryStrategy } from './types.js';
import { respawn } from './workers.js';

/** Who is to be brought back, and how. */
export interface Patient {
  agent: MonitoredAgent;
  strategy: RecoveryStrategy;
  worker: Worker | null;
  spawn: (() => Worker) | null;
}

/** Who came back: the agent to watch from then on, and its thread. */
export interface Returned {
  agent: MonitoredAgent;
  worker: Worker | null;
}

/**
 * How the agent can be brought back. Null where there is nothing to call. Who came back has to answer a ping, so that a
 * recovery that only claims to have worked counts as failed.
 */
export function recoverer(patient: Patient, config: ResolvedConfig): (() => Promise<Returned>) | null {
  const bring = bringBack(patient, config);
  if (bring === null) return null;
  const answerWithin = config.heartbeatInterval * Math.max(2, config.maxMissedBeats);
  return async () => {
    const returned = await bounded(bring, config.recoveryTimeout, patient.strategy);
    const { agent } = returned;
    if (typeof agent !== 'object' || (agent as unknown) === null) {
      throw new TypeError('replace() must resolve to an agent');
    }
    if (typeof agent.ping === 'function') {
      await bounded(() => agent.ping?.(), answerWithin, 'the ping after it');
    }
    return returned;
  };
}

function bringBack(patient: Patient, config: ResolvedConfig): (() => Promise<Returned>) | null {
  const { agent, strategy, worker, spawn } = patient;
  const { replace, restart } = config;
  if (strategy === 'alert') return null;
  if (worker !== null && spawn !== null) return async () => ({ agent, worker: await respawn(worker, spawn) });
  if (strategy === 'replace') {
    return replace === undefined ? null : async () => ({ agent: await replace(agent), worker });
  }
  const restarted = async (): Promise<Returned> => {
    if (typeof agent.restart === 'function') await agent.restart();
    else await restart?.(agent);
    return { agent, worker };
  };
  return typeof agent.restart === 'function' || restart !== undefined ? restarted : null;
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
