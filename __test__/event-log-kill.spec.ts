/** A process that appends events is killed, again and again; what it acknowledged is there. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { JsonlEventReplayStorage } from '../ts/index.js';
import { killLoop, type Life } from './support/kill-loop.js';

const KILLS = 25;

let directory: string;
beforeAll(() => (directory = mkdtempSync(join(tmpdir(), 'smalltalk-'))));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

test(`${KILLS} kills with a write in flight lose nothing that was acknowledged`, async () => {
  expect(existsSync(join(__dirname, '../dist/index.js'))).toBe(true);
  const report = await killLoop({
    script: join(__dirname, 'support/event-log-child.cjs'),
    args: (round) => [directory, String(round)],
    rounds: KILLS,
    verify,
  });
  console.info(
    `event log: ${report.kills} kills, each with a write in flight; ${report.acknowledged} acknowledged events, ` +
      `looked for after every kill (${report.checked} times), 0 lost`,
  );
  expect(report.kills).toBe(KILLS);
  expect(report.acknowledged).toBeGreaterThanOrEqual(KILLS);
});

async function verify({ everAcknowledged, everBegun, inFlight }: Life): Promise<number> {
  expect(inFlight.length).toBeGreaterThan(0);
  const log = new JsonlEventReplayStorage({ directory });
  const found = new Map<string, number>();
  for (const session of await log.sessions()) {
    let last = 0;
    for await (const { seq, payload } of log.replay(session, { priority: 'all' })) {
      const { token, at } = payload as { token: string; at: Date };
      expect(seq).toBeGreaterThan(last);
      expect(at.getTime()).toBe(Number(token.split('-')[2]));
      last = seq;
      found.set(token, (found.get(token) ?? 0) + 1);
    }
  }
  const { recovery } = await log.getStats();
  await log.close();
  expect(recovery).toMatchObject({ clean: false, damaged: [] });
  const lost = everAcknowledged.filter((token) => !found.has(token));
  expect(lost).toEqual([]);
  const begun = new Set(everBegun);
  const strange = [...found].filter(([token, times]) => times !== 1 || !begun.has(token));
  expect(strange).toEqual([]);
  return everAcknowledged.length;
}
