'use strict';

/** What an object holds in a state: the child writes it, and whoever looks afterwards finds nothing else. */

/** One is so large that only a few fit in the room that is kept for a full disk. */
exports.LARGE = 150_013;

/** Some are small, some go over several pages, a few over many. */
const sizeOf = (state) =>
  state === exports.LARGE ? 150_000 : state % 13 === 0 ? 40_000 : state % 5 === 0 ? 3_000 : 60;

exports.valueOf = (object, state) => ({ object, state, text: `${state} `.repeat(sizeOf(state) / 8) });

const message = (object, state) => ({
  id: `m${state}`,
  role: 'user',
  content: `${object} ${state} `.repeat(sizeOf(state) / 16),
  timestamp: new Date(state),
});

/** A session has a message for each of its last states, at most so many. */
const MOST = 12;

exports.messagesOf = (object, first, state) =>
  Array.from({ length: Math.min(MOST, state - first + 1) }, (_, n) => message(object, state - n)).reverse();

/** A session that began with the state `first`. */
exports.sessionOf = (object, first, state) => ({
  id: object,
  messages: exports.messagesOf(object, first, state),
  createdAt: new Date(first),
  updatedAt: new Date(state),
});

/** The state of a session that was read, by its messages alone: what was appended has a time of its own. */
exports.stateOfSession = (object, session) => {
  const last = session.messages.at(-1);
  const state = Number(last.id.slice(1));
  const expected = session.messages.map((_, n) => message(object, state - session.messages.length + 1 + n));
  if (JSON.stringify(session.messages) !== JSON.stringify(expected)) {
    throw new Error(`${object} holds what was never written`);
  }
  return state;
};

/** The state of a value that was read. */
exports.stateOfValue = (object, value) => {
  if (JSON.stringify(value) !== JSON.stringify(exports.valueOf(object, value.state))) {
    throw new Error(`${object} holds what was never written`);
  }
  return value.state;
};

/** The keys of an object that is written as several, all or none. */
exports.partsOf = (object) => [0, 1, 2].map((part) => `${object}/${part}`);
