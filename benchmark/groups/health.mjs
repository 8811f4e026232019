/** Watching agents, beside a timer for each and one timer for all; and event loops, from outside and from inside. */
import { OURS } from '../rivals.mjs';

const EACH = "origin's monitor";
const ALL = 'one timer for all';
const INSIDE = 'from inside the loop';

const WHAT = {
  time: 'CPU time a second',
  memory: 'memory in MB',
  delay: 'from the last beat of one that hangs until it is missed',
};

function agents(count, measure, { shuffled = false, ...more } = {}) {
  return {
    title: `${count.toLocaleString('en')} agents, each beating every 2 s${shuffled ? ', in random order' : ''}: ${WHAT[measure]}`,
    trial: 'agents',
    parameters: { agents: count, measure, seconds: 2, warmUpSeconds: 4, shuffled },
    small: { agents: 100, seconds: 0.1, warmUpSeconds: 0.1 },
    candidates: [OURS, EACH, ALL],
    difference: measure !== 'delay',
    trials: 3,
    ...more,
  };
}

function frozen(busy, goalMs, trials) {
  return {
    title: `a frozen loop, ${busy === 0 ? 'idle machine' : `${busy} busy processes`}: noticed after the threshold of 1 s`,
    trial: 'frozen-loop',
    parameters: { threshold: 1_000, busy, frozenMs: 10_000 },
    small: { threshold: 100, busy: 0, frozenMs: 2_000 },
    candidates: [OURS, INSIDE],
    goal: ['P12', goalMs * 1e6],
    trials,
  };
}

const COUNTS = [100, 1_000, 10_000, 100_000];
const MOST = 100_000;

export const health = {
  title: 'Agent health',
  lines: [
    ...COUNTS.map((count) => agents(count, 'time', count === MOST ? { goal: ['P11', 1e7] } : {})),
    agents(MOST, 'time', { shuffled: true }),
    ...COUNTS.map((count) => agents(count, 'memory', { show: 'count', ...(count === MOST && { goal: ['P11', 64] }) })),
    ...COUNTS.map((count) => agents(count, 'delay', { trials: 1 })),
    frozen(0, 50, 5),
    frozen(16, 250, 5),
  ],
};
