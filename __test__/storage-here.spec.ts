/** Reads on the calling thread: their promises are settled at once, and the loop has to turn all the same. */
import { join } from 'node:path';

import { migrate, SQLiteStorageAdapter, InMemoryStorageAdapter } from '../ts/index.js';
import { native } from '../ts/native.js';
import { Here } from '../ts/storage/sqlite/here.js';
import { monotonic } from '../ts/timers.js';
import { sessionOf } from './support/sessions.js';
import { temporaryDirectory } from './support/temporary.js';

/** What a read takes here, in milliseconds, and how many there may be in one turn of the loop: twice what is wanted. */
const READ_MS = 1;
const MOST = 12;

const IDS = Array.from({ length: 60 }, (_, at) => `s${at}`);

let adapter: SQLiteStorageAdapter;

beforeEach(async () => {
  adapter = new SQLiteStorageAdapter({ path: join(temporaryDirectory(), 's.db'), durability: 'process' });
  await adapter.saveSessions(IDS.map((id) => [id, sessionOf(id, 1)]));
  await adapter.setMany(IDS.map((key, at) => [key, at]));
  await adapter.close();
  adapter = new SQLiteStorageAdapter({ path: adapter.path, durability: 'process' });
  await adapter.initialize();
});

afterEach(async () => {
  jest.restoreAllMocks();
  await adapter.close();
});

/** What there has been of something slow, in the longest turn of the loop and in all. */
type Seen = () => { longest: number; all: number };

/** Has something made slow by what it is given, and counts it. */
function slowed(mock: (slow: () => void) => void): Seen {
  let all = 0;
  let longest = 0;
  let before = 0;
  let over = false;
  const turn = (): void => {
    longest = Math.max(longest, all - before);
    before = all;
    if (!over) setImmediate(turn).unref();
  };
  setImmediate(turn).unref();
  mock(() => {
    all += 1;
    for (const end = performance.now() + READ_MS; performance.now() < end;);
  });
  return () => {
    over = true;
    turn();
    return { longest, all };
  };
}

/** Makes all reads slow. */
function slowReads(): Seen {
  const binary = native();
  return slowed((slow) => {
    for (const name of ['storageReadSmall', 'storageGetKeyNow', 'storageGetKeysNow'] as const) {
      const read = binary[name] as (...words: unknown[]) => unknown;
      jest.spyOn(binary, name).mockImplementation((...words: unknown[]) => {
        slow();
        return read(...words) as never;
      });
    }
  });
}

const ways: [string, () => Promise<unknown>][] = [
  ['sessions', async () => { for (const id of IDS) expect((await adapter.getSession(id))?.id).toBe(id); }],
  ['versions', async () => { for (const id of IDS) expect((await adapter.getVersioned(id))?.session.id).toBe(id); }],
  ['what is listed', async () => { for await (const id of adapter.sessions()) expect((await adapter.getSession(id))?.id).toBe(id); }],
  ['many sessions at once', () => Promise.all(IDS.map((id) => adapter.getSession(id)))],
  ['sessions of one moment', async () => expect([...(await adapter.getSessions(IDS)).keys()]).toEqual(IDS)],
  ['keys', async () => { for (const [at, key] of [...IDS, ...IDS].entries()) expect(await adapter.get(key)).toBe(at % IDS.length); }],
  ['a copy of all', () => migrate(adapter, new InMemoryStorageAdapter())],
]; // prettier-ignore

const each = async (): Promise<Map<string, unknown>> =>
  new Map(await Promise.all(IDS.map(async (key) => [key, await adapter.get(key)] as const)));
const together: [string, number, () => Promise<Map<string, unknown>>][] = [
  ['many', 70_000, () => adapter.getMany(IDS)],
  ['many', 20_000, () => adapter.getMany(IDS)],
  ['many of one', 20_000, async () => new Map((await Promise.all(IDS.map((key) => adapter.getMany([key])))).flatMap((one) => [...one]))],
  ['each', 70_000, each],
  ['each behind a write', 20_000, () => (void adapter.deleteMany(['none']), each())],
]; // prettier-ignore

test.each(together)('the loop turns between large values that are read together: %s, %i', async (_, size, read) => {
  const large = 'x'.repeat(size);
  await adapter.setMany(IDS.map((key) => [key, { large, key }]));
  const { parse } = JSON;
  const seen = slowed((slow) => {
    jest.spyOn(JSON, 'parse').mockImplementation((text) => {
      slow();
      return parse(text);
    });
  });
  const found = await read();
  const { longest, all } = seen();
  expect([...found]).toEqual(IDS.map((key) => [key, { large, key }]));
  expect(all).toBe(IDS.length);
  expect(longest).toBeLessThanOrEqual(MOST);
});

test.each(ways)('the loop turns between reads, one after another or together: %s', async (_, read) => {
  const seen = slowReads();
  await read();
  const { longest, all } = seen();
  expect(all).toBeGreaterThanOrEqual(IDS.length);
  // The clock is not looked at for each key.
  expect(longest).toBeLessThan(MOST + 8);
});

test('the loop turns where thousands of keys are asked for together', async () => {
  const keys = Array.from({ length: 20_000 }, (_, at) => `s${at % 70}`);
  const seen = slowReads();
  const found = await Promise.all(keys.map((key) => adapter.get(key)));
  expect(found).toEqual(keys.map((_key, at) => (at % 70 < IDS.length ? at % 70 : null)));
  const { longest, all } = seen();
  expect(all).toBeGreaterThan(60);
  expect(longest).toBeLessThan(MOST);
});

test('what waits for the loop to turn comes before what is asked for later, and before the end', async () => {
  const seen = slowReads();
  for (const id of IDS.slice(0, 8)) await adapter.getSession(id);
  // Enough has been read in this turn of the loop.
  const [id] = IDS as [string];
  const calls = [
    [adapter.getSession(id), adapter.get(id), adapter.get('s1')],
    [adapter.deleteSession(id), adapter.delete(id)],
    [adapter.getSession(id), adapter.get(id), adapter.get('s1')],
  ].map((some) => Promise.all<unknown>(some));
  const closed = adapter.close();
  const [before, gone, after] = await Promise.all(calls);
  expect(before).toEqual([expect.objectContaining({ id }), 0, 1]);
  expect(gone).toEqual([true, true]);
  expect(after).toEqual([null, null, 1]);
  await closed;
  seen();
});

test('a look at the clock for which there was no stack left keeps nobody waiting later', async () => {
  for (let padding = 0; padding < 60; padding += 1) {
    const here = new Here();
    let left = 3;
    const dive = (...given: unknown[]): void => {
      try {
        dive(...given);
      } catch {
        // Here the stack is all but full, a little less at each way out.
      }
      if (left-- > 0) {
        try {
          here.mayRead();
        } catch {
          // It is full still.
        }
      }
    };
    dive(...Array.from({ length: padding }));
    const until = monotonic() + 5;
    while (monotonic() < until);
    here.mayRead();
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    expect([padding, here.mayRead()]).toEqual([padding, true]);
  }
});
