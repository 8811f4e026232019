/** The monitor's options, checked and completed. */
import type { Worker } from 'node:worker_threads';

import { SmallTalkError } from '../errors.js';
import { checkId } from '../ids.js';
import { logOption, METHOD, namesOption, numberOption, optionsObject, wordOption, type Known } from '../options.js';
import type { Event } from '../types.js';
import type { BackoffOptions, HealthMonitorConfig, RecoveryStrategy, RegisterOptions, TrackOptions } from './types.js';

const ACTIVITY_EVENTS = ['response_generated', 'task_completed', 'tool_executed'];
const STRATEGIES: readonly RecoveryStrategy[] = ['restart', 'replace', 'alert'];
/** The longest delay that a timer takes. */
export const MAX_MS = 2 ** 31 - 1;

/** The names of the options. */
export const MONITOR_OPTIONS: Known<HealthMonitorConfig> = {
  heartbeatInterval: true,
  activityTimeout: true,
  maxMissedBeats: true,
  recoveryStrategy: true,
  restart: METHOD,
  replace: METHOD,
  maxRecoveries: true,
  recoveryWindow: true,
  recoveryTimeout: true,
  backoff: true,
  activityEvents: true,
  loopThreshold: true,
  bus: true,
  log: true,
};

const REGISTRATION: Known<RegisterOptions> = {
  recoveryStrategy: true,
  sessions: true,
  onMissed: METHOD,
  worker: true,
  spawn: METHOD,
};

/** Every option has its value. */
export type ResolvedConfig = Required<Omit<HealthMonitorConfig, 'restart' | 'replace' | 'bus' | 'log' | 'backoff'>> &
  Pick<HealthMonitorConfig, 'restart' | 'replace' | 'bus' | 'log'> & { backoff: Required<BackoffOptions> };

/** Completes the options. Throws a TypeError for wrong types, `ERR_OPTION_INVALID` for values out of range. */
export function resolveConfig(config?: HealthMonitorConfig): ResolvedConfig {
  const given = optionsObject('config', config, MONITOR_OPTIONS);
  const { restart, replace, bus, loopThreshold, activityEvents = [] } = given;
  for (const [name, value] of Object.entries({ restart, replace })) {
    if (value !== undefined && typeof value !== 'function') throw new TypeError(`${name} must be a function`);
  }
  if (bus !== undefined && typeof (bus as { emit?: unknown } | null)?.emit !== 'function') {
    throw new TypeError('bus must have a method emit()');
  }
  const log = logOption(given.log, ['append', 'replay']);
  if (!Array.isArray(activityEvents) || activityEvents.some((name) => typeof name !== 'string')) {
    throw new TypeError('activityEvents must be an array of strings');
  }
  return {
    heartbeatInterval: whole('heartbeatInterval', given.heartbeatInterval, 2000, 10),
    activityTimeout: whole('activityTimeout', given.activityTimeout, 5000, 10),
    maxMissedBeats: whole('maxMissedBeats', given.maxMissedBeats, 2, 1),
    maxRecoveries: whole('maxRecoveries', given.maxRecoveries, 3, 0),
    recoveryWindow: whole('recoveryWindow', given.recoveryWindow, 60_000, 1),
    recoveryTimeout: whole('recoveryTimeout', given.recoveryTimeout, 30_000, 1),
    recoveryStrategy: strategyOf(given, 'restart', replace),
    backoff: resolveBackoff(given.backoff),
    loopThreshold: loopThreshold === false ? false : whole('loopThreshold', loopThreshold, 1000, 20),
    activityEvents: [...new Set([...ACTIVITY_EVENTS, ...(activityEvents as string[])])],
    ...(restart && { restart }),
    ...(replace && { replace }),
    ...(bus && { bus }),
    ...(log && { log }),
  };
}

/** What is asked for one agent. */
export interface Registration {
  strategy: RecoveryStrategy;
  worker: Worker | null;
  spawn: (() => Worker) | null;
  missed: { sessions: readonly string[]; onMissed: (event: Event) => void | Promise<void> } | null;
}

/** Checks the options of a registration. */
export function resolveRegistration(options: RegisterOptions | undefined, config: ResolvedConfig): Registration {
  const given = optionsObject('options', options, REGISTRATION);
  const { worker, spawn, onMissed } = given;
  for (const [name, value] of Object.entries({ spawn, onMissed })) {
    if (value !== undefined && typeof value !== 'function') throw new TypeError(`${name} must be a function`);
  }
  if (worker !== undefined && typeof (worker as Partial<Worker> | null)?.terminate !== 'function') {
    throw new TypeError('worker must be a Worker');
  }
  if (spawn !== undefined && worker === undefined) invalid('the option spawn() needs the worker that it replaces');
  const sessions = [...new Set(namesOption('sessions', given.sessions, []))];
  for (const session of sessions) checkId(session, 'a session');
  if (onMissed !== undefined && config.log === undefined) invalid('the option onMissed() needs a monitor with a log');
  return {
    strategy: strategyOf(given, config.recoveryStrategy, config.replace),
    worker: worker ?? null,
    spawn: spawn ?? null,
    missed: onMissed === undefined ? null : { sessions, onMissed },
  };
}

/** Checks tracked work, and its options. */
export function resolveTrack(work: unknown, options: TrackOptions | undefined): Required<TrackOptions> {
  const called = typeof work === 'function';
  if (!called && typeof (work as Partial<PromiseLike<unknown>> | null | undefined)?.then !== 'function') {
    throw new TypeError('work must be a promise or a function');
  }
  const name = called ? work.name : '';
  const given = optionsObject('options', options, { deadline: true, kind: true });
  const { kind = name === '' ? 'work' : name } = given;
  if (typeof kind !== 'string') throw new TypeError('kind must be a string');
  return { deadline: whole('deadline', given.deadline, 120_000, 0), kind };
}

function invalid(why: string): never {
  throw new SmallTalkError('ERR_OPTION_INVALID', why);
}

function resolveBackoff(backoff?: BackoffOptions): Required<BackoffOptions> {
  const given = optionsObject('backoff', backoff, { initialDelay: true, factor: true, maxDelay: true, jitter: true });
  return {
    initialDelay: whole('backoff.initialDelay', given.initialDelay, 1000, 0),
    factor: numberOption('backoff.factor', given.factor, 2, { min: 1, max: 100 }),
    maxDelay: whole('backoff.maxDelay', given.maxDelay, 30_000, 0),
    jitter: numberOption('backoff.jitter', given.jitter, 0.5, { min: 0, max: 1 }),
  };
}

function strategyOf(
  given: RegisterOptions,
  fallback: RecoveryStrategy,
  replace: HealthMonitorConfig['replace'],
): RecoveryStrategy {
  const strategy = wordOption('recoveryStrategy', given.recoveryStrategy, fallback, STRATEGIES);
  if (strategy === 'replace' && replace === undefined) {
    invalid("the recoveryStrategy 'replace' needs the option replace()");
  }
  return strategy;
}

function whole(name: string, value: unknown, fallback: number, min: number): number {
  return numberOption(name, value, fallback, { min, max: MAX_MS, integer: true });
}
