/** Who tries out a program in a time that stands still, as Jest, `node:test` and others make it, gets answers to it. */
import { join } from 'node:path';

import { SmallTalkEventBus } from '../ts/index.js';
import { awake } from './support/awake.js';
import { runNode } from './support/child.js';
import { open } from './support/event-log.js';
import { HeldLog, KIB } from './support/held-log.js';
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

test('a bus that is loaded when the timers are false already goes by their time, however much it emits', async () => {
  jest.useFakeTimers({ now: 1_000, doNotFake: ['queueMicrotask', 'performance'] });
  try {
    await jest.isolateModulesAsync(async () => {
      const isolated = jest.requireActual<typeof import('../ts/index.js')>('../ts/index.js');
      const bus = new isolated.SmallTalkEventBus();
      // With the time of the system these would have it counted in ticks.
      for (let round = 0; round < 3; round += 1) {
        jest.setSystemTime(1_000 + round);
        for (let count = 0; count < 100; count += 1) bus.emit('a', count);
        awake(5);
        await Promise.resolve();
      }
      const behind = [];
      for (let time = 2_000; time < 2_100; time += 1) {
        jest.setSystemTime(time);
        bus.emit('a', time);
        const { timestamp } = bus.history.toArray().at(-1) ?? {};
        if (timestamp !== time) behind.push(time);
      }
      expect(behind).toEqual([]);
      const full = new isolated.SmallTalkEventBus({ log: new HeldLog(true), logQueueBytes: 2_000 });
      const told = new Promise((resolve) => full.on('log:overflow', resolve));
      for (let at = 0; at < 4; at += 1) full.emit('normal', KIB);
      await expect(told).resolves.toEqual({ dropped: 3, critical: 0 });
    });
  } finally {
    jest.useRealTimers();
  }
});

test('a bus says that its log is full under the fake timers of Jest', async () => {
  jest.useFakeTimers();
  try {
    const bus = new SmallTalkEventBus({ log: new HeldLog(true), logQueueBytes: 2_000 });
    const told = new Promise((resolve) => bus.on('log:overflow', resolve));
    for (let at = 0; at < 4; at += 1) bus.emit('normal', KIB);
    await expect(told).resolves.toEqual({ dropped: 3, critical: 0 });
  } finally {
    jest.useRealTimers();
  }
});
