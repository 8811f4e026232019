/** Recovery on its own: what it asks for, step by step, whatever comes in between. */
import { Recovery, type RecoverySteps } from '../ts/health-monitor/recovery.js';

// The monitor takes its timers from Node, not from the global scope, which is where jest puts its own.
jest.mock('node:timers', () => ({
  setTimeout: (work: () => void, delay: number) => globalThis.setTimeout(work, delay),
  clearTimeout: (timer: NodeJS.Timeout) => globalThis.clearTimeout(timer),
}));

const BACKOFF = { initialDelay: 1000, factor: 2, maxDelay: 10_000, jitter: 0 };

/** A recovery whose attempts end when a test says so, and what it asked for. */
function recovery(limits: { maxRecoveries?: number; recoveryWindow?: number } = {}) {
  const asked: string[] = [];
  const ends: ((error?: Error) => void)[] = [];
  const step = (name: string) => (): Promise<void> =>
    new Promise((resolve, reject) => {
      asked.push(name);
      ends.push((error) => (error === undefined ? resolve() : reject(error)));
    });
  const note = (name: string) => (): void => void asked.push(name);
  const steps: RecoverySteps = {
    attempting: note('attempting'),
    attempt: step('attempt'),
    catchUp: step('catchUp'),
    attemptFailed: note('attemptFailed'),
    recovered: note('recovered'),
    gaveUp: note('gaveUp'),
  };
  const config = { maxRecoveries: 3, recoveryWindow: 60_000, backoff: BACKOFF, ...limits };
  const end = async (error?: Error): Promise<void> => {
    ends.shift()?.(error);
    await jest.advanceTimersByTimeAsync(0);
  };
  return { it: new Recovery(config, steps), asked, end };
}

const later = (ms = 0): Promise<void> => jest.advanceTimersByTimeAsync(ms);
const failure = new Error('no');

beforeEach(() => {
  jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask'] });
});
afterEach(() => {
  jest.useRealTimers();
});

test('an attempt, what was missed, and it has recovered', async () => {
  const { it, asked, end } = recovery();
  it.begin();
  expect(it.active).toBe(true);
  await later();
  await end();
  await end();
  expect(asked).toEqual(['attempting', 'attempt', 'catchUp', 'recovered']);
  expect([it.active, it.recent]).toEqual([false, 1]);
});

test('to begin one that is under way, waiting or at work, changes nothing', async () => {
  const { it, asked, end } = recovery();
  it.begin();
  it.begin();
  await later();
  it.begin();
  await later(5000);
  expect(asked).toEqual(['attempting', 'attempt']);
  await end(failure);
  it.begin();
  expect(asked).toEqual(['attempting', 'attempt', 'attemptFailed']);
});

test('while it is held no attempt begins, neither the one it waited for nor one after a failure', async () => {
  const { it, asked, end } = recovery();
  it.begin();
  it.hold();
  await later(20_000);
  expect(asked).toEqual([]);
  it.go();
  await later();
  it.hold();
  await end(failure);
  await later(20_000);
  expect(asked).toEqual(['attempting', 'attempt']);
  it.go();
  await later(999);
  expect(asked.slice(2)).toEqual(['attemptFailed']);
  expect(asked).toHaveLength(3);
  await later(1);
  expect(asked.slice(3)).toEqual(['attempting', 'attempt']);
});

test('a sign of life that comes when it goes on makes good what failed while it was held', async () => {
  const { it, asked, end } = recovery();
  it.begin();
  await later();
  it.hold();
  await end(failure);
  it.go();
  expect(it.signOfLife()).toBe(false);
  await later();
  await end();
  expect(asked).toEqual(['attempting', 'attempt', 'catchUp', 'recovered']);
});

test('what ended while it was held, and was let go of then, is nobody’s', async () => {
  const { it, asked, end } = recovery();
  it.begin();
  await later();
  it.hold();
  await end();
  it.cancel();
  it.go();
  await later(20_000);
  expect(asked).toEqual(['attempting', 'attempt']);
});

test('to go on where nobody waits begins nothing', async () => {
  const { it, asked } = recovery();
  it.hold();
  it.go();
  await later(20_000);
  expect(asked).toEqual([]);
});

test('a sign of life while an attempt runs is waited for, and makes good that the attempt failed', async () => {
  const { it, asked, end } = recovery();
  it.begin();
  await later();
  expect(it.signOfLife()).toBe(false);
  await end(failure);
  await end();
  expect(asked).toEqual(['attempting', 'attempt', 'catchUp', 'recovered']);
});

test('one that fell silent again makes nothing good, nor one of an attempt before', async () => {
  const { it, asked, end } = recovery();
  it.begin();
  await later();
  it.signOfLife();
  it.silentAgain();
  await end(failure);
  await later(1000);
  it.signOfLife();
  await end(failure);
  await end(failure);
  await later(2000);
  await end(failure);
  expect(asked.slice(3)).toEqual([
    ...['attempting', 'attempt', 'catchUp', 'attemptFailed'],
    ...['attempting', 'attempt', 'attemptFailed', 'gaveUp'],
  ]);
});

test('without what it missed no attempt has worked', async () => {
  const { it, asked, end } = recovery({ maxRecoveries: 1 });
  it.begin();
  await later();
  await end();
  await end(failure);
  expect(asked).toEqual(['attempting', 'attempt', 'catchUp', 'attemptFailed', 'gaveUp']);
});

test('what an attempt comes to after the end is nobody’s', async () => {
  const { it, asked, end } = recovery();
  it.begin();
  await later();
  it.cancel();
  await end();
  expect([asked, it.active]).toEqual([['attempting', 'attempt'], false]);
  it.begin();
  expect(it.signOfLife()).toBe(true);
  await later(20_000);
  expect(asked).toHaveLength(2);
});

test('attempts are counted for the window, the ones that worked included', async () => {
  const { it, asked, end } = recovery({ maxRecoveries: 1, recoveryWindow: 5000 });
  it.begin();
  await later();
  await end();
  await end();
  it.begin();
  expect(asked.at(-1)).toBe('gaveUp');
  await later(5000);
  expect(it.recent).toBe(0);
  it.begin();
  await later();
  expect(asked.slice(-2)).toEqual(['attempting', 'attempt']);
});
