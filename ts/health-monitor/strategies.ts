/** What the recovery strategies call. */
import type { Worker } from 'node:worker_threads';

import { HealthError } from '../errors.js';
import { checkText } from '../ids.js';
import { bounded } from './bounded.js';
import { MAX_MS, type ResolvedConfig } from './options.js';
import type { MonitoredAgent, RecoveryStrategy } from './types.js';
import { respawn } from './workers.js';

/** Who is to be brought back, and how. */
export interface Patient {
  agent: MonitoredAgent;
  strategy: RecoveryStrategy;
  /** The one it lives in, or lived in last. */
  lastWorker: Worker | null;
  spawn: (() => Worker) | null;
}

/** What an attempt tells and asks. */
export interface Attempt {
  /** The agent is called to start anew: it may, whatever comes of the call and whenever. */
  called(): void;
  /** It has been started anew, though nobody knows yet whether it lives. */
  brought(): void;
  /** There is a new worker, and the agent is brought with it. It stays whatever becomes of the attempt: the next one ends it. */
  born(worker: Worker): void;
  /** Whether anybody still waits for what the attempt comes to. */
  wanted(): boolean;
}

const NONE: Attempt = {
  called: () => undefined,
  brought: () => undefined,
  born: () => undefined,
  wanted: () => false,
};

/**
 * How the agent can be brought back: gives the agent to watch from then on. Null where there is nothing to call. Who came
 * back has to answer a ping, so that a recovery that only claims to have worked counts as failed.
 */
export function recoverer(
  patient: Patient,
  config: ResolvedConfig,
  attempt: Attempt = NONE,
): (() => Promise<MonitoredAgent>) | null {
  const bring = bringBack(patient, config, attempt);
  if (bring === null) return null;
  const answerWithin = Math.min(MAX_MS, config.heartbeatInterval * Math.max(2, config.maxMissedBeats));
  return async () => {
    const agent = await bounded(bring, config.recoveryTimeout, patient.strategy);
    if (typeof agent !== 'object' || (agent as unknown) === null) {
      throw new TypeError('replace() must resolve to an agent');
    }
    isAble(agent, 'restart');
    if (isAble(agent, 'ping')) {
      await bounded(() => agent.ping?.(), answerWithin, 'the ping after it');
    }
    return agent;
  };
}

function bringBack(patient: Patient, config: ResolvedConfig, attempt: Attempt): (() => Promise<MonitoredAgent>) | null {
  const { agent, strategy, lastWorker, spawn } = patient;
  const { replace, restart } = config;
  if (strategy === 'alert') return null;
  if (lastWorker !== null && spawn !== null) {
    return async () => {
      await respawn(lastWorker, spawn, attempt);
      return agent;
    };
  }
  if (strategy === 'replace') return replace === undefined ? null : () => replace(agent);
  if (typeof agent.restart !== 'function' && restart === undefined) return null;
  return async () => {
    attempt.called();
    if (typeof agent.restart === 'function') await agent.restart();
    else await restart?.(agent);
    attempt.brought();
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

/** Whether an agent can do this. Throws a TypeError where it says so and cannot: nobody would notice it when it counts. */
export function isAble(agent: MonitoredAgent, name: 'ping' | 'restart'): boolean {
  const method: unknown = agent[name];
  if (method === undefined || method === null) return false;
  if (typeof method !== 'function') throw new TypeError(`${name} of an agent must be a function`);
  return true;
}

/** Nobody is registered under this id. Throws a TypeError for what is none. */
export function unknownAgent(id: string): HealthError {
  checkText(id, "an agent's id");
  return new HealthError('ERR_AGENT_UNKNOWN', `no agent is registered as ${JSON.stringify(id)}`);
}
