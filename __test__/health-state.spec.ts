/** The states of an agent: a pure machine, held against the table of the documentation, on a simulated clock. */
import './support/simulated-clock.js';
import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import path from 'node:path';

import { Life, TRANSITIONS, type Cause } from '../ts/health-monitor/life.js';
import { Recovery } from '../ts/health-monitor/recovery.js';
import type { AgentState } from '../ts/index.js';
import { ROOT } from './support/consumer';

/** The rows `| from | cause | to | event |` of the page's table of states, by heart of nobody: read from the page. */
function documented(): Map<string, { to: string; event: string }> {
  const page = readFileSync(path.join(ROOT, 'docs', 'health-monitor.md'), 'utf8');
  const rows = page.matchAll(/^\| `(\w+)` +\| (.+?) +\| `(\w+)` +\| `(agent:\w+)` +\|.*$/gm);
  return new Map([...rows].map(([, from, cause, to, event]) => [`${from} ${cause}`, { to: to!, event: event! }]));
}

/** How the page words each cause. */
const WORDS: Record<Cause, string> = {
  alive: 'a sign of life',
  missed: 'something speaks against it',
  gone: 'it is gone',
  attempt: 'an attempt begins',
  recovered: 'the attempt worked',
  'gave up': 'the attempts are used up',
};
const EVENTS: Record<string, string> = {
  healthy: 'agent:recovered',
  suspect: 'agent:suspect',
  disconnected: 'agent:disconnected',
  recovering: 'agent:recovering',
  failed: 'agent:failed',
};

test('the machine is the table of the page, no more and no less', () => {
  const coded = Object.entries(TRANSITIONS).flatMap(([from, causes]) =>
    Object.entries(causes).map(
      ([cause, to]) => [`${from} ${WORDS[cause as Cause]}`, { to, event: EVENTS[to] }] as const,
    ),
  );
  expect(coded.length).toBeGreaterThan(10);
  expect(documented()).toEqual(new Map(coded));
});

test('work in flight makes a healthy agent busy, and nobody else', () => {
  const life = new Life();
  const work = life.begin();
  expect(life.state).toBe('busy');
  expect(life.take('missed')).toBe('busy');
  expect(life.state).toBe('suspect');
  expect(life.take('alive')).toBe('suspect');
  expect(life.state).toBe('busy');
  life.end(work);
  expect(life.state).toBe('healthy');
});

/** What may happen to an agent, and how long nothing does. */
const deed = fc.oneof(
  fc.constantFrom('sign', 'miss', 'go', 'begin', 'end', 'hold', 'go on' as const),
  fc.record({ pass: fc.integer({ min: 1, max: 40_000 }) }),
);
/** What becomes of each attempt, and of catching up after it. */
const outcome = fc.constantFrom('works', 'fails', 'hangs', 'comes late', 'cannot catch up' as const);

/** One agent with a monitor's habits around it. */
class World {
  readonly life = new Life();
  readonly told: [AgentState, AgentState][] = [];
  readonly recovery: Recovery;
  standing: 'healthy' | 'suspect' | 'disconnected' = 'healthy';
  /** From now on every attempt works. */
  calm = false;

  constructor(outcomes: readonly string[]) {
    let at = 0;
    let current = 'works';
    const backoff = { initialDelay: 1_000, factor: 2, maxDelay: 30_000, jitter: 0 };
    this.recovery = new Recovery(
      { maxRecoveries: 3, recoveryWindow: 60_000, backoff },
      {
        attempting: () => this.take('attempt'),
        attempt: (_, brought, called) => {
          current = this.calm ? 'works' : (outcomes[at++ % outcomes.length] as string);
          called();
          if (current === 'fails') return Promise.reject(new Error('no'));
          if (current === 'comes late') setTimeout(brought, 31_000);
          else if (current !== 'hangs') brought();
          // As the monitor bounds it.
          return new Promise((resolve, reject) =>
            current === 'hangs' || current === 'comes late'
              ? setTimeout(() => reject(new Error('late')), 30_000)
              : resolve(),
          );
        },
        catchUp: async () => {
          if (current === 'cannot catch up') throw new Error('missed');
        },
        attemptFailed: () => undefined,
        recovered: () => {
          this.standing = 'healthy';
          this.life.rest();
          this.take(this.life.state === 'failed' ? 'alive' : 'recovered');
        },
        alive: () => this.take('alive'),
        gaveUp: (answers) => {
          this.take('gave up');
          if (answers) this.take('alive');
        },
      },
    );
  }

  take(cause: Cause): void {
    const previous = this.life.take(cause);
    if (previous !== null) this.told.push([previous, this.life.state]);
  }

  /** What the binary reports is news each time: the core's own tests see to that. */
  report(standing: World['standing']): void {
    const worse = ['healthy', 'suspect', 'disconnected'].indexOf(standing) > this.rank;
    if (standing === 'healthy' ? this.standing === 'healthy' : !worse) return;
    this.standing = standing;
    if (standing === 'healthy') {
      if (this.recovery.signOfLife()) this.take('alive');
    } else if (this.recovery.active) {
      if (standing === 'disconnected') this.recovery.silentAgain();
    } else {
      this.take(standing === 'disconnected' ? 'gone' : 'missed');
      if (standing === 'disconnected') this.recovery.begin();
    }
  }

  get rank(): number {
    return ['healthy', 'suspect', 'disconnected'].indexOf(this.standing);
  }
}

test('no sequence of beats, failures and recoveries contradicts the table; every transition is announced once', async () => {
  jest.useFakeTimers();
  const table = documented();
  try {
    await fc.assert(
      fc.asyncProperty(
        fc.array(deed, { maxLength: 60 }),
        fc.array(outcome, { minLength: 1 }),
        async (deeds, outcomes) => {
          const world = new World(outcomes);
          const works: number[] = [];
          let state: AgentState = 'healthy';
          let announced = 0;
          const check = (): void => {
            // Each announcement begins where the one before ended, but for work that began or ended in between.
            for (const [from, to] of world.told.slice(announced)) {
              const plain = (name: AgentState): string => (name === 'busy' ? 'healthy' : name);
              expect(plain(from)).toBe(plain(state));
              const rows = [...table].filter(([key]) => key.startsWith(`${plain(from)} `));
              expect(rows.map(([, row]) => row.to)).toContain(plain(to));
              state = to;
            }
            announced = world.told.length;
            const now = world.life.state;
            expect(now === 'busy' ? 'healthy' : now).toBe(state === 'busy' ? 'healthy' : state);
          };
          for (const next of deeds) {
            if (typeof next === 'object') await jest.advanceTimersByTimeAsync(next.pass);
            else if (next === 'sign') world.report('healthy');
            else if (next === 'miss') world.report('suspect');
            else if (next === 'go') world.report('disconnected');
            else if (next === 'begin') works.push(world.life.begin());
            else if (next === 'end') world.life.end(works.shift() ?? 0);
            else if (next === 'hold') world.recovery.hold();
            else if (next === 'go on') world.recovery.go();
            check();
          }
          world.recovery.go();
          world.calm = true;
          // Whatever it was: in the end it is well, or somebody has been told that it is not.
          await jest.advanceTimersByTimeAsync(600_000);
          check();
          expect(['healthy', 'busy', 'suspect', 'failed']).toContain(world.life.state);
          if (world.standing === 'disconnected') expect(world.life.state).toBe('failed');
          world.recovery.cancel();
        },
      ),
      { numRuns: 300 },
    );
  } finally {
    jest.useRealTimers();
  }
});
