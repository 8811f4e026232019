/** The monitor under fire, in short: `torture/health` in the size of every change. The long form is for `test:torture`. */
import path from 'node:path';

import { runNode } from './support/child';
import { ROOT } from './support/consumer';
import { skipUnless } from './support/skip';

interface Report {
  faults: number;
  [count: string]: unknown;
}

async function report(name: string): Promise<Report> {
  const script = path.join('torture', 'health', 'main.mjs');
  const ended = await runNode([script, name, '--json'], { cwd: ROOT });
  try {
    return JSON.parse(ended.output) as Report;
  } catch {
    throw new Error(`${name} ended with ${ended.code}: ${ended.output}`);
  }
}

describe('every death is noticed', () => {
  test.each(['hungPing', 'rejectingPing', 'overdueWork', 'endedWorker', 'frozenWorker', 'frozenMain'])(
    '%s, within its bound',
    async (name) => {
      const told = await report(name);
      process.stdout.write(`${JSON.stringify(told)}\n`);
      expect(told).toMatchObject({ runs: 5, early: 0, late: 0 });
    },
  );
});

describe('nobody is accused', () => {
  const posix = process.platform !== 'win32';
  skipUnless(posix, 'only POSIX stops a process by a signal')('stops', () => innocent('stops'));
  test.each(['collections', 'busyProcesses', 'frozenLoop', 'debuggerPause'])('%s', innocent);

  async function innocent(name: string): Promise<void> {
    const told = await report(name);
    process.stdout.write(`${JSON.stringify(told)}\n`);
    // Or nobody was asked anything.
    expect(told['pings']).toBeGreaterThan(400);
    expect(told).toMatchObject({ accused: 0, faults: 0 });
  }
});
