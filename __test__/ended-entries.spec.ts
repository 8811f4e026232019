/**
 * Somebody who ends JavaScript, as a `vm` does when its time is up, at each place at which the engine looks for that. What
 * `ended-anywhere.spec.ts` does by the clock, and so in the midst of Node's own functions, is done by number here: a third of the
 * places in each run, others each time, and all of them with `SMALLTALK_LONG=1`.
 */
import { join } from 'node:path';

import { runNode } from './support/child.js';
import { temporaryDirectory } from './support/temporary.js';

test.each([
  ['store', 500],
  ['log', 300],
  ['bus', 400],
  ['bus with a log of a user', 400],
])('a %s goes on wherever a call of it is ended', async (part, least) => {
  const child = join(__dirname, 'support/ended-entries-child.cjs');
  const { code, output } = await runNode([child, part], { cwd: temporaryDirectory(), timeoutMs: 110_000 });
  const report = code === 0 ? (JSON.parse(output) as { entries: number; wrong: string[] }) : output;
  expect(report).toEqual({ entries: expect.any(Number) as number, wrong: [] });
  // So many at the least, or nothing is ended any more.
  expect((report as { entries: number }).entries).toBeGreaterThan(least);
});
