/** Key-values, large sessions saved and restored, many small ones at once, and what stores cost while they are open. */
import { OURS } from '../rivals.mjs';

const SQLITE = 'better-sqlite3';
const candidates = [OURS, SQLITE, 'lmdb', 'classic-level', 'file + rename'];
const MESSAGES_OF_10_MB = 9_000;
const MESSAGES_OF_10_KB = 9;
const MESSAGES_OF_300_KB = 270;
/** Processes for a line whose trials take seconds. */
const FEW = 3;

const against = (goal, factor) => ({ [SQLITE]: [goal, factor] });
const script = (unicode) => (unicode ? 'not ASCII' : 'ASCII');

const keyValue = (operation, durability, together, goals) => ({
  title: `${operation}, 200 bytes, ${together === 1 ? 'one by one' : `${together} at once`}, ${durability}`,
  trial: 'key-value',
  parameters: { operation, durability, together, keys: 1_000 },
  candidates: together === 1 ? candidates : candidates.slice(0, 3),
  goals,
});

const WORK = {
  save: 'first save',
  restore: 'restore',
  append: 'save with one new message',
  change: 'save with one message changed in the middle',
};

const session = (operation, { unicode = false, durability = 'power' }, goals, holdGoal) => ({
  title: `${WORK[operation]}, 10 MB, ${script(unicode)}, ${durability}`,
  trial: 'sessions',
  parameters: { operation, durability, messages: MESSAGES_OF_10_MB, unicode },
  small: { messages: 100 },
  candidates,
  trials: FEW,
  goals,
  holdGoal,
});

const saveMany = (durability, goals) => ({
  title: `1,000 saves of 10 KB at once, ${durability}`,
  trial: 'sessions',
  parameters: { operation: 'saveMany', durability, messages: MESSAGES_OF_10_KB, sessions: 1_000 },
  small: { sessions: 20 },
  candidates,
  trials: FEW,
  goals,
});

const encoding = (what, messages) => ({
  title: `check and encode ${what}`,
  trial: 'encode',
  parameters: { messages },
  small: { messages: Math.min(messages, 10) },
  candidates: [OURS, 'JSON.stringify'],
  goals: { 'JSON.stringify': ['P7a', 1.3] },
});

export const storage = {
  title: 'Session storage',
  lines: [
    keyValue('set', 'process', 1, against('P10', 1.5)),
    keyValue('set', 'power', 1, against('P10', 1)),
    keyValue('get', 'process', 1, against('P10', 1)),
    keyValue('set', 'power', 1_000, against('P10', 0.5)),
    keyValue('get', 'power', 1_000, against('P10', 0.5)),
    session('save', {}, against('P8', 0.9), ['P8', 8]),
    session('save', { unicode: true }, against('P8', 0.9), ['P8', 8]),
    session('save', { durability: 'process' }),
    session('restore', {}, against('P6', 0.9), ['P6', 5]),
    session('restore', { unicode: true }, against('P6', 0.6), ['P6', 5]),
    session('append', {}, against('P7', 0.08), ['P7', 4]),
    session('append', { unicode: true }, against('P7', 0.08), ['P7', 4]),
    session('append', { durability: 'process' }, against('P7', 0.08), ['P7', 4]),
    session('change', {}, against('P7', 0.08), ['P7', 4]),
    saveMany('power', against('P9', 0.25)),
    saveMany('process'),
    encoding('a small event', 0),
    encoding('a message of 1 KB', 1),
    encoding('a session of 10 MB', MESSAGES_OF_10_MB),
    {
      title: 'open a database of 100,000 sessions',
      trial: 'open',
      parameters: { sessions: 100_000 },
      small: { sessions: 100 },
      candidates: [OURS, SQLITE],
      trials: FEW,
      goal: ['P13', 50e6],
    },
    {
      title: 'memory that 1,000 sessions of 300 KB, saved and restored, leave after the first 200, MB',
      trial: 'memory',
      parameters: { messages: MESSAGES_OF_300_KB, sessions: 1_000, warm: 200 },
      small: { sessions: 4, warm: 2 },
      candidates: [OURS, SQLITE],
      show: 'count',
      trials: 1,
      goal: ['P14', 32],
    },
  ],
};
