/** How a migration waits for room in its target. */
import { setImmediate as turn } from 'node:timers/promises';

import { Saves } from '../ts/storage/migrate/saves.js';

test('what wants all the room is not tried anew beside each of the small ones, which are many at once again after it', async () => {
  const saves = new Saves();
  let [queued, tries, most] = [0, 0, 0];
  // A queue that takes what is larger than it only while it is empty.
  const save = (size: number) => async (): Promise<void> => {
    if (size > 10) tries += 1;
    if (queued > 0 && queued + size > 10) throw Object.assign(new Error('full'), { code: 'ERR_BACKPRESSURE' });
    queued += size;
    if (sizes.length < 100) most = Math.max(most, queued);
    await turn();
    queued -= size;
  };
  const sizes = [...Array<number>(4).fill(1), 50, ...Array<number>(200).fill(1)];
  const lanes = Array.from({ length: 8 }, async () => {
    for (let size = sizes.shift(); size !== undefined; size = sizes.shift()) await saves.save(save(size));
  });
  await Promise.all(lanes);
  expect([queued, sizes.length]).toEqual([0, 0]);
  expect(tries).toBeLessThan(12);
  expect(most).toBe(8);
});
