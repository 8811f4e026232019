/** A process is killed while it closes, archives and cleans up; nothing that it acknowledged is lost or there twice. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { JsonlEventReplayStorage } from '../ts/index.js';
import { effort, LONG_MS } from './support/effort.js';
import { killLoop, type Life } from './support/kill-loop.js';

const KILLS = effort('SMALLTALK_LOG_KILLS', 20);

let directory: string;
beforeAll(() => (directory = mkdtempSync(join(tmpdir(), 'smalltalk-'))));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

test(
  `${KILLS} kills beside a cleaner lose nothing that was acknowledged, and archive nothing that is of today`,
  async () => {
    const report = await killLoop({
      script: join(__dirname, 'support/event-log-aging-child.cjs'),
      args: (round) => [directory, String(round)],
      rounds: KILLS,
      mostAcknowledgements: 200,
      verify,
    });
    console.info(
      `event log: ${report.kills} kills beside a cleaner; ${report.acknowledged} acknowledged events, 0 lost`,
    );
    expect(report.kills).toBe(KILLS);
  },
  LONG_MS,
);

async function verify({ everAcknowledged, everBegun }: Life): Promise<number> {
  const log = new JsonlEventReplayStorage({ directory, cleanupIntervalMs: 0 });
  const old = await tokens(log, 'old', true);
  const today = await tokens(log, 'new', false);
  expect(await tokens(log, 'new', true)).toEqual(today);
  const { damaged } = await log.verify();
  await log.close();
  expect(damaged).toEqual([]);
  const found = [...old, ...today];
  expect(new Set(found).size).toBe(found.length);
  const there = new Set(found);
  const begun = new Set(everBegun);
  expect(everAcknowledged.filter((token) => !there.has(token))).toEqual([]);
  expect(found.filter((token) => !begun.has(token))).toEqual([]);
  return everAcknowledged.length;
}

async function tokens(log: JsonlEventReplayStorage, session: string, archived: boolean): Promise<string[]> {
  const found: string[] = [];
  let last = 0;
  for await (const { seq, payload } of log.replay(session, { priority: 'all', archived })) {
    expect(seq).toBeGreaterThan(last);
    last = seq;
    found.push((payload as { token: string }).token);
  }
  return found;
}
