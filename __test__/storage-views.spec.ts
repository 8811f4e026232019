/** Small reads one after another share a view of the store: it is never older than what anybody was told of. */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pass } from 'node:timers/promises';

import fc from 'fast-check';

import { SQLiteStorageAdapter } from '../ts/index.js';
import { effort } from './support/effort.js';
import { temporaryDirectory } from './support/temporary.js';

const children: ChildProcess[] = [];

afterEach(() => children.splice(0).forEach((child) => child.kill('SIGKILL')));

/** A process that counts a key up; how far it says that it has come. */
function counter(path: string, directory: string, limit = Infinity): () => number {
  const told = join(directory, 'told');
  children.push(spawn(process.execPath, [join(__dirname, 'support', 'views-child.cjs'), path, told, String(limit)]));
  return () => (existsSync(told) ? Number(readFileSync(told, 'latin1')) : 0);
}

/** As many reads share views, and more than that. */
async function dense(store: SQLiteStorageAdapter, key: string, reads = 40): Promise<unknown> {
  let last: unknown;
  for (let read = 0; read < reads; read += 1) last = await store.get(key);
  return last;
}

test('what another process was acknowledged is seen by the next read', async () => {
  const directory = temporaryDirectory();
  const path = join(directory, 's.db');
  const store = new SQLiteStorageAdapter({ path });
  await store.set('count', 0);
  const told = counter(path, directory);
  const rounds = effort('SMALLTALK_VIEWS', 300);
  for (let passed = 0, before = 0; passed < rounds;) {
    const least = told();
    const found = await store.get('count');
    expect(found).toBeGreaterThanOrEqual(least);
    const last = await dense(store, 'count');
    expect(last).toBeGreaterThanOrEqual(found as number);
    if (least > before) passed += 1;
    before = least;
  }
  await store.close();
}, 300_000);

test('whatever is written here or by another store is read, however many reads come before and after it', async () => {
  const path = join(temporaryDirectory(), 's.db');
  const stores = [new SQLiteStorageAdapter({ path }), new SQLiteStorageAdapter({ path })] as const;
  const step = fc.record({
    by: fc.constantFrom(0 as const, 1 as const),
    what: fc.constantFrom('set', 'delete', 'clear', 'look', 'look', 'look'),
    key: fc.constantFrom('a', 'b', 'c'),
    reads: fc.integer({ min: 0, max: 12 }),
  });
  const model = new Map<string, number>();
  let values = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      for (const { by, what, key, reads } of steps) {
        const store = stores[by];
        if (what === 'set') {
          await store.set(key, (values += 1));
          model.set(key, values);
        } else if (what === 'delete') expect(await store.delete(key)).toBe(model.delete(key));
        else if (what === 'clear') {
          await store.clear();
          model.clear();
        }
        await dense(stores[0], key, reads);
        expect(await stores[0].get(key)).toBe(model.get(key) ?? null);
        expect(await stores[1].get(key)).toBe(model.get(key) ?? null);
      }
    }),
    { numRuns: effort('SMALLTALK_VIEWS', 60) },
  );
  await Promise.all(stores.map((store) => store.close()));
}, 300_000);

test('a loop that stands still right after its reads keeps another process from emptying the log only for moments', async () => {
  const directory = temporaryDirectory();
  const path = join(directory, 's.db');
  const told = counter(path, directory, 100);
  while (told() < 100) await pass(5);
  const store = new SQLiteStorageAdapter({ path });
  expect(await dense(store, 'count', 1_000)).toBe(100);
  // This loop does not turn meanwhile: whoever gives the view back must be somebody else. The other tries after two idle
  // seconds, and after four, and so on.
  const end = performance.now() + 30_000;
  while (statSync(`${path}-wal`).size > 0 && performance.now() < end);
  expect(statSync(`${path}-wal`).size).toBe(0);
  await store.close();
});

test('a view that is kept keeps nothing of its own store from shrinking the file', async () => {
  const content = 'y'.repeat(60_000);
  for (let round = 0; round < 8; round += 1) {
    const path = join(temporaryDirectory(), 's.db');
    const options = { path, durability: 'process' } as const;
    const before = new SQLiteStorageAdapter(options);
    for (let n = 0; n < 20; n += 1) {
      const message = { id: 'm', role: 'user', content, timestamp: new Date(0) } as const;
      await before.saveSession(`s${n}`, {
        id: `s${n}`,
        messages: [message],
        createdAt: new Date(0),
        updatedAt: new Date(0),
      });
    }
    await before.close();
    const store = new SQLiteStorageAdapter(options);
    await store.set('small', 1);
    // The writer has gone to sleep when the view is taken.
    await pass(20);
    await dense(store, 'small', 50);
    expect((await store.prune({ updatedBefore: new Date() })).sessions).toBe(20);
    expect(statSync(path).size).toBeLessThan(600_000);
    await store.close();
  }
});
