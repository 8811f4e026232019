'use strict';

/** A store, or a log, by the same few words: what a child does to the one it does to the other. */
const api = require('../../dist/index.js');
const { eventOf, logOptions, stateOfEvents } = require('./events.cjs');
const { sessionOf, stateOfSession, stateOfValue, valueOf } = require('./states.cjs');

/**
 * What was `given` says which. `nth(n)` names the n-th of many writes, `put` writes an object in a state, `read` gives its
 * state, `remove` has it gone.
 */
exports.opened = (given) => (given.adapter === undefined ? aLog(given) : aStore(given));

const isSession = (object) => object.startsWith('session-');

function aStore({ adapter, path, durability }) {
  const store = new api[adapter]({ path, durability });
  const stateOf = (object, value) => (isSession(object) ? stateOfSession(object, value) : stateOfValue(object, value));
  return {
    nth: (n) => [`key-${n}`, 1],
    put: (object, state) =>
      isSession(object)
        ? store.saveSession(object, sessionOf(object, state - 11, state))
        : store.set(object, valueOf(object, state)),
    read: async (object) => {
      const value = await (isSession(object) ? store.getSession(object) : store.get(object));
      return value === null ? 0 : stateOf(object, value);
    },
    remove: (object) => (isSession(object) ? store.deleteSession(object) : store.delete(object)),
    close: () => store.close(),
  };
}

/** An object is a session, and its state the last event. */
function aLog({ path, durability }) {
  const log = new api.JsonlEventReplayStorage(logOptions(path, durability));
  const queued = 'queued';
  return {
    // Each says that the one before it is there.
    nth: (n) => [queued, n + 1],
    put: (object, state) =>
      log.append(object, eventOf(object, state, object === queued && state > 1 ? [state - 1] : [])),
    read: async (object) => {
      const events = [];
      for await (const event of log.replay(object, { priority: 'all', archived: true })) events.push(event);
      return stateOfEvents(object, events);
    },
    remove: (object) => log.eraseSession(object),
    close: () => log.close(),
  };
}
