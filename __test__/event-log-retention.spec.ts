/** What the retention keeps is never moved or deleted, and an index of another state of a file is not believed. */
import { readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Event } from '../ts/index.js';
import { all, open } from './support/event-log.js';

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
