/** When too many agents fail at once, and when that is over: on a simulated clock. */
import './support/simulated-clock.js';
import fc from 'fast-check';

import { Alarm } from '../ts/health-monitor/alarm.js';
import { Degradation } from '../ts/health-monitor/degradation.js';

describe('degraded', () => {
  /** Mostly soon after one another, so that it comes to something; now and then long enough to be calm. */
  const turn = fc.record({
    id: fc.integer({ min: 0, max: 6 }),
    fails: fc.boolean(),
    after: fc.oneof(
      { weight: 8, arbitrary: fc.integer({ min: 0, max: 4_000 }) },
      { weight: 1, arbitrary: fc.integer({ min: 0, max: 150_000 }) },
    ),
  });
  /** Each by itself, or one after the other: who fails is well again before the next one fails. */
  const turns = fc
    .record({ list: fc.array(turn, { maxLength: 60 }), inTurn: fc.boolean(), last: turn })
    .map(({ list, inTurn, last }) =>
      inTurn
        ? [...list.flatMap((one) => [true, false].map((fails) => ({ ...one, fails }))), { ...last, fails: true }]
        : list,
    );

  test('the fourth agent that fails within 30 s; until fewer than two have been failing for 120 s', () => {
    const health = new Degradation();
    expect([0, 9_000, 18_000, 31_000].map((now, index) => health.fails(`a${index}`, now))).toEqual(
      Array(4).fill(false),
    );
    // a1, a2, a3 and this one are within 30 s of one another.
    expect(health.fails('b', 38_000)).toBe(true);
    expect(health.fails('c', 38_500)).toBe(false);
    for (const id of ['a0', 'a1', 'a2', 'a3']) health.ends(id, 40_000);
    expect(health.lookAt).toBeNull();
    health.ends('b', 50_000);
    expect(health.lookAt).toBe(170_000);
    expect(health.restored(169_999)).toBe(false);
    health.fails('b', 169_999);
    expect(health.restored(170_000)).toBe(false);
    health.ends('b', 171_000);
    expect([health.restored(290_999), health.restored(291_000), health.restored(291_000)]).toEqual([
      false,
      true,
      false,
    ]);
    expect(health.failing).toEqual(['c']);
  });

  test('agrees with a model that keeps everything', () => {
    fc.assert(
      fc.property(turns, (steps) => {
        const health = new Degradation();
        const failing = new Map<number, boolean>();
        let failures: { id: number; at: number }[] = [];
        /** How many were failing from when on, and since when it is degraded. */
        let [counts, degradedAt]: [{ count: number; from: number }[], number | null] = [[{ count: 0, from: 0 }], null];
        let now = 0;
        /** From when on, once it was degraded, fewer than two have been failing without a break; null: two are. */
        const calm = (): number | null => {
          const last = counts.findLastIndex(({ count }) => count >= 2);
          if (degradedAt === null || last === counts.length - 1) return null;
          return Math.max(degradedAt, counts[last + 1]!.from);
        };
        for (const { id, fails, after } of steps) {
          now += after;
          const since = calm();
          expect(health.lookAt).toBe(since === null ? null : since + 120_000);
          const restored = since !== null && now - since >= 120_000;
          expect(health.restored(now)).toBe(restored);
          if (restored) [degradedAt, failures] = [null, []];
          failing.set(id, fails);
          counts = [...counts, { count: [...failing.values()].filter(Boolean).length, from: now }];
          if (fails) {
            failures.push({ id, at: now });
            const recent = new Set(failures.filter(({ at }) => at > now - 30_000).map((failure) => failure.id));
            const tooMany: boolean = degradedAt === null && recent.size > 3;
            if (tooMany) degradedAt = now;
            expect(health.fails(String(id), now)).toBe(tooMany);
          } else {
            health.ends(String(id), now);
          }
          expect(health.degraded).toBe(degradedAt !== null);
        }
      }),
      { numRuns: 500 },
    );
  });

  test('what was calm before it was degraded does not count: agents that fail in turn, long after any other', () => {
    const health = new Degradation();
    health.fails('a', 0);
    health.ends('a', 1);
    for (const [index, id] of ['a', 'b', 'c', 'd'].entries()) {
      expect(health.fails(id, 600_000 + index)).toBe(id === 'd');
      if (id !== 'd') health.ends(id, 600_000 + index);
    }
    // The last one never comes back; but it is one.
    expect(health.lookAt).toBe(720_003);
    expect([health.restored(720_002), health.restored(720_003), health.failing]).toEqual([false, true, ['d']]);
  });

  test('restored is told, whoever fails or gets well in whatever order, and nobody has to look', async () => {
    jest.useFakeTimers();
    try {
      await fc.assert(
        fc.asyncProperty(turns, async (steps) => {
          const told: string[] = [];
          const alarm = new Alarm((event) => told.push(event));
          const failing = new Set<string>();
          for (const { id: number, fails, after } of steps) {
            const id = `${number}`;
            await jest.advanceTimersByTimeAsync(after);
            if (fails) {
              failing.add(id);
              if (alarm.fails(id)) alarm.tellDegraded();
            } else {
              failing.delete(id);
              alarm.ends(id);
            }
          }
          const [one, ...others] = failing;
          for (const id of others) alarm.ends(id);
          await jest.advanceTimersByTimeAsync(120_002);
          expect(told).toEqual(told.map((_, index) => (index % 2 === 0 ? 'degraded' : 'restored')));
          expect([alarm.degraded, told.length % 2, one]).toEqual([false, 0, one]);
        }),
        { numRuns: 300 },
      );
    } finally {
      jest.useRealTimers();
    }
  });
});
