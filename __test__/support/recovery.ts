/** A recovery on a simulated clock, which each test has for itself. */
import './simulated-clock.js';
import { Recovery, type RecoverySteps } from '../../ts/health-monitor/recovery.js';

const BACKOFF = { initialDelay: 1000, factor: 2, maxDelay: 10_000, jitter: 0 };

/** A recovery whose attempts end when a test says so, and what it asked for. */
export function recovery(limits: { maxRecoveries?: number; recoveryWindow?: number } = {}) {
  const asked: string[] = [];
  /** Whether it answered when it was given up. */
  const answered: boolean[] = [];
  const ends: ((error?: Error) => void)[] = [];
  const step = (name: string) => (): Promise<void> =>
    new Promise((resolve, reject) => {
      asked.push(name);
      ends.push((error) => (error === undefined ? resolve() : reject(error)));
    });
  /** Says that the last attempt has started the agent anew, or has called it to. */
  let [brought, called] = [(): void => undefined, (): void => undefined];
  const note = (name: string) => (): void => void asked.push(name);
  let heard: () => void = () => undefined;
  const steps: RecoverySteps = {
    attempting: () => {
      asked.push('attempting');
      heard();
    },
    attempt: (_, bringing, calling) => {
      [brought, called] = [bringing, calling];
      return step('attempt')();
    },
    catchUp: step('catchUp'),
    attemptFailed: note('attemptFailed'),
    recovered: note('recovered'),
    alive: note('alive'),
    gaveUp: (answers) => {
      asked.push('gaveUp');
      answered.push(answers);
    },
  };
  const config = { maxRecoveries: 3, recoveryWindow: 60_000, backoff: BACKOFF, ...limits };
  const end = async (error?: Error): Promise<void> => {
    ends.shift()?.(error);
    await jest.advanceTimersByTimeAsync(0);
  };
  return {
    it: new Recovery(config, steps),
    asked,
    answered,
    end,
    bring: () => brought(),
    call: () => called(),
    hear: (on: () => void) => (heard = on),
  };
}

export const later = (ms = 0): Promise<void> => jest.advanceTimersByTimeAsync(ms);
export const failure = new Error('no');

beforeEach(() => {
  jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask'] });
});
afterEach(() => {
  jest.useRealTimers();
});
