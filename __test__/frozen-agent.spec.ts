/** The example does what it says, both halves of it, and ends well. */
import { readdirSync } from 'node:fs';
import path from 'node:path';

import { runNode } from './support/child';
import { ROOT } from './support/consumer';
import { temporaryDirectory } from './support/temporary';

test('examples/frozen-agent: a frozen worker is restarted, a frozen main thread is found in the log', async () => {
  const cwd = temporaryDirectory();
  const script = path.join(ROOT, 'examples', 'frozen-agent', 'main.mjs');
  const { code, output } = await runNode([script], { cwd, env: { TMPDIR: cwd } });
  expect(output).toMatch(/worker \d+ has been frozen for \d+ ms: agent writer, event turn, listener answer/);
  expect(output).toMatch(/the log of the next process: loop_frozen, agent thinker, event question, listener ponder/);
  expect(output.match(/^✓ .+$/gm)).toHaveLength(5);
  expect(output).not.toContain('✗');
  expect(code).toBe(0);
  expect(readdirSync(cwd)).toEqual([]);
});
