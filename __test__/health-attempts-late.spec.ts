/** Recovery on its own: a sign of life after the end of an attempt, and whether the attempt has brought it about. */
import { failure, later, recovery } from './support/recovery.js';

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
    expect([it.active, it.signOfLife(), it.spent]).toEqual([false, true, 1]);
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
