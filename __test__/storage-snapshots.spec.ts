import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import fc from 'fast-check';

import { SQLiteStorageAdapter, type ChatSession } from '../ts/index.js';
import { SnapshotCache } from '../ts/storage/changes/cache.js';
import { keep } from '../ts/storage/changes/kept.js';
import { MessageList } from '../ts/storage/changes/message-list.js';
import { runNode } from './support/child.js';
import { temporaryDirectory } from './support/temporary.js';

const dist = join(__dirname, '..', 'dist', 'index.js');

const snapshot = (characters: number, stamp = 1): { messages: MessageList; stamp: number } => ({
  messages: MessageList.inFull([keep({ id: 'm', content: 'x'.repeat(characters) }, 0, {})]),
  stamp,
});

test('who was used least recently goes first', () => {
  const cache = new SnapshotCache(35_000);
  for (const id of ['a', 'b', 'c']) cache.set(id, snapshot(10_000));
  cache.get('a');
  cache.set('d', snapshot(10_000));
  expect(['a', 'b', 'c', 'd'].map((id) => cache.get(id) !== undefined)).toEqual([true, false, true, true]);
  expect(cache.bytes).toBeGreaterThan(30_000);
  expect(cache.bytes).toBeLessThan(35_000);
});

const LIMIT = 20_000;

/** The same, the plain way: who was used last is the last one. */
class Model {
  all: { id: string; stamp: number; bytes: number }[] = [];

  use(id: string): void {
    this.all.sort((one, other) => Number(one.id === id) - Number(other.id === id));
  }

  put(id: string, stamp: number, bytes: number): void {
    const at = this.all.findIndex((one) => one.id === id);
    this.all.splice(at === -1 ? this.all.length : at, at === -1 ? 0 : 1, { id, stamp, bytes });
    if (bytes > LIMIT) this.all = this.all.filter((one) => one.id !== id);
    while (this.bytes > LIMIT) this.all.shift();
  }

  get bytes(): number {
    return this.all.reduce((sum, { bytes }) => sum + bytes, 0);
  }
}

test('whatever is done in whatever order, those used last are there', () => {
  const id = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f');
  const step = fc.record({
    what: fc.constantFrom('set', 'set', 'get', 'replace', 'forget', 'clear'),
    id,
    characters: fc.constantFrom(10, 1_000, 4_000, 9_000, 25_000),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const [cache, model] = [new SnapshotCache(LIMIT), new Model()];
      steps.forEach(({ what, id, characters }, at) => {
        const [stamp, added] = [at + 1, snapshot(characters, at + 1)];
        const there = model.all.find((one) => one.id === id);
        if (what === 'set') {
          cache.set(id, added);
          model.all = model.all.filter((one) => one.id !== id);
          model.put(id, stamp, added.messages.bytes + 500);
        } else if (what === 'replace') {
          cache.replace(id, there?.stamp ?? 0, added);
          if (there !== undefined) model.put(id, stamp, added.messages.bytes + 500);
        } else if (what === 'get') {
          expect(cache.get(id)?.stamp).toBe(there?.stamp);
          model.use(id);
        } else {
          if (what === 'clear') cache.clear();
          else cache.forget(id);
          model.all = what === 'clear' ? [] : model.all.filter((one) => one.id !== id);
        }
        expect(cache.bytes).toBe(model.bytes);
      });
      for (const { id, stamp } of model.all) expect(cache.get(id)?.stamp).toBe(stamp);
    }),
    { numRuns: 1_000 },
  );
});

test('a snapshot that another one has replaced is let go of, also where there is room for all', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const [cache, given] = [new SnapshotCache(1e9), [] as WeakRef<object>[]];
  for (let round = 0; round < 200; round += 1) {
    for (const id of ['a', 'b', 'c']) {
      const added = snapshot(100, round);
      given.push(new WeakRef(added));
      cache.set(id, added);
      expect(cache.get(id)?.stamp).toBe(round);
    }
  }
  await turn();
  collect();
  expect(given.filter((one) => one.deref() !== undefined).length).toBeLessThan(10);
  expect(cache.get('a')?.stamp).toBe(199);
});

test('what is too large, replaced or forgotten takes nothing', () => {
  const cache = new SnapshotCache(5_000);
  cache.set('a', snapshot(10_000));
  expect([cache.get('a'), cache.bytes]).toEqual([undefined, 0]);
  cache.set('a', snapshot(1_000, 1));
  cache.replace('a', 2, snapshot(2_000, 3));
  expect(cache.get('a')?.stamp).toBe(1);
  const { bytes } = cache;
  cache.replace('a', 1, snapshot(2_000, 3));
  expect(cache.get('a')?.stamp).toBe(3);
  expect(cache.bytes).toBeGreaterThan(bytes + 900);
  cache.set('b', snapshot(1_000));
  cache.replace('b', 1, snapshot(3_000));
  expect([cache.get('a'), cache.get('b')?.messages.length]).toEqual([undefined, 1]);
  cache.replace('b', 1, snapshot(10_000));
  expect([cache.get('b'), cache.bytes]).toEqual([undefined, 0]);
  cache.set('b', snapshot(1_000));
  cache.clear();
  expect([cache.get('b'), cache.bytes]).toEqual([undefined, 0]);
  const none = new SnapshotCache(0);
  none.set('a', snapshot(1));
  expect(none.get('a')).toBeUndefined();
});

test('text of two bytes a character weighs twice', async () => {
  const path = join(temporaryDirectory(), 's.db');
  const weight = async (content: string): Promise<number> => {
    const adapter = new SQLiteStorageAdapter({ path });
    const session: ChatSession = {
      id: 's',
      messages: Array.from({ length: 500 }, (_, n) => ({ id: `m${n}`, role: 'user', content, timestamp: new Date(n) })),
      createdAt: new Date(1),
      updatedAt: new Date(2),
    };
    await adapter.saveSession('s', session);
    const { snapshotBytes } = await adapter.getStats();
    await adapter.close();
    return snapshotBytes as number;
  };
  const [narrow, wide] = [await weight('x'.repeat(1_000)), await weight('é—'.repeat(500))];
  expect(narrow).toBeGreaterThan(500_000);
  expect(wide).toBeGreaterThan(1_000_000);
});

test('a thousand sessions of 300 KB, saved and read in turn, stay within the limit', async () => {
  const limit = 16 * 2 ** 20;
  const script = `
    const { SQLiteStorageAdapter } = require(${JSON.stringify(dist)});
    const adapter = new SQLiteStorageAdapter({ path: 's.db', durability: 'process', snapshotBytes: ${limit} });
    const text = 'x'.repeat(1000);
    const make = (id) => ({
      id, createdAt: new Date(1), updatedAt: new Date(2),
      messages: Array.from({ length: 280 }, (_, n) => ({ id: 'm' + n, role: 'user', content: text + id + n, timestamp: new Date(n) })),
    });
    const used = () => { global.gc(); return process.memoryUsage().heapUsed; };
    let collected = 0;
    const registry = new FinalizationRegistry(() => (collected += 1));
    (async () => {
      await adapter.saveSession('first', make('first'));
      const before = used();
      let most = 0;
      for (let n = 0; n < 1000; n += 1) {
        const session = make('s' + n);
        registry.register(session.messages[0], n);
        await adapter.saveSession('s' + n, session);
        if (n % 100 === 99) {
          await adapter.getSession('s' + (n - 50));
          most = Math.max(most, used() - before);
        }
      }
      const { snapshotBytes } = await adapter.getStats();
      await new Promise(setImmediate);
      used();
      await new Promise(setImmediate);
      process.stdout.write(JSON.stringify({ most, snapshotBytes, collected }));
      await adapter.close();
    })();`;
  const { code, output } = await runNode(['--expose-gc', '-e', script], {
    cwd: temporaryDirectory(),
  });
  expect({ code, output }).toEqual({ code: 0, output: expect.stringMatching(/^\{.*\}$/) });
  const { most, snapshotBytes, collected } = JSON.parse(output);
  expect(snapshotBytes).toBeLessThanOrEqual(limit);
  expect(snapshotBytes).toBeGreaterThan(limit * 0.8);
  // The estimate is one; and a session is in memory while it is saved.
  expect(most).toBeLessThan(limit + 4 * 2 ** 20);
  // Snapshots hold no object of the program's, only its texts.
  expect(collected).toBeGreaterThan(990);
});
