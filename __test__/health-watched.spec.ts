/** The record of one agent on its own: whom its signs of life are counted for. */
import { EventEmitter } from 'node:events';
import type { Worker } from 'node:worker_threads';

import type { Beats } from '../ts/health-monitor/beats.js';
import { Watched } from '../ts/health-monitor/watched.js';

/** Beats that say which slot has had a sign of life; whoever has it did the same the last time. */
function beatsOf(beaten: number[]): Beats {
  const beats: Pick<Beats, 'again' | 'beat' | 'expect' | 'expectNothing'> = {
    again: (slot) => beaten.push(slot) > 0,
    beat: (slot) => void beaten.push(slot),
    expect: () => undefined,
    expectNothing: () => undefined,
  };
  return beats as Beats;
}

test('a sign of life counts for the slot of the agent, and once it is released for nobody, whoever has the slot', () => {
  const beaten: number[] = [];
  const place = { id: 'a', strategy: 'alert', slot: 7, ticket: 1, spawn: null, missed: null } as const;
  const watched = new Watched({ id: 'a' }, place, [], beatsOf(beaten));
  watched.alive('work');
  expect(beaten).toEqual([7]);
  watched.release();
  watched.alive('work');
  expect(beaten).toEqual([7]);
});

test.each([
  ['restart', true, true],
  ['restart', false, false],
  ['alert', true, false],
] as const)(
  'a worker it is not tied to any more is kept only for another one: %s, spawn() %s',
  (strategy, can, kept) => {
    const worker = new EventEmitter() as unknown as Worker;
    const place = { id: 'a', strategy, slot: 7, ticket: 1, spawn: can ? () => worker : null, missed: null };
    const watched = new Watched({ id: 'a' }, place, [], beatsOf([]));
    watched.liveIn(worker, () => undefined);
    expect(watched.worker).toBe(worker);
    watched.liveIn(null, () => undefined);
    expect([watched.worker, watched.lastWorker]).toEqual([null, kept ? worker : null]);
  },
);
