import { join } from 'node:path';

import { SQLiteStorageAdapter } from '../ts/index.js';
import { temporaryDirectory } from './support/temporary.js';

let adapter: SQLiteStorageAdapter;

beforeEach(async () => {
  adapter = new SQLiteStorageAdapter({ path: join(temporaryDirectory(), 'keys.db'), durability: 'process' });
  await adapter.initialize();
});

afterEach(() => adapter.close());

/** As far as promises that are settled already lead, and no further: no other thread is heard in between. */
async function withoutTheLoop(): Promise<void> {
  for (let step = 0; step < 50; step += 1) await Promise.resolve();
}

test('small values are read without leaving the calling thread, alone and together', async () => {
  await adapter.setMany([
    ['a', 1],
    ['b', { two: 2 }],
  ]);
  const found: unknown[] = [];
  for (const keys of [['a'], ['b', 'a', 'none']]) {
    for (const key of keys) void adapter.get(key).then((value) => found.push(value));
    await withoutTheLoop();
  }
  expect(found).toEqual([1, { two: 2 }, 1, null]);
});

test.each([
  ['plain', { plain: true, text: 'é — 漢字 🙂' }],
  ['more than JSON', new Map([[1n, new Date(5)]])],
  ['no longer small', 'x'.repeat(100_000)],
])('values asked for together are those asked for alone: one of them is %s', async (_, special) => {
  const values = [1, null, special, 'text', [], { nested: [null] }];
  await adapter.setMany(values.map((value, at) => [`k${at}`, value] as const));
  const keys = Array.from({ length: 600 }, (_unused, at) => `k${at % 7}`);
  const found = await Promise.all(keys.map((key) => adapter.get(key)));
  for (const [at, value] of found.entries()) expect(value).toEqual(values[at % 7] ?? null);
});

test('a read asked for before a write of the same tick does not see it', async () => {
  for (const write of [
    () => adapter.set('k', 'new'),
    () => adapter.delete('k'),
    () => adapter.setMany([['k', 'new']]),
    () => adapter.deleteMany(['k']),
    () => adapter.clear(),
  ]) {
    await adapter.set('k', 'old');
    const reads = [adapter.get('other'), adapter.get('k'), adapter.get('k')];
    const written = write();
    // Long enough for the other thread to have written.
    const end = performance.now() + 5;
    while (performance.now() < end);
    expect(await Promise.all(reads)).toEqual([null, 'old', 'old']);
    await written;
  }
});

test('reads asked for before a close are answered, wherever they are read', async () => {
  await adapter.set('small', 1);
  await adapter.set('large', 'x'.repeat(100_000));
  const reads = ['small', 'small', 'large'].map((key) => adapter.get(key));
  await adapter.close();
  expect((await Promise.all(reads)).map((value) => String(value).length)).toEqual([1, 1, 100_000]);
  await expect(adapter.get('small')).rejects.toMatchObject({ code: 'ERR_CLOSED' });
});
