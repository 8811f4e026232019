/** Key-values one by one, large sessions, and many small ones at once. */
import { OURS } from '../rivals.mjs';

const candidates = [OURS, 'better-sqlite3', 'lmdb', 'classic-level'];
const MESSAGES_OF_10_MB = 9_000;
const MESSAGES_OF_10_KB = 9;

const against = (goal, factor) => ({ 'better-sqlite3': [goal, factor] });

const keyValue = (operation, durability, goals) => ({
  title: `${operation}, 200 bytes, one by one${operation === 'set' ? `, ${durability}` : ''}`,
  trial: 'key-value',
  parameters: { operation, durability, keys: 1_000 },
  candidates,
  goals,
});

const session = (operation, unicode, goals, holdGoal) => ({
  title: `${operation === 'save' ? 'first save' : 'restore'}, 10 MB, ${unicode ? 'not ASCII' : 'ASCII'}, power`,
  trial: 'sessions',
  parameters: { operation, durability: 'power', messages: MESSAGES_OF_10_MB, unicode },
  small: { messages: 100 },
  candidates,
  goals,
  holdGoal,
});

export const storage = {
  title: 'Session storage',
  lines: [
    keyValue('set', 'process', against('P10', 1.5)),
    keyValue('set', 'power', against('P10', 1)),
    keyValue('get', 'process', against('P10', 1)),
    session('save', false, against('P8', 0.9), ['P8', 8]),
    session('save', true, against('P8', 0.9), ['P8', 8]),
    session('restore', false, against('P6', 0.9), ['P6', 5]),
    session('restore', true, against('P6', 0.6), ['P6', 5]),
    {
      title: '1,000 saves of 10 KB at once, power',
      trial: 'sessions',
      parameters: { operation: 'saveMany', durability: 'power', messages: MESSAGES_OF_10_KB, sessions: 1_000 },
      small: { sessions: 20 },
      candidates,
      goals: against('P9', 0.25),
    },
  ],
};
