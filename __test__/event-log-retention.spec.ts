/** What the retention keeps is never moved or deleted, and an index of another state of a file is not believed. */
import { once } from 'node:events';
import { readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Worker } from 'node:worker_threads';

import { openSmallTalk, type Event, type JsonlEventReplayStorage } from '../ts/index.js';
import { all, open } from './support/event-log.js';
import { temporaryDirectory } from './support/temporary.js';

const DAY_MS = 86_400_000;

const payloads = (events: Event[]): unknown[] => events.map(({ payload }) => payload);
const dayOf = (moment: number): string => new Date(moment).toISOString().slice(0, 10);

test.each([
  ['the older first', [2, 0]],
  ['the newer first', [0, 2]],
])('a file stays as long as one of its events is within the retention: %s', async (_, ages) => {
  const log = open({ cleanupIntervalMs: 0 });
  for (const age of ages) await log.append('s', { topic: 't', payload: age, timestamp: Date.now() - age * DAY_MS });
  expect(await log.cleanup(DAY_MS)).toEqual({ archived: 0, deleted: 0, bytesFreed: 0 });
  expect(payloads(await all(log, 's'))).toEqual(ages);
});

/** Of archived days, those that are left by two cleanups, which both happened on one day. */
async function keptDays(maxRetentionMs: number, ages: number[]): Promise<number[]> {
  const log = open({ retentionMs: DAY_MS, maxRetentionMs, cleanupIntervalMs: 0 });
  const now = Date.now();
  for (const age of ages) await log.append(`s${age}`, { topic: 't', timestamp: now - age * DAY_MS });
  expect(await log.cleanup(DAY_MS)).toMatchObject({ archived: ages.length, deleted: 0 });
  await log.cleanup(DAY_MS);
  const days = readdirSync(join(log.directory, 'archive'));
  if (dayOf(Date.now()) !== dayOf(now)) return keptDays(maxRetentionMs, ages);
  return ages.filter((age) => days.includes(dayOf(now - age * DAY_MS)));
}

test('a day is deleted from the archive when its last moment is older than the longest retention, and not before', async () => {
  expect(await keptDays(30 * DAY_MS, [32, 31, 30, 29, 2])).toEqual([30, 29, 2]);
});

describe('several logs of one process on one directory', () => {
  /** An event of two months ago, and two cleanups that `cleaner` asks for: how many are left, archive included. */
  const left = async (log: JsonlEventReplayStorage, cleaner = log): Promise<number> => {
    await log.append('audit', { topic: 'order_placed', timestamp: Date.now() - 60 * DAY_MS });
    for (let round = 0; round < 2; round += 1) await cleaner.cleanup();
    return (await all(log, 'audit', { archived: true })).length;
  };
  const keeps = { maxRetentionMs: 3650 * DAY_MS, cleanupIntervalMs: 0 };

  test('what one of them wants kept is kept, whoever has opened it, as long as that one is open', async () => {
    const look = open();
    const { directory } = look;
    await look.sessions();
    const keeper = open({ directory, ...keeps });
    expect(await left(keeper, look)).toBe(1);
    await keeper.close();
    expect(await left(look)).toBe(0);
    const again = open({ directory, ...keeps });
    await again.sessions();
    await look.close();
    expect(await left(again)).toBe(1);
  });

  test('a configuration is reloaded: the new one counts, though the old one had the files open', async () => {
    const before = await openSmallTalk({ directory: temporaryDirectory(), storage: 'memory:' });
    const after = await openSmallTalk({ directory: dirname(before.log.directory), storage: 'memory:', log: keeps });
    await before.close();
    expect(await left(after.log)).toBe(1);
    await after.close();
  });

  test('a thread has its say as well', async () => {
    const look = open();
    await look.sessions();
    const script = `
      const { JsonlEventReplayStorage } = require(${JSON.stringify(join(__dirname, '..', 'dist', 'index.js'))});
      const { parentPort, workerData } = require('node:worker_threads');
      const log = new JsonlEventReplayStorage(workerData);
      log.sessions().then(() => parentPort.postMessage('open'));
      parentPort.once('message', () => log.close().then(() => parentPort.postMessage('closed')));`;
    const worker = new Worker(script, { eval: true, workerData: { directory: look.directory, ...keeps } });
    const exited = once(worker, 'exit');
    expect(await once(worker, 'message')).toEqual(['open']);
    expect(await left(look)).toBe(1);
    worker.postMessage('close');
    expect(await once(worker, 'message')).toEqual(['closed']);
    expect(await left(look)).toBe(0);
    await exited;
  });
});

describe('a large file that is not what its index was made of', () => {
  const EVENTS = 400;
  const closed = async (): Promise<string> => {
    const log = open({ cleanupIntervalMs: 0 });
    const filler = 'x'.repeat(1_000);
    await Promise.all(
      Array.from({ length: EVENTS }, (_, at) => log.append('s', { topic: 't', payload: { at, filler } })),
    );
    await log.close();
    expect(readdirSync(join(log.directory, 'index'))).toEqual(['s.jsonl.index']);
    return log.directory;
  };
  const reopened = async (directory: string): Promise<{ found: number; damaged: number; torn: number }> => {
    const log = open({ directory, cleanupIntervalMs: 0 });
    const { recovery } = await log.getStats();
    const found = await all(log, 's');
    return { found: found.length, damaged: recovery.damaged.length, torn: recovery.torn.length };
  };

  test('is opened by its index only where nothing has changed', async () => {
    expect(await reopened(await closed())).toEqual({ found: EVENTS, damaged: 0, torn: 0 });
  });

  test('is read itself when a byte in its middle has changed', async () => {
    const directory = await closed();
    const path = join(directory, 'active/s.jsonl');
    const bytes = readFileSync(path);
    bytes.writeUInt8(bytes.readUInt8(200_000) ^ 1, 200_000);
    writeFileSync(path, bytes);
    expect(await reopened(directory)).toEqual({ found: EVENTS - 1, damaged: 1, torn: 0 });
  });

  test('is read itself when it has become shorter', async () => {
    const directory = await closed();
    truncateSync(join(directory, 'active/s.jsonl'), 300_000);
    const { found, ...report } = await reopened(directory);
    expect(report).toEqual({ damaged: 0, torn: 1 });
    expect(found).toBeGreaterThan(200);
    expect(found).toBeLessThan(EVENTS);
  });
});
