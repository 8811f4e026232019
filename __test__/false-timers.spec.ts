/** Who tries out a program in a time that stands still, as Jest, `node:test` and others make it, gets answers to it. */
import { join } from 'node:path';

import { runNode } from './support/child.js';
import { open } from './support/event-log.js';
import { temporaryDirectory } from './support/temporary.js';

test('answers come, also after long work and large ones, where all timers of Node are false ones', async () => {
  const cwd = temporaryDirectory();
  const child = join(__dirname, 'support/false-timers-child.cjs');
  const { code, output } = await runNode([child, cwd], { cwd });
  expect(output).toBe('all came\n');
  expect(code).toBe(0);
});

test('the event log answers under the fake timers of Jest', async () => {
  jest.useFakeTimers();
  try {
    const log = open();
    await log.append('s', { topic: 't' });
    await expect(log.append('s', { topic: 't' })).resolves.toMatchObject({ seq: 2 });
    await log.close();
  } finally {
    jest.useRealTimers();
  }
});
