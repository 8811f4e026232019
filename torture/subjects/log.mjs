/** The event log. */
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);
const { JsonlEventReplayStorage } = require('../../dist/index.js');
const { logOptions, stateOfEvents } = require('../children/events.cjs');
const { stateOfValue } = require('../children/states.cjs');

/** `gaps`: a power cut may take what was not synced, and leave what came later. */
export function logSubject(durability, { gaps = false } = {}) {
  const place = (directory) => path.join(directory, 'events');
  return {
    name: gaps ? `log-${durability}-gaps` : `log-${durability}`,
    kind: 'log',
    durability,
    place,
    script: fileURLToPath(new URL('../children/log-writer.cjs', import.meta.url)),
    env: {},
    words: (directory, options) =>
      Object.entries({ durability, path: place(directory), seed: 1, first: 0, ops: 0, lanes: 2, ...options }).map(
        ([name, value]) => `${name}=${value}`,
      ),
    look: (directory) => look(new JsonlEventReplayStorage(logOptions(place(directory), durability)), gaps),
    lookAtKeys: (directory, keys, ever) =>
      lookAtKeys(new JsonlEventReplayStorage(logOptions(place(directory), durability)), keys, ever),
  };
}

/** The sessions of the child: a log does not list those of which all is in the archive. */
const SESSIONS = ['session-0', 'session-1'];

/** Reads everything, also what is in the archive, and has it verified. */
async function look(log, gaps) {
  try {
    const found = new Map();
    for (const session of new Set([...SESSIONS, ...(await log.sessions())])) {
      const events = [];
      for await (const event of log.replay(session, { priority: 'all', archived: true })) events.push(event);
      if (events.length > 0) found.set(session, stateOfEvents(session, events, gaps));
    }
    await log.verify();
    return found;
  } finally {
    await log.close();
  }
}

/** Sessions as keys, whose values are those of their last events. No event may be one that was never there: see `ever`. */
async function lookAtKeys(log, keys, ever) {
  try {
    const found = new Map();
    for (const key of keys) {
      const states = [];
      for await (const { payload } of log.replay(key, { priority: 'all' })) states.push(stateOfValue(key, payload));
      const wrong = states.find((state, at) => !ever(key).has(state) || state <= (states[at - 1] ?? 0));
      if (wrong !== undefined) throw new Error(`state ${wrong} of ${key} is among ${states.join()}`);
      found.set(key, states.at(-1) ?? 0);
    }
    return found;
  } finally {
    await log.close();
  }
}
