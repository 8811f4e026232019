/** Numbers for what comes and goes. */
import fc from 'fast-check';

import { Slots } from '../ts/slots.js';

test('numbers are those of a Map that gives them out, whatever comes and goes', () => {
  const step = fc.oneof(
    fc.constant({ kind: 'add' as const }),
    fc.record({ kind: fc.constantFrom('delete' as const, 'replace' as const, 'get' as const), which: fc.nat() }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const slots = new Slots<object>();
      const model = new Map<number, object>();
      const given: number[] = [0];
      for (const one of steps) {
        const slot = one.kind === 'add' ? slots.add({}) : (given[one.which % given.length] as number);
        if (one.kind === 'add') {
          expect(model.has(slot)).toBe(false);
          expect(slot).toBeGreaterThan(given.at(-1) as number);
          model.set(slot, slots.get(slot) as object);
          given.push(slot);
        } else if (one.kind === 'delete') {
          slots.delete(slot);
          model.delete(slot);
        } else if (one.kind === 'replace') {
          const value = {};
          slots.replace(slot, value);
          if (model.has(slot)) model.set(slot, value);
        }
        expect(slots.get(slot)).toBe(model.get(slot));
        expect(slots.size).toBe(model.size);
      }
      expect(slots.entries()).toEqual([...model]);
      expect(slots.values()).toEqual([...model.values()]);
    }),
    { numRuns: 500 },
  );
});

test('a number that is in use is passed over, and one that is gone names nothing', () => {
  const slots = new Slots<string>();
  const stays = slots.add('stays');
  let last = stays;
  for (let round = 0; round < 1_000; round += 1) {
    const before = last;
    last = slots.add(`${round}`);
    expect(last).toBeGreaterThan(before);
    slots.delete(last);
    expect(slots.get(last)).toBeUndefined();
    slots.delete(last);
  }
  expect([slots.get(stays), slots.size]).toEqual(['stays', 1]);
});
