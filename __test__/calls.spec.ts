/** Answers and the loop that they are given on. */
import { setImmediate } from 'node:timers/promises';

import { Calls } from '../ts/calls.js';
import { SmallTalkError } from '../ts/index.js';
import { awake } from './support/awake.js';

/** Longer than answers are taken in one turn of the loop. */
const TOO_LONG_MS = 10;

/** Calls whose answers the test gives, and the slots that they have. */
function asked(count: number): { calls: Calls; slots: number[]; answered: unknown[] } {
  const calls = new Calls(SmallTalkError);
  const slots: number[] = [];
  const answered: unknown[] = [];
  for (let call = 0; call < count; call += 1) {
    void calls.run((_binary, slot) => slots.push(slot)).then((value) => answered.push(value));
  }
  return { calls, slots, answered };
}

const microtasks = async (): Promise<void> => {
  for (let count = 0; count < 8; count += 1) await Promise.resolve();
};

test('answers that follow each other for too long wait until the loop has turned, and keep their order', async () => {
  const { calls, slots, answered } = asked(4);
  const [first, second, third, fourth] = slots as [number, number, number, number];
  let turned = false;
  calls.settle([first, false, 'first', second, false, 'second']);
  await microtasks();
  expect(answered).toEqual(['first', 'second']);
  awake(TOO_LONG_MS);
  calls.settle([third, false, 'third']);
  calls.settle([fourth, false, 'fourth']);
  void setImmediate().then(() => (turned = true));
  await microtasks();
  expect(answered).toEqual(['first', 'second']);
  while (!turned) await setImmediate();
  expect(answered).toEqual(['first', 'second', 'third', 'fourth']);
  expect(calls.pending).toBe(0);
});

test('answers that are fetched wait for nothing, and come after those that do', async () => {
  const { calls, slots, answered } = asked(3);
  const [first, second, third] = slots as [number, number, number];
  calls.settle([first, false, 'first']);
  awake(TOO_LONG_MS);
  calls.settle([second, false, 'second']);
  calls.settleNow([third, false, 'third']);
  await microtasks();
  expect(answered).toEqual(['first', 'second', 'third']);
});

test('what was given up is over when its answer comes after all', async () => {
  const calls = new Calls(SmallTalkError);
  const slots: number[] = [];
  const over: string[] = [];
  const begin = (call: string): Promise<unknown> =>
    calls
      .run((_binary, slot) => slots.push(slot), 'read', undefined, 0, { over: () => over.push(call) })
      .catch(() => undefined);
  const given = ['answered', 'late', 'never'].map(begin);
  const [answered, late, never] = slots as [number, number, number];
  calls.settleNow([answered, false, null]);
  calls.giveUp([answered, late, never], 1);
  await Promise.all(given);
  expect([calls.pending, over]).toEqual([0, ['answered']]);
  calls.settleNow([late, true, { code: 'ERR_IO', message: '' }]);
  calls.settleNow([late, false, null]);
  expect(over).toEqual(['answered', 'late']);
  const failing = calls.run(
    () => {
      throw new Error('nobody has it');
    },
    'read',
    undefined,
    0,
    { over: () => over.push('failing') },
  );
  await expect(failing).rejects.toThrow('nobody has it');
  expect(over).toEqual(['answered', 'late', 'failing']);
});

test('the next turn of the loop has its own time', async () => {
  const { calls, slots, answered } = asked(2);
  const [first, second] = slots as [number, number];
  calls.settle([first, false, 'first']);
  awake(TOO_LONG_MS);
  await setImmediate();
  await setImmediate();
  calls.settle([second, false, 'second']);
  await microtasks();
  expect(answered).toEqual(['first', 'second']);
});
