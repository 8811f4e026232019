/** What crosses to the binary and back for the events of one turn. */
import { execFileSync } from 'node:child_process';
import path from 'node:path';

import fc from 'fast-check';

import { PreparedKind } from '../ts/event-log/encoding.js';
import { timeText } from '../ts/event-log/time-text.js';
import { Together } from '../ts/event-log/together.js';
import type { Answer, Asking, Crossing } from '../ts/event-log/turn.js';
import type { AppendReceipt, StreamOutcome } from '../ts/types.js';

function give(asking: Asking, answer: Answer): void {
  asking.isGiven = true;
  asking.resolve(answer);
}

const forgo = (): void => {
  throw new Error('nothing was stopped');
};

/** Events that are added together, by their sessions; what crosses, and what each of them is told. */
async function added(sessions: string[], answer: Answer): Promise<{ crossing: Crossing; told: unknown[] }> {
  const crossings: Crossing[] = [];
  const together = new Together(
    1 << 20,
    false,
    (crossing, asking) => {
      crossings.push(crossing);
      give(asking, answer);
    },
    forgo,
  );
  const told = sessions.map(
    (session, timestamp) =>
      new Promise<AppendReceipt>((resolve, reject) => {
        together.add(session, '{}', null, { timestamp, resolve, reject });
      }),
  );
  const settled = await Promise.allSettled(told);
  expect(crossings).toHaveLength(1);
  const outcomes = settled.map((one) => (one.status === 'fulfilled' ? one.value : (one.reason as Error).message));
  return { crossing: crossings[0] as Crossing, told: outcomes };
}

test('a number is read where it is said, and is else one more than the last; what is not stored has none', async () => {
  const failure = { code: 'ERR_IO', message: 'a disk', retryable: true };
  const { told } = await added(Array<string>(6).fill('s'), ['5 a\nb\n\nc\n9 d\ne\n', JSON.stringify([[2, failure]])]);
  expect(told).toEqual([
    { seq: 5, id: 'a', timestamp: 0 },
    { seq: 6, id: 'b', timestamp: 1 },
    'a disk',
    { seq: 7, id: 'c', timestamp: 3 },
    { seq: 9, id: 'd', timestamp: 4 },
    { seq: 10, id: 'e', timestamp: 5 },
  ]);
});

test('of an event that the answer does not name nobody knows', async () => {
  const { told } = await added(['s', 's'], ['1 a\n', null]);
  expect(told).toEqual([{ seq: 1, id: 'a', timestamp: 0 }, expect.stringContaining('nothing of this event')]);
});

test('which sessions they are of is said where there are several', async () => {
  const one = await added(['s', 's'], ['1 a\nb\n', null]);
  expect(one.crossing).toMatchObject({ sessions: ['s'], places: null, bodies: '{}\n{}' });
  const two = await added(['s', 't', 's'], ['1 a\n1 b\n2 c\n', null]);
  expect(two.crossing).toMatchObject({ sessions: ['s', 't'], places: Uint32Array.of(0, 1, 0) });
  expect(two.told).toMatchObject([{ seq: 1 }, { seq: 1 }, { seq: 2 }]);
});

test('a large event crosses alone: those before it may have room where it has none', async () => {
  const crossings: string[] = [];
  const together = new Together(
    1 << 20,
    true,
    ({ bodies }, asking) => {
      crossings.push(bodies);
      give(asking, [Array.from(bodies.split('\n'), (_, at) => `${at + 1} id`).join('\n'), null]);
    },
    forgo,
  );
  const large = `"${'x'.repeat(1 << 18)}"`;
  const outcomes: StreamOutcome[] = [];
  const stream = together.stream(
    () => ({}),
    (outcome) => outcomes.push(outcome),
  );
  const kind = new PreparedKind('s', { topic: 'n', priority: 'normal' }, {});
  const told = ['1', large, '2', '3'].map(
    (body, timestamp) =>
      new Promise<AppendReceipt>((resolve, reject) => {
        stream.add(kind, `${body}0`, {});
        together.add('s', body, null, { timestamp, resolve, reject });
      }),
  );
  await Promise.all(told);
  await stream.idle();
  expect(crossings).toEqual(['10\n1', `${large}0`, large, '20\n2\n30\n3']);
  expect(outcomes.map(({ events }) => events)).toEqual([1, 1, 2]);
});

test('a stream that throws at what it is told keeps none of the others waiting, and the process hears of it', () => {
  // In a process of its own: a test runner takes what nobody handles for a failure of the test.
  const script = `
    const { Together } = require(${JSON.stringify(path.resolve('dist/event-log/together.js'))});
    process.on('unhandledRejection', ({ message }) => console.log(message));
    const together = new Together(1 << 20, false, (_crossing, { resolve }) => resolve(['', null]), () => undefined);
    const fail = () => { throw new Error('first is told'); };
    const told = [fail, () => console.log('second is told')];
    const streams = told.map((settled) => together.stream(() => ({}), settled));
    for (const stream of streams) stream.add({ sessionId: 's' }, '{}', {});
    Promise.all(streams.map((stream) => stream.idle())).then(() => console.log('idle'));`;
  const told = execFileSync(process.execPath, ['-e', script], { encoding: 'utf8' });
  expect(told.trim().split('\n').sort()).toEqual(['first is told', 'idle', 'second is told']);
});

test('the text of a time is that of the number', () => {
  const near = fc.constantFrom(0, 999, 1_000, 1_001, 1_763_900_000_000, 1e13 - 1, 1e13, 2 ** 53);
  const times = fc.oneof(
    fc.double(),
    fc.integer({ min: -5_000, max: 5_000 }),
    fc.integer({ min: 0, max: 2e13 }),
    fc.tuple(near, fc.integer({ min: -2_000, max: 2_000 })).map(([time, more]) => time + more),
  );
  fc.assert(
    fc.property(times, (time) => {
      expect(timeText(time)).toBe(String(time));
    }),
    { numRuns: 5_000 },
  );
});
