/** Acknowledged appends, what a logged emit costs the main thread, and finding a few events among many. */
import { OURS } from '../rivals.mjs';

const RIVAL = { process: 'fs.promises.appendFile', power: 'FileHandle + datasync' };

const append = (durability, sessions, factor) => ({
  title: `append, 100 waiting, ${sessions === 1 ? '1 session' : `${sessions} sessions`}, ${durability}`,
  trial: 'append',
  parameters: { durability, sessions, waiting: 100 },
  candidates: [OURS, RIVAL[durability]],
  goals: { [RIVAL[durability]]: ['P4', factor] },
});

/** So few events match that finding them is all there is to do. */
const HANDFUL = 20_000;

const SHARES = { 1: 'everything', 4: '25 %', 20: '5 %', [HANDFUL]: 'a handful' };

/** One topic of so many. */
const replay = (events, kinds) => ({
  title: `replay ${SHARES[kinds]} of ${events.toLocaleString('en')} events`,
  trial: 'replay',
  parameters: { events, kinds },
  small: { events: 1_000, kinds: Math.min(kinds, 200) },
  candidates: [OURS, 'read, split, parse, filter', 'readline', 'better-sqlite3'],
  ...(kinds === 20 ? { goals: { 'read, split, parse, filter': ['P5', 0.08] }, holdGoal: ['P5', 5] } : {}),
});

/** The limits that the research set itself. */
const limit = (title, what, most) => ({
  title,
  trial: 'log-limits',
  parameters: { what },
  candidates: [OURS],
  goal: ["the origin's limit", most],
});

export const log = {
  title: 'Event log',
  lines: [
    append('process', 1, 0.05),
    append('process', 100, 0.05),
    append('power', 1, 0.1),
    append('power', 100, 0.1),
    {
      title: 'emit with the log on, main thread',
      trial: 'emit-logged',
      parameters: { emits: 5_000 },
      small: { emits: 100 },
      candidates: [OURS, 'JSON.stringify', 'createWriteStream', 'fs.appendFileSync', 'sonic-boom'],
      goals: { 'JSON.stringify': ['P3', 1.3] },
    },
    ...[1, 4, 20, HANDFUL].map((kinds) => replay(100_000, kinds)),
    replay(1_000_000, 20),
    {
      title: 'open a log of a gigabyte, and read its last 10 events',
      trial: 'open-log',
      parameters: { events: 1_000_000, characters: 900 },
      small: { events: 500 },
      candidates: [OURS],
      goal: ['P13', 50e6],
    },
    limit('an append that waits alone', 'one', 5e6),
    limit('a replay of 1,000 events', 'thousand', 200e6),
    { ...limit('bytes on the disk of 1,000 small events', 'bytes', 500_000), show: 'count' },
  ],
};
