/** What comes and goes by the thousand is gone when it goes: a Map would have the engine keep it until a full collection. */
import { join } from 'node:path';

import fc from 'fast-check';

import { ChurnMap } from '../ts/churn-map.js';
import { runNode } from './support/child.js';
import { temporaryDirectory } from './support/temporary.js';

const child = join(__dirname, 'support', 'surviving-child.cjs');
/** Of all that is made, so much may outlive two small collections: with Maps it was a tenth. */
const MOST = 0.03;

test.each(['sets', 'saves', 'restores', 'replays'])(
  'what %s leave behind is collected with the young',
  async (what) => {
    const { code, output } = await runNode(
      ['--trace-gc-nvp', '--max-semi-space-size=1', child, temporaryDirectory(), what, '300'],
      { cwd: __dirname },
    );
    expect(code).toBe(0);
    const warm = /^warm$([\s\S]*)^done$/m.exec(output)?.[1] ?? '';
    const sum = (name: string): number =>
      [...warm.matchAll(new RegExp(` gc=s .*? ${name}=(\\d+)`, 'g'))].reduce(
        (all, [, bytes]) => all + Number(bytes),
        0,
      );
    // Otherwise this engine says it in other words than those looked for here.
    expect(sum('allocated')).toBeGreaterThan(5_000_000);
    expect(sum('promoted') / sum('allocated')).toBeLessThan(MOST);
  },
);

test('it holds what a Map holds, whatever comes and goes', () => {
  const step = fc.record({
    kind: fc.constantFrom('set' as const, 'delete' as const, 'set' as const, 'clear' as const),
    name: fc.integer({ min: 0, max: 150 }).map(String),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 600 }), fc.boolean(), (steps, mayClear) => {
      const churn = new ChurnMap<number>();
      const model = new Map<string, number>();
      for (const [at, { kind, name }] of steps.entries()) {
        if (kind === 'set') {
          churn.set(name, at);
          model.set(name, at);
        } else if (kind === 'delete') {
          churn.delete(name);
          model.delete(name);
        } else if (mayClear) {
          churn.clear();
          model.clear();
        }
        expect([churn.get(name), churn.has(name), churn.size]).toEqual([model.get(name), model.has(name), model.size]);
      }
      expect(new Map(churn.entries())).toEqual(model);
      expect(churn.values().sort()).toEqual([...model.values()].sort());
    }),
    { numRuns: 300 },
  );
});
