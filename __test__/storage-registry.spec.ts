/** A test runner loads modules anew for each file, and a binary stays: stores of both lives share what there is. */
import { join } from 'node:path';

import type * as Package from '../ts/index.js';
import { temporaryDirectory } from './support/temporary.js';

const CYCLES = 100;

test.each(['SQLiteStorageAdapter', 'FileStorageAdapter'] as const)(
  `${CYCLES} resets of the module registry lose nothing acknowledged, closed before or not (%s)`,
  async (name) => {
    const path = join(temporaryDirectory(), 'store');
    const left: { close(): Promise<void> }[] = [];
    for (let cycle = 0; cycle < CYCLES; cycle += 1) {
      jest.resetModules();
      const api = require('../ts/index.js') as typeof Package;
      const store = new api[name]({ path, durability: 'process' });
      await store.set(`key-${cycle}`, { cycle });
      if (cycle > 0) expect(await store.get(`key-${cycle - 1}`)).toEqual({ cycle: cycle - 1 });
      const refused = await store.set('', 1).catch((error: unknown) => error);
      expect(refused).toBeInstanceOf(api.SmallTalkError);
      // Still on its way when the next life begins.
      if (cycle % 3 === 0) left.push(store);
      else await store.close();
      if (left.length > 5) await left.shift()?.close();
      void store.set('late', cycle).catch(() => undefined);
    }
    jest.resetModules();
    const api = require('../ts/index.js') as typeof Package;
    const store = new api[name]({ path });
    for (let cycle = 0; cycle < CYCLES; cycle += 1) expect(await store.get(`key-${cycle}`)).toEqual({ cycle });
    expect((await store.verify()).damaged).toEqual([]);
    await store.close();
    await Promise.all(left.map((one) => one.close()));
  },
);
