/** What is emitted on a stack that is nearly full: it is recorded and in one place of the log's counts, or it is neither. */
import { join } from 'node:path';

import { runNode } from './support/child.js';
import { temporaryDirectory } from './support/temporary.js';

const child = join(__dirname, 'support', 'full-stack-bus-child.cjs');

const NOTHING_WRONG = { uncounted: 0, unheard: 0, lost: 0, unsaid: 0, twice: 0, queuedEvents: 0, queuedBytes: 0 };

test.each([
  ['the log of this package', 'ours'],
  ['a log of somebody else', 'custom'],
  ['one that encodes at once', 'encoding'],
  ['a queue that is full', 'full'],
  ['a full queue to a log of somebody else', 'slow'],
  ['redaction', 'redact'],
  ['a history that is bounded in bytes', 'bytes'],
  ['no history', 'none'],
])('whatever could not be handed to the log is counted, told of, and fails a flush: %s', async (_what, kind) => {
  const { code, output } = await runNode([child, temporaryDirectory(), kind], { cwd: __dirname });
  // Node tells of promises that are rejected while the stack is full.
  const said = /^\{.*\}$/m.exec(output)?.[0] ?? output;
  expect({ code, said }).toEqual({ code: 0, said: expect.stringMatching(/^\{.*\}$/) as string });
  const { recorded, failed, wrong } = JSON.parse(said) as Record<'recorded' | 'failed', number> & { wrong: unknown };
  expect(wrong).toEqual(NOTHING_WRONG);
  // Or this would have tried nothing.
  expect(recorded).toBeGreaterThan(500);
  expect(failed).toBeGreaterThan(0);
});
