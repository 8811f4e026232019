/** The clock that versions come from. */
import { microClock } from '../ts/storage/file/clocks.js';
import { placeOf } from '../ts/storage/file/place.js';
import { temporaryDirectory } from './support/temporary.js';

const { bigint } = process.hrtime;

test('a version that is asked for after another one was given is greater, whoever gives it', () => {
  // As places of two processes, neither knows what the other one gave last.
  const places = [temporaryDirectory(), temporaryDirectory()].map(placeOf);
  const versions: number[] = [];
  for (let round = 0; round < 100; round += 1) {
    for (const place of places) {
      versions.push(place.nextVersion(undefined));
      const begin = bigint();
      while (bigint() - begin < 20_000n);
    }
  }
  expect(versions).toEqual([...new Set(versions)].sort((a, b) => a - b));
  expect(Math.abs((versions.at(-1) as number) / 1000 - Date.now())).toBeLessThan(1_000);
});

describe('microseconds', () => {
  /** A clock of milliseconds and a finer one, which shows that moment when it is `at` since the epoch, in milliseconds. */
  const clock = (origin: number): { set: (at: number, fine?: number) => number } => {
    let [now, passed] = [0, 0];
    const micro = microClock(
      () => Math.floor(now),
      () => passed,
      origin,
    );
    return {
      set: (at, fine = at - 1_000) => {
        [now, passed] = [at, fine];
        return micro();
      },
    };
  };

  test('are those of the finer clock', () => {
    const { set } = clock(1_000);
    expect([1_000, 1_000.25, 1_000.999, 1_001, 5_000.5].map((at) => set(at))).toEqual([
      1_000_000, 1_000_250, 1_000_999, 1_001_000, 5_000_500,
    ]);
  });

  test('are in the millisecond that the system has, also where its clock was set', () => {
    const { set } = clock(1_000);
    set(2_000.5);
    // Put forward by ten seconds, and then back by twenty.
    expect(set(12_000.5, 1_000.5)).toBe(12_000_000);
    expect(set(12_000.75, 1_000.75)).toBe(12_000_250);
    expect(set(12_001.1, 1_001.1)).toBe(12_001_000);
    expect(set(12_001.2, 1_001.2)).toBe(12_001_100);
    const back = [1_001.5, 1_001.75, 1_002].map((fine) => set(fine - 9_000 + 10_000, fine));
    expect(back.map((micro) => Math.floor(micro / 1000))).toEqual([2_001, 2_001, 2_002]);
    expect(back).toEqual([...back].sort((a, b) => a - b));
  });

  test('are not moved by a thread that was held up between looking at one clock and at the other', () => {
    const walls = [1_000, 1_007, 1_008, 1_008];
    const fines = [7.5, 8.25];
    const micro = microClock(
      () => walls.shift() as number,
      () => fines.shift() as number,
      1_000,
    );
    expect([micro(), micro()]).toEqual([1_007_500, 1_008_250]);
  });
});
