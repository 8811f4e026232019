/** A recursion without end that tells of itself: what runs when the stack is nearly full may end anywhere. */
import { join } from 'node:path';

import { runNode } from './support/child.js';
import { temporaryDirectory } from './support/temporary.js';

const child = join(__dirname, 'support', 'full-stack-child.cjs');

async function run(what: string): Promise<{ logged: number; wrong: number }> {
  const { code, output } = await runNode([child, temporaryDirectory(), what], { cwd: __dirname });
  expect({ code, output }).toEqual({ code: 0, output: expect.stringMatching(/^\{.*\}\n$/) as string });
  return JSON.parse(output) as { logged: number; wrong: number };
}

test('what was emitted as it unwinds is logged with its own time', async () => {
  const { logged, wrong } = await run('late');
  expect(logged).toBeGreaterThan(1_000);
  expect(wrong).toBe(0);
});

test('the process goes on, also where hardly anything has been compiled', async () => {
  expect(await run('early')).toMatchObject({ wrong: 0 });
});
