/** Many at once on one SQLite file, and much in one. */
import { join } from 'node:path';

import { SQLiteStorageAdapter } from '../ts/index.js';
import { runNode } from './support/child.js';
import { temporaryDirectory } from './support/temporary.js';

const LONG = process.env['SMALLTALK_LONG'] === '1';

const child = (name: string): string => join(__dirname, 'support', `${name}-child.cjs`);

test('four processes and eight threads lose no update, wait for each other, and survive threads that are terminated', async () => {
  const directory = temporaryDirectory();
  const path = join(directory, 's.db');
  const rounds = LONG ? 100 : 15;
  const counters = 4 * (1 + 2);
  const options = { cwd: directory, timeoutMs: 280_000 };
  const store = new SQLiteStorageAdapter({ path });
  await store.saveSession('log', { id: 'log', messages: [], createdAt: new Date(0), updatedAt: new Date(0) });
  const ended = await Promise.all(
    Array.from({ length: 4 }, () => runNode([child('crowd'), path, String(rounds)], options)),
  );
  expect(ended).toEqual(Array(4).fill({ code: 0, output: '' }));
  expect((await store.getSession('counter'))?.['count']).toBe(counters * rounds);
  const log = (await store.getMessages('log'))?.map(({ id }) => id);
  expect(new Set(log).size).toBe(counters * rounds);
  expect(log?.length).toBe(counters * rounds);
  // Each terminated thread had two saves acknowledged in one lane at least; what it had begun is whole or absent.
  const { sessions, damaged } = await store.verify();
  expect(damaged).toEqual([]);
  expect(sessions).toBeGreaterThanOrEqual(2 + 4 * 3);
  for await (const id of store.sessions()) {
    if (id.includes('/')) expect((await store.getSessionInfo(id))?.messageCount).toBe(200);
  }
  await store.close();
}, 300_000);

interface Look {
  /** Keys and sessions. */
  counted: [number, number];
  iterated: [number, number];
  listed: number;
  megabytes: number;
}

test('many keys and sessions are listed, iterated and pruned in a memory that does not grow with them', async () => {
  const directory = temporaryDirectory();
  const [keys, sessions] = LONG ? [1_000_000, 100_000] : [100_000, 10_000];
  // V8's young generation grows with the first work, whatever it is: a short run measures nothing else, unless it is kept.
  const flags = ['--expose-gc', ...(LONG ? [] : ['--max-semi-space-size=2'])];
  const words = [...flags, child('many'), join(directory, 's.db'), String(keys), String(sessions)];
  const { code, output } = await runNode(words, { cwd: directory, timeoutMs: 580_000 });
  expect([code, output]).toEqual([0, expect.stringMatching(/^\{.*\}\n$/)]);
  const report = JSON.parse(output) as { atATenth: Look; full: Look; pruned: number; atTheEnd: Look };
  const found = (keyCount: number, sessionCount: number): object => ({
    counted: [keyCount, sessionCount],
    iterated: [keyCount, sessionCount],
    listed: sessionCount,
  });
  expect(report.atATenth).toMatchObject(found(keys / 10, sessions / 10));
  expect(report.full).toMatchObject(found(keys, sessions));
  expect(report.pruned).toBe(sessions / 2);
  expect(report.atTheEnd).toMatchObject(found(keys, sessions / 2));
  const [tenth, full, end] = [report.atATenth, report.full, report.atTheEnd].map(({ megabytes }) => megabytes) as [
    number,
    number,
    number,
  ];
  console.log(`${keys} keys, ${sessions} sessions: ${[tenth, full, end].map((size) => size.toFixed(0)).join(', ')} MB`);
  expect(Math.max(full, end)).toBeLessThan(tenth + 32);
}, 600_000);
