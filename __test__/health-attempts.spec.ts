/** Recovery on its own: what it asks for, step by step, whatever comes in between. */
import { failure, later, recovery } from './support/recovery.js';

test('an attempt, what was missed, and it has recovered', async () => {
  const { it, asked, end } = recovery();
  it.begin();
  expect(it.active).toBe(true);
  await later();
  await end();
  await end();
  expect(asked).toEqual(['attempting', 'attempt', 'catchUp', 'recovered']);
  expect([it.active, it.spent]).toEqual([false, 1]);
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
  expect(it.spent).toBe(0);
  it.begin();
  await later();
  expect(asked.slice(-2)).toEqual(['attempting', 'attempt']);
});
