/** Nobody waits for ever, and there is an end to what may wait. */
import { join } from 'node:path';

import { FileStorageAdapter, SQLiteStorageAdapter } from '../ts/index.js';
import { Patience } from '../ts/patience.js';
import { Turns } from '../ts/storage/turns.js';
import { temporaryDirectory } from './support/temporary.js';

const outcome = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'fine',
    (error: { code?: string }) => error.code,
  );

test('who waits for a turn is withdrawn when it is late, wherever it waits, and is not begun afterwards', async () => {
  const clock = { now: 0 };
  const turns = new Turns(clock);
  const begun: string[] = [];
  const take = (name: string, answer: Promise<unknown> = Promise.resolve()): Promise<unknown> =>
    outcome(turns.take('s', 'other', () => (begun.push(name), answer)));
  let end: (value: unknown) => void = () => undefined;
  const first = take('first', new Promise((resolve) => (end = resolve)));
  const second = take('second');
  const all = outcome(turns.takeAll(() => (begun.push('all'), Promise.resolve())));
  const behind = take('behind');
  clock.now = 1;
  const later = take('later');
  expect(turns.withdraw((since) => since < 1, 30)).toBe(true);
  expect(await Promise.all([second, all, behind])).toEqual(['ERR_TIMEOUT', 'ERR_TIMEOUT', 'ERR_TIMEOUT']);
  expect(begun).toEqual(['first']);
  end('done');
  expect(await Promise.all([first, later])).toEqual(['fine', 'fine']);
  expect(begun).toEqual(['first', 'later']);
  expect(turns.withdraw(() => true, 30)).toBe(false);
});

test('what waits in a turn has waited since it was asked for, also once it is begun', () => {
  const clock = { now: 0 };
  const turns = new Turns(clock);
  let end: () => void = () => undefined;
  const seen: number[] = [];
  void turns.take('s', 'other', () => new Promise<void>((resolve) => (end = resolve)));
  const waited = turns.take('s', 'other', () => {
    seen.push(turns.since);
    return Promise.resolve();
  });
  clock.now = 7;
  end();
  return waited.then(() => {
    expect(seen).toEqual([0]);
    expect(turns.since).toBe(7);
  });
});

test('time is counted while somebody waits, and the clock stops by itself', async () => {
  let looks = 0;
  const late: boolean[] = [];
  const ended = new Promise<void>((resolve) => {
    const patience = new Patience(32, (isLate) => {
      looks += 1;
      late.push(isLate(0));
      if (looks === 18) resolve();
      return looks < 18;
    });
    patience.start();
  });
  // A timer that keeps nobody alive needs somebody who does.
  const alive = setInterval(() => undefined, 1_000);
  await ended;
  clearInterval(alive);
  expect(late.indexOf(true)).toBe(16);
});

test('more writes than the queue of the file adapter takes are refused, and taken again later', async () => {
  const store = new FileStorageAdapter({ path: join(temporaryDirectory(), 'files'), maxQueueBytes: 10_000 });
  const large = 'x'.repeat(4_000);
  const all = await Promise.all(Array.from({ length: 6 }, (_, n) => outcome(store.set(`key-${n}`, large))));
  expect(all.filter((code) => code === 'fine')).toHaveLength(2);
  expect(new Set(all)).toEqual(new Set(['fine', 'ERR_BACKPRESSURE']));
  expect(await outcome(store.set('huge', 'x'.repeat(20_000)))).toBe('fine');
  expect(await outcome(store.set('later', large))).toBe('fine');
  await store.close();
});

test('what takes none of the queue of the file adapter is not refused where one value alone is more than it takes', async () => {
  const store = new FileStorageAdapter({ path: join(temporaryDirectory(), 'files'), maxQueueBytes: 10_000 });
  const huge = store.set('huge', 'x'.repeat(20_000));
  const others = [store.get('key'), store.listSessions(), store.delete('key')].map(outcome);
  expect(await Promise.all(others)).toEqual(['fine', 'fine', 'fine']);
  await huge;
  await store.close();
});

test.each([
  ['SQLiteStorageAdapter', SQLiteStorageAdapter],
  ['FileStorageAdapter', FileStorageAdapter],
])('a time-out out of range is refused when the adapter is made (%s)', (_, Adapter) => {
  expect(() => new Adapter({ timeoutMs: 0 })).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID' }));
  expect(() => new Adapter({ timeoutMs: '1' as never })).toThrow(TypeError);
});
