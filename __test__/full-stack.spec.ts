/** A recursion without end that tells of itself: what runs when the stack is nearly full may end anywhere. */
import { join } from 'node:path';

import { runNode } from './support/child.js';
import { temporaryDirectory } from './support/temporary.js';

const child = join(__dirname, 'support', 'full-stack-child.cjs');

interface Said {
  logged: number;
  wrong: number;
  acknowledged: number;
  lost: number;
}

async function run(...words: string[]): Promise<Said> {
  const { code, output } = await runNode([child, temporaryDirectory(), ...words], { cwd: __dirname });
  // Node tells of promises that are rejected while the stack is full.
  const said = /^\{.*\}$/m.exec(output)?.[0] ?? output;
  expect({ code, said }).toEqual({ code: 0, said: expect.stringMatching(/^\{.*\}$/) as string });
  return JSON.parse(said) as Said;
}

test.each(['power', 'process'])(
  'what is emitted as it unwinds is logged with its own time, each append is answered: %s',
  async (durability) => {
    const { logged, wrong, acknowledged, lost } = await run('late', durability);
    expect(logged).toBeGreaterThan(1_000);
    expect(acknowledged).toBeGreaterThan(1_000);
    expect([wrong, lost]).toEqual([0, 0]);
  },
);

test('the process goes on, also where hardly anything has been compiled', async () => {
  expect(await run('early')).toMatchObject({ wrong: 0 });
});
