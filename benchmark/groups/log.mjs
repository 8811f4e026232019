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
    {
      title: 'replay 5 % of 100,000 events',
      trial: 'replay',
      parameters: { events: 100_000 },
      small: { events: 1_000 },
      candidates: [OURS, 'read, split, parse, filter', 'readline'],
      goals: { 'read, split, parse, filter': ['P5', 0.08] },
      holdGoal: ['P5', 5],
    },
  ],
};
