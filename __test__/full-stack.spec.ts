/** A recursion without end that tells of itself: what runs when the stack is nearly full may end anywhere. */
import { join } from 'node:path';

import { runNode } from './support/child.js';
import { temporaryDirectory } from './support/temporary.js';

const child = join(__dirname, 'support', 'full-stack-child.cjs');

interface Said {
  logged: number;
  acknowledged: number;
  /** What there is too much of. */
  wrong: Record<string, number>;
}

const NOTHING_WRONG = { wrong: 0, lost: 0, refusedAndFound: 0, queuedEvents: 0, queuedBytes: 0 };

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
    const { logged, acknowledged, wrong } = await run('late', durability);
    expect(logged).toBeGreaterThan(1_000);
    expect(acknowledged).toBeGreaterThan(1_000);
    expect(wrong).toEqual(NOTHING_WRONG);
  },
);

test('the process goes on, also where hardly anything has been compiled', async () => {
  expect((await run('early')).wrong).toEqual(NOTHING_WRONG);
});

const storeChild = join(__dirname, 'support', 'full-stack-store-child.cjs');

/** Methods that are called for the first time while the stack is full: what is not compiled needs most of it. */
test.each([
  ...['get', 'getMany', 'getSession', 'getSessions', 'set', 'deleteMany', 'saveSession', 'saveSessions'],
  ...['deleteSession', 'deleteSessions', 'listSessions', 'prune', 'clear'],
])('a SQLite store of which %s was called goes on, and calls fail with what the engine throws', async (method) => {
  const { code, output } = await runNode([storeChild, temporaryDirectory(), method], { cwd: __dirname });
  const said = /^\{"codes".*\}$/m.exec(output)?.[0] ?? output;
  expect({ code, said }).toEqual({ code: 0, said: expect.stringMatching(/^\{/) as string });
  expect(JSON.parse(said)).toEqual({
    codes: ['RangeError'],
    after: { get: null, save: null, list: null, close: null },
  });
});
