/** What comes and goes by the thousand is gone when it goes: a Map would have the engine keep it until a full collection. */
import { join } from 'node:path';

import fc from 'fast-check';

import { ChurnMap, ChurnSet } from '../ts/churn.js';
import { runNode } from './support/child.js';
import { temporaryDirectory } from './support/temporary.js';

const child = join(__dirname, 'support', 'surviving-child.cjs');
/** Of all that is made, so much may outlive two small collections: with Maps it was a tenth. */
const MOST = 0.05;

test.each(['sets', 'saves', 'restores', 'replays'])(
  'what %s leave behind is collected with the young',
  async (what) => {
    const { code, output } = await runNode(
      // Whether the engine takes what waits for long-lived depends on when it looks.
      [
        '--no-allocation-site-pretenuring',
        '--trace-gc-nvp',
        '--max-semi-space-size=1',
        child,
        temporaryDirectory(),
        what,
        '300',
      ],
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

const step = fc.record({
  kind: fc.constantFrom('put' as const, 'delete' as const, 'put' as const, 'clear' as const),
  name: fc.integer({ min: 0, max: 150 }),
});

test('they hold what a Map and a Set hold, in the same order, whatever comes and goes', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 600 }), fc.boolean(), (steps, mayClear) => {
      const [map, set] = [new ChurnMap<number, number>(), new ChurnSet<number>()];
      const [mapModel, setModel] = [new Map<number, number>(), new Set<number>()];
      for (const [at, { kind, name }] of steps.entries()) {
        if (kind === 'put') {
          map.set(name, at);
          mapModel.set(name, at);
          set.add(name);
          setModel.add(name);
        } else if (kind === 'delete') {
          expect([map.delete(name), set.delete(name)]).toEqual([mapModel.delete(name), setModel.delete(name)]);
        } else if (mayClear) {
          for (const one of [map, mapModel, set, setModel]) one.clear();
        }
        expect([map.get(name), map.has(name), map.size]).toEqual([
          mapModel.get(name),
          mapModel.has(name),
          mapModel.size,
        ]);
        expect(set.size).toBe(setModel.size);
      }
      expect(map.entries()).toEqual([...mapModel]);
      expect(map.keys()).toEqual([...mapModel.keys()]);
      expect(map.values()).toEqual([...mapModel.values()]);
      expect(set.values()).toEqual([...setModel]);
    }),
    { numRuns: 300 },
  );
});
