/** A disk without room, a log that is slower than the bus, and how both go on. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { SmallTalkEventBus, type Event } from '../ts/index.js';
import { effort, LONG_MS } from './support/effort.js';
import { all, open, rejection } from './support/event-log.js';
import { logStats } from './support/held-log.js';
import { skipUnless } from './support/skip.js';

const EVENTS = effort('SMALLTALK_LOG_EVENTS', 300_000);
const DAY_MS = 86_400_000;

const isRoot = process.getuid?.() === 0 && process.platform === 'linux';
const smallDisk = skipUnless(isRoot, 'a small disk can only be mounted by root');

describe('a disk of 4 MB', () => {
  let disk: string;
  beforeAll(() => {
    disk = mkdtempSync(join(tmpdir(), 'smalltalk-'));
    if (isRoot) execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', disk]);
  });
  afterAll(() => {
    if (isRoot) execFileSync('umount', [disk]);
    rmSync(disk, { recursive: true, force: true });
  });

  smallDisk('says ERR_FULL, keeps what was acknowledged, cleans up, and goes on when there is room', async () => {
    const log = open({ directory: join(disk, 'events'), maxFileBytes: 200_000, cleanupIntervalMs: 0 });
    const ballast = join(disk, 'ballast');
    writeFileSync(ballast, Buffer.alloc(300_000));
    const old = Date.now() - 40 * DAY_MS;
    const acknowledged: number[] = [];
    let at = 0;
    const append = async (): Promise<void> => {
      const payload = { at: (at += 1), filler: 'x'.repeat(10_000) };
      await log.append('s', { topic: 't', payload, timestamp: at < 100 ? old : Date.now() });
      acknowledged.push(payload.at);
    };
    const fill = async (): Promise<string | undefined> => {
      for (;;) {
        const failed = await append().then(
          () => null,
          (error: unknown) => error as { code?: string },
        );
        if (failed !== null) return failed.code;
      }
    };
    const stored = async (): Promise<unknown[]> =>
      (await all(log, 's')).map(({ payload }: Event) => (payload as { at: number }).at);
    expect(await fill()).toBe('ERR_FULL');
    expect(acknowledged.length).toBeGreaterThan(300);
    expect(await stored()).toEqual(acknowledged);
    expect((await rejection(append())).code).toBe('ERR_FULL');
    rmSync(ballast);
    await append();
    expect(await fill()).toBe('ERR_FULL');
    expect(await stored()).toEqual(acknowledged);
    // What is too old goes, first to the archive and then for good, although there is no room for anything.
    const archived = await log.cleanup(30 * DAY_MS);
    const deleted = await log.cleanup(30 * DAY_MS);
    expect(archived.archived).toBeGreaterThan(2);
    expect(deleted).toMatchObject({ deleted: archived.archived });
    const gone = acknowledged.length - (await stored()).length;
    expect(gone).toBeGreaterThan(50);
    await append();
    expect(await stored()).toEqual(acknowledged.slice(gone));
    await log.close();
    const again = open({ directory: join(disk, 'events') });
    expect((await again.getStats()).recovery).toMatchObject({ clean: true, torn: [], damaged: [] });
    expect(await all(again, 's')).toHaveLength(acknowledged.length - gone);
  });
});

const withMounts = skipUnless(isRoot, 'file systems can only be mounted by root');

withMounts('a file that cannot be erased is there again at once, and all others are gone', async () => {
  const log = open({ maxFileBytes: 1, cleanupIntervalMs: 0 });
  for (const payload of [1, 2, 3]) await log.append('s', { topic: 't', payload });
  const active = join(log.directory, 'active');
  const busy = join(active, 's.1.jsonl');
  const payloads = async (): Promise<unknown[]> => (await all(log, 's')).map(({ payload }) => payload);
  execFileSync('mount', ['--bind', busy, busy]);
  try {
    expect((await rejection(log.eraseSession('s'))).code).toBe('ERR_IO');
    expect(readdirSync(active)).toEqual(['s.1.jsonl']);
    expect(await payloads()).toEqual([1]);
  } finally {
    execFileSync('umount', [busy]);
  }
  expect(await log.eraseSession('s')).toBe(true);
  expect(await payloads()).toEqual([]);
  expect((await log.append('s', { topic: 't' })).seq).toBeGreaterThan(3);
});

test(
  `${EVENTS.toLocaleString('en')} events through a log that is slower than the bus: bounded, and the counts add up`,
  async () => {
    const LIMIT = 200_000;
    const log = open({ maxFileBytes: 4 << 20 });
    const bus = new SmallTalkEventBus({ log, logQueueBytes: LIMIT });
    let told = 0;
    bus.on('log:overflow', () => (told += 1));
    let most = 0;
    for (let at = 1; at <= EVENTS; at += 1) {
      bus.emit(at % 50 === 0 ? 'agent_handoff' : 'step', at, 'a text that makes it a little longer');
      if (at % 100 === 0) most = Math.max(most, logStats(bus).queuedBytes);
      // In bursts that are larger than the queue: what there is no time for has no room.
      if (at % 20_000 === 0) await new Promise(setImmediate);
    }
    await bus.flush();
    const { logged, failed, dropped, droppedCritical, queuedEvents, queuedBytes } = logStats(bus);
    expect(most).toBeGreaterThan(LIMIT / 2);
    expect(most).toBeLessThanOrEqual(2 * LIMIT);
    expect({ failed, queuedEvents, queuedBytes }).toEqual({ failed: 0, queuedEvents: 0, queuedBytes: 0 });
    expect(logged + dropped).toBe(EVENTS);
    expect(dropped).toBeGreaterThan(0);
    expect(told).toBeGreaterThan(0);
    await bus.close();
    // The log has each that it acknowledged, once and in order, and says how many are missing.
    let found = 0;
    let last = 0;
    const missing = { dropped: 0, critical: 0 };
    for await (const { topic, payload } of log.replay('default', { priority: 'all' })) {
      const [first] = payload as [number | { dropped: number; critical: number }];
      if (typeof first === 'object') {
        expect(topic).toBe('log_overflow');
        missing.dropped += first.dropped;
        missing.critical += first.critical;
        continue;
      }
      if (first <= last) throw new Error(`${first} after ${last}`);
      last = first;
      found += 1;
    }
    expect(found).toBe(logged);
    expect(missing).toEqual({ dropped, critical: droppedCritical });
    console.info(`event log: ${logged} of ${EVENTS} logged, ${dropped} dropped, at most ${most} bytes on their way`);
  },
  LONG_MS,
);
