/** The monitor's options, checked and completed. */
import { HealthError } from '../errors.js';
import type { BackoffOptions, HealthMonitorConfig, RecoveryStrategy, RegisterOptions } from './types.js';

const ACTIVITY_EVENTS = ['response_generated', 'task_completed', 'tool_executed'];
const STRATEGIES: readonly unknown[] = ['restart', 'replace', 'alert'];
/** The longest delay that a timer takes. */
const MAX_MS = 2 ** 31 - 1;

/** Every option has its value. */
export type ResolvedConfig = Required<Omit<HealthMonitorConfig, 'restart' | 'replace' | 'bus' | 'backoff'>> &
  Pick<HealthMonitorConfig, 'restart' | 'replace' | 'bus'> & { backoff: Required<BackoffOptions> };

/** Completes the options. Throws a TypeError for wrong types, `ERR_OPTION_INVALID` for values out of range. */
export function resolveConfig(config: HealthMonitorConfig = {}): ResolvedConfig {
  record(config, 'config');
  const { restart, replace, bus, backoff = {}, activityEvents = [] } = config;
  for (const [name, value] of Object.entries({ restart, replace })) {
    if (value !== undefined && typeof value !== 'function') throw new TypeError(`${name} must be a function`);
  }
  if (bus !== undefined && typeof (bus as { emit?: unknown } | null)?.emit !== 'function') {
    throw new TypeError('bus must have a method emit()');
  }
  if (!Array.isArray(activityEvents) || activityEvents.some((name) => typeof name !== 'string')) {
    throw new TypeError('activityEvents must be an array of strings');
  }
  record(backoff, 'backoff');
  return {
    heartbeatInterval: whole(config.heartbeatInterval, 'heartbeatInterval', 2000, 10),
    activityTimeout: whole(config.activityTimeout, 'activityTimeout', 5000, 10),
    maxMissedBeats: whole(config.maxMissedBeats, 'maxMissedBeats', 2, 1),
    maxRecoveries: whole(config.maxRecoveries, 'maxRecoveries', 3, 0),
    recoveryWindow: whole(config.recoveryWindow, 'recoveryWindow', 60_000, 1),
    recoveryTimeout: whole(config.recoveryTimeout, 'recoveryTimeout', 30_000, 1),
    recoveryStrategy: strategy(config.recoveryStrategy, 'restart', config),
    backoff: {
      initialDelay: whole(backoff.initialDelay, 'backoff.initialDelay', 1000, 0),
      factor: range(backoff.factor, 'backoff.factor', 2, 1, 100),
      maxDelay: whole(backoff.maxDelay, 'backoff.maxDelay', 30_000, 0),
      jitter: range(backoff.jitter, 'backoff.jitter', 0.5, 0, 1),
    },
    activityEvents: [...new Set([...ACTIVITY_EVENTS, ...(activityEvents as string[])])],
    ...(restart && { restart: restart.bind(config) }),
    ...(replace && { replace: replace.bind(config) }),
    ...(bus && { bus }),
  };
}

/** What shall be done about one agent. */
export function resolveStrategy(options: RegisterOptions = {}, config: ResolvedConfig): RecoveryStrategy {
  record(options, 'options');
  return strategy(options.recoveryStrategy, config.recoveryStrategy, config);
}

function strategy(value: unknown, otherwise: RecoveryStrategy, config: HealthMonitorConfig): RecoveryStrategy {
  if (value === undefined) return otherwise;
  if (typeof value !== 'string') throw new TypeError('recoveryStrategy must be a string');
  if (!STRATEGIES.includes(value)) throw invalid(`recoveryStrategy must be one of ${STRATEGIES.join(', ')}`);
  if (value === 'replace' && config.replace === undefined) {
    throw invalid("the recoveryStrategy 'replace' needs the option replace()");
  }
  return value as RecoveryStrategy;
}

function whole(value: unknown, name: string, otherwise: number, least: number): number {
  const number = range(value, name, otherwise, least, MAX_MS);
  if (!Number.isInteger(number)) throw invalid(`${name} must be a whole number`);
  return number;
}

function range(value: unknown, name: string, otherwise: number, least: number, most: number): number {
  if (value === undefined) return otherwise;
  if (typeof value !== 'number') throw new TypeError(`${name} must be a number`);
  if (!(value >= least && value <= most)) throw invalid(`${name} must be between ${least} and ${most}`);
  return value;
}

function record(value: unknown, name: string): void {
  if (typeof value !== 'object' || value === null) throw new TypeError(`${name} must be an object`);
}

function invalid(message: string): HealthError {
  return new HealthError('ERR_OPTION_INVALID', message);
}
