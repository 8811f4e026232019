/** Who is found under an id, and in a slot. */
import { Roster } from '../ts/health-monitor/roster.js';
import type { Watched } from '../ts/health-monitor/watched.js';

const watched = (id: string, slot: number, ticket: number): Watched => ({ id, slot, ticket }) as Watched;

test('what is said of an earlier life, or of who had the slot before, concerns nobody', () => {
  const roster = new Roster();
  const first = watched('ada', 1, 7);
  roster.add(first);
  expect(roster.living(1, 7)).toBe(first);
  first.ticket = 8;
  expect([roster.living(1, 7), roster.living(1, 8)]).toEqual([undefined, first]);
  roster.delete(first);
  const second = watched('bob', 1, 9);
  roster.add(second);
  expect([roster.living(1, 8), roster.living(1, 9)]).toEqual([undefined, second]);
  expect([roster.has(first), roster.has(second)]).toEqual([false, true]);
});

test('whatever the order in which they are asked for, each id has its own slot', () => {
  const roster = new Roster();
  const ids = ['a', 'b', 'c', 'd'];
  for (const [index, id] of ids.entries()) roster.add(watched(id, index + 1, index));
  for (const order of [ids, ids, [...ids].reverse(), ['a', 'a', 'c', 'a', 'c', 'x', 'b']]) {
    for (const id of order) expect(roster.slotOf(id)).toBe(id === 'x' ? undefined : ids.indexOf(id) + 1);
  }
  expect([...roster].map(({ id }) => id)).toEqual(ids);
});
