/** The record of one agent on its own: whom its signs of life are counted for. */
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
