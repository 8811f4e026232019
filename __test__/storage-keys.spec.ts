import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';

import { SQLiteStorageAdapter } from '../ts/index.js';
import { native } from '../ts/native.js';
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

describe("with a clock that is not the system's, such as a test's", () => {
  afterEach(() => jest.restoreAllMocks());

  test('keys live by it also in an adapter that finds them in the file', async () => {
    const path = join(temporaryDirectory(), 'keys.db');
    const clock = jest.spyOn(Date, 'now');
    const first = new SQLiteStorageAdapter({ path, durability: 'process' });
    clock.mockReturnValue(Date.UTC(2010));
    await first.set('over', 1, 1);
    clock.mockReturnValue(Date.UTC(2020));
    await first.set('lives', 1, 3_600);
    await first.close();
    const second = new SQLiteStorageAdapter({ path, durability: 'process' });
    // In the background, whatever methods say of it.
    while ((await second.verify()).keys > 1) await turn();
    expect(await second.get('lives')).toBe(1);
    expect(await second.get('over')).toBeNull();
    await second.close();
  });

  test('the background hears of it with each write of a key', async () => {
    await adapter.set('k', 1);
    jest.spyOn(Date, 'now').mockReturnValue(123);
    const binary = native();
    const names = ['storageSetKey', 'storageSetKeys', 'storageDeleteKey', 'storageDeleteKeys'] as const;
    const asked = names.map((name) => jest.spyOn(binary, name));
    await adapter.set('k', 1);
    await adapter.setMany([['l', 1]]);
    await adapter.delete('k');
    await adapter.deleteMany(['l']);
    for (const { mock } of asked) expect(mock.calls.map((words) => words.at(-2))).toEqual([123]);
  });
});
