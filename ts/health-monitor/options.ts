/** The monitor's options, checked and completed. */
import { SmallTalkError } from '../errors.js';
import { numberOption, optionsObject, wordOption } from '../options.js';
import type { BackoffOptions, HealthMonitorConfig, RecoveryStrategy, RegisterOptions } from './types.js';

const ACTIVITY_EVENTS = ['response_generated', 'task_completed', 'tool_executed'];
const STRATEGIES: readonly RecoveryStrategy[] = ['restart', 'replace', 'alert'];
/** The longest delay that a timer takes. */
const MAX_MS = 2 ** 31 - 1;

/** Every option has its value. */
export type ResolvedConfig = Required<Omit<HealthMonitorConfig, 'restart' | 'replace' | 'bus' | 'backoff'>> &
  Pick<HealthMonitorConfig, 'restart' | 'replace' | 'bus'> & { backoff: Required<BackoffOptions> };

/** Completes the options. Throws a TypeError for wrong types, `ERR_OPTION_INVALID` for values out of range. */
export function resolveConfig(config?: HealthMonitorConfig): ResolvedConfig {
  const given = optionsObject('config', config);
  const { restart, replace, bus, activityEvents = [] } = given;
  for (const [name, value] of Object.entries({ restart, replace })) {
    if (value !== undefined && typeof value !== 'function') throw new TypeError(`${name} must be a function`);
  }
  if (bus !== undefined && typeof (bus as { emit?: unknown } | null)?.emit !== 'function') {
    throw new TypeError('bus must have a method emit()');
  }
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
    activityEvents: [...new Set([...ACTIVITY_EVENTS, ...(activityEvents as string[])])],
    ...(restart && { restart: restart.bind(config) }),
    ...(replace && { replace: replace.bind(config) }),
    ...(bus && { bus }),
  };
}

/** What shall be done about one agent. */
export function resolveStrategy(options: RegisterOptions | undefined, config: ResolvedConfig): RecoveryStrategy {
  return strategyOf(optionsObject('options', options), config.recoveryStrategy, config.replace);
}

function resolveBackoff(backoff?: BackoffOptions): Required<BackoffOptions> {
  const given = optionsObject('backoff', backoff);
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
    throw new SmallTalkError('ERR_OPTION_INVALID', "the recoveryStrategy 'replace' needs the option replace()");
  }
  return strategy;
}

function whole(name: string, value: unknown, fallback: number, min: number): number {
  return numberOption(name, value, fallback, { min, max: MAX_MS, integer: true });
}
