/** Recovery on its own: what it asks for, step by step, whatever comes in between. */
import { Recovery, type RecoverySteps } from '../ts/health-monitor/recovery.js';

// The monitor takes its timers from Node, not from the global scope, which is where jest puts its own.
jest.mock('node:timers', () => ({
  ...jest.requireActual<object>('node:timers'),
  setTimeout: (work: () => void, delay: number) => globalThis.setTimeout(work, delay),
  clearTimeout: (timer: NodeJS.Timeout) => globalThis.clearTimeout(timer),
}));
// Nor does its clock go by that.
jest.mock('../ts/timers.js', () => ({
  ...jest.requireActual<object>('../ts/timers.js'),
  monotonic: () => performance.now(),
}));

const BACKOFF = { initialDelay: 1000, factor: 2, maxDelay: 10_000, jitter: 0 };

/** A recovery whose attempts end when a test says so, and what it asked for. */
function recovery(limits: { maxRecoveries?: number; recoveryWindow?: number } = {}) {
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

test('held by whoever hears that an attempt begins, it calls nobody until it goes on', async () => {
  const { it, asked, hear } = recovery();
  hear(() => it.hold());
  it.begin();
  await later(20_000);
  expect(asked).toEqual(['attempting']);
  it.go();
  await later();
  expect(asked).toEqual(['attempting', 'attempt']);
});

test('held then, and let go of, it calls nobody any more', async () => {
  const { it, asked, hear } = recovery();
  hear(() => it.hold());
  it.begin();
  await later();
  it.cancel();
  it.go();
  await later(20_000);
  expect(asked).toEqual(['attempting']);
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

describe('who was started anew, and gives a sign of life after the end of its attempt', () => {
  test.each([
    ['while it waits', 2, []],
    ['when it was given up', 1, ['gaveUp']],
  ])('has to catch up, and has recovered then: %s', async (_, maxRecoveries, before) => {
    const { it, asked, end, bring } = recovery({ maxRecoveries });
    it.begin();
    await later();
    await end(failure);
    // However late it says so.
    bring();
    expect(it.signOfLife()).toBe(false);
    expect(it.active).toBe(true);
    await later(20_000);
    await end();
    expect(asked).toEqual(['attempting', 'attempt', 'attemptFailed', ...before, 'catchUp', 'recovered']);
    // The next sign of life is one of many.
    expect([it.active, it.signOfLife(), it.recent]).toEqual([false, true, 1]);
  });

  test('is brought back once more where it does not take what it missed, and waits for that', async () => {
    const { it, asked, end, bring } = recovery();
    it.begin();
    await later();
    bring();
    await end(failure);
    it.signOfLife();
    await end(failure);
    expect([it.signOfLife(), it.active]).toEqual([false, true]);
    await later(1000);
    await end();
    await end();
    expect(asked.slice(3)).toEqual(['catchUp', 'attemptFailed', 'attempting', 'attempt', 'catchUp', 'recovered']);
  });

  test.each([true, false])(
    'answers, where it was given up and does not take what it missed, if it has not fallen silent again: %s',
    async (answers) => {
      const { it, asked, answered, end, bring } = recovery({ maxRecoveries: 1 });
      it.begin();
      await later();
      bring();
      await end(failure);
      it.signOfLife();
      if (!answers) it.silentAgain();
      await end(failure);
      expect(asked.slice(3)).toEqual(['gaveUp', 'catchUp', 'attemptFailed', 'gaveUp']);
      expect(answered).toEqual([false, answers]);
      expect([it.signOfLife(), it.active]).toEqual([true, false]);
    },
  );

  test('is let go as any other', async () => {
    const { it, asked, end, bring } = recovery();
    it.begin();
    await later();
    bring();
    await end(failure);
    it.signOfLife();
    it.cancel();
    await end();
    bring();
    expect([it.signOfLife(), asked.slice(3)]).toEqual([true, ['catchUp']]);
  });

  test('in another outage than that of the attempt has been there all the time', async () => {
    const { it, end, bring } = recovery();
    it.begin();
    await later();
    await end();
    await end();
    bring();
    expect(it.signOfLife()).toBe(true);
    it.begin();
    bring();
    expect(it.signOfLife()).toBe(true);
  });
});

describe('whose attempt was only called, and who gives a sign of life after the end of it', () => {
  test.each([
    ['while it waits', 2, []],
    ['when it was given up', 1, ['gaveUp']],
  ])('gets what it missed, and lives whether it takes that or not: %s', async (_, maxRecoveries, before) => {
    for (const taken of [undefined, failure]) {
      const { it, asked, end, call } = recovery({ maxRecoveries });
      it.begin();
      await later();
      call();
      await end(failure);
      expect(it.signOfLife()).toBe(false);
      await end(taken);
      await later(20_000);
      expect(asked).toEqual(['attempting', 'attempt', 'attemptFailed', ...before, 'catchUp', 'alive']);
      expect([it.active, it.signOfLife()]).toEqual([false, true]);
    }
  });

  test('is brought back where it has fallen silent again, and gets the rest when it answers before that', async () => {
    const { it, asked, end, call } = recovery();
    it.begin();
    await later();
    call();
    await end(failure);
    for (const taken of [failure, undefined]) {
      it.signOfLife();
      it.silentAgain();
      await end(taken);
    }
    await later(1000);
    expect(asked.slice(3)).toEqual(['catchUp', 'attemptFailed', 'catchUp', 'attempting', 'attempt']);
  });

  test('has recovered where it turns out meanwhile that it was started anew', async () => {
    const { it, asked, end, call, bring } = recovery();
    it.begin();
    await later();
    call();
    await end(failure);
    it.signOfLife();
    bring();
    await end();
    expect(asked.slice(3)).toEqual(['catchUp', 'recovered']);
  });
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
