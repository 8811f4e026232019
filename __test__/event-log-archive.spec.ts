/** What the archive gives back, what reading everything again finds, and an archive on another disk. */
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

import type { Event, JsonlEventReplayStorage } from '../ts/index.js';
import { all, open } from './support/event-log.js';
import { skipUnless } from './support/skip.js';

const DAY_MS = 86_400_000;
const EVENTS = 120;

/** Events of three days, the last of them today, in small files; those of the first two days are archived. */
async function aged(log: JsonlEventReplayStorage): Promise<void> {
  const now = Date.now();
  for (let at = 0; at < EVENTS; at += 1) {
    const timestamp = now - (2 - Math.floor((3 * at) / EVENTS)) * DAY_MS;
    await log.append('s', { topic: `topic-${at % 2}`, payload: at, timestamp });
  }
  await log.append('other', { topic: 't', payload: 'another', timestamp: now - 2 * DAY_MS });
  expect(await log.cleanup(DAY_MS / 2)).toMatchObject({ deleted: 0 });
}

const payloads = (events: Event[]): unknown[] => events.map(({ payload }) => payload);
const upTo = (count: number): number[] => Array.from({ length: count }, (_, at) => at);

function archivedFiles(directory: string): string[] {
  const archive = join(directory, 'archive');
  return readdirSync(archive).flatMap((day) => readdirSync(join(archive, day)).map((name) => join(archive, day, name)));
}

test.each(['owner', 'visitor'])(
  'a replay that asks for it brings what is archived, in order, with every option (%s)',
  async (who) => {
    const log = open({ maxFileBytes: 2_000, cleanupIntervalMs: 0 });
    await aged(log);
    const reader = who === 'owner' ? log : open({ directory: log.directory, readOnly: true });
    const kept = payloads(await all(reader, 's')).length;
    expect(kept).toBeLessThan(EVENTS / 2);
    expect(new Set(archivedFiles(log.directory).map((path) => path.split('/').at(-2))).size).toBeGreaterThan(1);
    const events = await all(reader, 's', { archived: true });
    expect(payloads(events)).toEqual(upTo(EVENTS));
    const some = async (options: Parameters<typeof all>[2]): Promise<unknown[]> =>
      payloads(await all(reader, 's', { archived: true, ...options }));
    expect(await some({ last: EVENTS - 1 })).toEqual(upTo(EVENTS).slice(1));
    expect(await some({ last: 100, limit: 2 })).toEqual([20, 21]);
    expect(await some({ topics: ['topic-1'], limit: 3 })).toEqual([1, 3, 5]);
    expect(await some({ topics: ['topic-1'], last: 100, limit: 1 })).toEqual([1]);
    for (const at of [0, 1, 17, 60, 118]) {
      expect(await some({ afterSeq: events[at]?.seq ?? NaN })).toEqual(upTo(EVENTS).slice(at + 1));
    }
    expect(payloads(await all(reader, 'other'))).toEqual([]);
    expect(payloads(await all(reader, 'other', { archived: true }))).toEqual(['another']);
  },
);

test('reading everything again finds all events, and says where they are damaged', async () => {
  const log = open({ maxFileBytes: 2_000, cleanupIntervalMs: 0 });
  await aged(log);
  const whole = await log.verify();
  expect(whole).toEqual({ files: expect.any(Number), events: EVENTS + 1, damaged: [] });
  expect(await log.verify('s')).toEqual({ files: whole.files - 1, events: EVENTS, damaged: [] });
  expect(await log.verify('nobody')).toEqual({ files: 0, events: 0, damaged: [] });
  const [first = ''] = archivedFiles(log.directory).filter((path) => !path.includes('other'));
  const active = join(log.directory, 'active/s.jsonl');
  for (const path of [first, active]) {
    const bytes = readFileSync(path);
    bytes.writeUInt8(bytes.readUInt8(150) ^ 1, 150);
    writeFileSync(path, bytes);
  }
  const { damaged, events } = await log.verify('s');
  expect(events).toBe(EVENTS - 2);
  expect(damaged.map(({ file }) => file)).toEqual(['s.jsonl', first.slice(log.directory.length + 1)]);
  const visitor = open({ directory: log.directory, readOnly: true });
  expect((await visitor.verify('s')).damaged).toHaveLength(2);
});

const SHARED_MEMORY = '/dev/shm';
const deviceOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.dev ?? -1;

describe('an archive on another file system', () => {
  let elsewhere: string;
  const otherDisk = skipUnless(
    ![-1, deviceOf(__dirname)].includes(deviceOf(SHARED_MEMORY)),
    'there is no second file system',
  );
  beforeEach(() => {
    if (deviceOf(SHARED_MEMORY) !== -1) elsewhere = mkdtempSync(join(SHARED_MEMORY, 'smalltalk-'));
  });
  afterEach(() => rmSync(elsewhere, { recursive: true, force: true }));

  otherDisk('gets whole files, and a copy that a killed owner left is not made twice', async () => {
    const log = open({ maxFileBytes: 2_000, cleanupIntervalMs: 0 });
    mkdirSync(log.directory, { recursive: true });
    symlinkSync(elsewhere, join(log.directory, 'archive'));
    await aged(log);
    expect(payloads(await all(log, 's', { archived: true }))).toEqual(upTo(EVENTS));
    const files = archivedFiles(log.directory);
    expect(files.every((path) => deviceOf(path) === deviceOf(SHARED_MEMORY))).toBe(true);
    await log.close();
    // As after a kill between the copy and the end of the original; and one half-way through the copy.
    const [copied = ''] = files.filter((path) => path.includes('/s.'));
    const name = copied.split('/').at(-1) ?? '';
    writeFileSync(join(log.directory, 'active', name), readFileSync(copied));
    writeFileSync(join(copied, '..', '.half.tmp'), 'half');
    const again = open({ directory: log.directory, cleanupIntervalMs: 0 });
    expect(payloads(await all(again, 's', { archived: true }))).toEqual(upTo(EVENTS));
    expect(await again.cleanup(DAY_MS / 2)).toMatchObject({ archived: 1 });
    expect(archivedFiles(log.directory)).toEqual(files);
    expect(readdirSync(join(log.directory, 'active'))).not.toContain(name);
    expect(payloads(await all(again, 's', { archived: true }))).toEqual(upTo(EVENTS));
  });
});
