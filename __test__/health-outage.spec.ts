/** However long its attempts take: an outage that has used them up is over, and its waits grow from first to last. */
import { failure, later, recovery } from './support/recovery.js';

/** As `recoveryTimeout` is by default: with the waits between them, no three attempts begin within a `recoveryWindow`. */
const HANGS_MS = 30_000;
const beginnings = (asked: readonly string[]): number => asked.filter((name) => name === 'attempting').length;

test('attempts that hang are used up, after waits that grow', async () => {
  const { it, asked, end } = recovery();
  it.begin();
  await later();
  for (const wait of [1_000, 2_000]) {
    await later(HANGS_MS);
    await end(failure);
    await later(wait - 1);
    expect(asked.at(-1)).toBe('attemptFailed');
    await later(1);
    expect(asked.at(-1)).toBe('attempt');
  }
  await later(HANGS_MS);
  await end(failure);
  expect([asked.at(-1), it.active]).toEqual(['gaveUp', false]);
  await later(1_000_000);
  expect(beginnings(asked)).toBe(3);
});

test('waits grow up to their limit, though they outlast the window themselves', async () => {
  const { it, asked, end } = recovery({ maxRecoveries: 8, recoveryWindow: 5_000 });
  it.begin();
  await later();
  for (const wait of [1_000, 2_000, 4_000, 8_000, 10_000, 10_000, 10_000]) {
    await end(failure);
    await later(wait - 1);
    expect(asked.at(-1)).toBe('attemptFailed');
    await later(1);
    expect(asked.at(-1)).toBe('attempt');
  }
  await end(failure);
  expect([beginnings(asked), asked.at(-1)]).toEqual([8, 'gaveUp']);
});

test('an attempt of an outage before, within the window, counts as well, and each counts once', async () => {
  const { it, asked, end } = recovery();
  it.begin();
  await later();
  await end();
  await end();
  await later(20_000);
  it.begin();
  for (const wait of [1_000, 2_000]) {
    await later(wait);
    await end(failure);
  }
  expect([beginnings(asked), asked.at(-1)]).toEqual([3, 'gaveUp']);
});

test.each(['an attempt that works', 'a sign of life', 'a sign of life after it was given up'])(
  'the next outage has all attempts where the window is over: after %s',
  async (how) => {
    const givenUp = how.endsWith('given up');
    const { it, asked, end } = recovery({ maxRecoveries: givenUp ? 2 : 3 });
    it.begin();
    await later();
    await later(HANGS_MS);
    await end(failure);
    await later(1_000);
    await later(HANGS_MS);
    await end(failure);
    if (how === 'an attempt that works') {
      await later(2_000);
      await end();
      await end();
    } else {
      expect(asked.at(-1)).toBe(givenUp ? 'gaveUp' : 'attemptFailed');
      expect(it.signOfLife()).toBe(true);
    }
    await later(60_000);
    const before = asked.length;
    it.begin();
    await later();
    await end(failure);
    await later(1_000);
    expect(asked.slice(before)).toEqual(['attempting', 'attempt', 'attemptFailed', 'attempting', 'attempt']);
  },
);

test('a pause in the middle of it makes nobody forget its attempts', async () => {
  const { it, asked, end } = recovery({ maxRecoveries: 2 });
  it.begin();
  await later();
  it.hold();
  await end(failure);
  await later(1_000_000);
  it.go();
  await later(999);
  expect(beginnings(asked)).toBe(1);
  await later(1);
  await end(failure);
  expect(asked.at(-1)).toBe('gaveUp');
});

test('attempts that work, and take long, are used up as well by one that does not live for a window', async () => {
  const { it, asked, end } = recovery();
  for (const wait of [0, 1_000, 2_000]) {
    it.begin();
    await later(wait);
    expect(asked.at(-1)).toBe('attempt');
    await later(HANGS_MS - 1);
    await end();
    await end();
    expect(asked.at(-1)).toBe('recovered');
    await later(10_000);
  }
  it.begin();
  expect([beginnings(asked), asked.at(-1)]).toEqual([3, 'gaveUp']);
});

test('what was given up and comes back by itself much later has all attempts', async () => {
  const { it, asked, end } = recovery({ maxRecoveries: 1 });
  it.begin();
  await later();
  await end(failure);
  expect(asked.at(-1)).toBe('gaveUp');
  await later(60_000);
  it.signOfLife();
  it.begin();
  await later();
  expect(asked.at(-1)).toBe('attempt');
});
