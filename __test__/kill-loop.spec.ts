import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { killLoop, type KillReport } from './support/kill-loop.js';

let directory: string;
beforeEach(() => (directory = mkdtempSync(join(tmpdir(), 'smalltalk-'))));
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function run(manner: 'honest' | 'liar'): Promise<KillReport> {
  const file = join(directory, 'lines');
  return killLoop({
    script: join(__dirname, 'support/lines-child.cjs'),
    args: (round) => [file, manner, String(round)],
    rounds: 3,
    verify: ({ everAcknowledged, inFlight }) => {
      expect(inFlight.length).toBeGreaterThan(0);
      const found = new Set(existsSync(file) ? readFileSync(file, 'utf8').split('\n') : []);
      for (const token of everAcknowledged) if (!found.has(token)) throw new Error(`lost ${token}`);
      return Promise.resolve(everAcknowledged.length);
    },
  });
}

test('a child that acknowledges what it wrote passes, however it is killed', async () => {
  const report = await run('honest');
  expect(report.kills).toBe(3);
  expect(report.checked).toBeGreaterThanOrEqual(3);
});

test('a child that acknowledges what it did not write is caught', async () => {
  await expect(run('liar')).rejects.toThrow(/^lost /);
});
