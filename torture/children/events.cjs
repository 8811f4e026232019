'use strict';

/** What a log is opened with, and what stands in it: the child writes it, and whoever looks afterwards finds nothing else. */

exports.logOptions = (directory, durability) => ({
  directory,
  durability,
  maxFileBytes: 4_000,
  // Only when the child says so.
  cleanupIntervalMs: 0,
});

/** Most are small, a few are as long as a file. */
const sizeOf = (state) => (state % 13 === 0 ? 6_000 : state % 5 === 0 ? 600 : 20);

/** The event of a state, which says what was acknowledged shortly before it. */
exports.eventOf = (session, state, known) => ({
  topic: state % 4 === 0 ? 'task_completed' : 'noted',
  payload: { session, state, known, text: `${state} é `.repeat(sizeOf(state) / 4) },
});

/**
 * The state of a session whose events were read: the last of them. Throws where they are not what a child may have
 * written: numbers and states grow, and, unless it may have `gaps`, what one says was acknowledged before it is there.
 */
exports.stateOfEvents = (session, events, gaps) => {
  const states = new Set();
  let last = { seq: 0, state: 0 };
  for (const { seq, topic, payload } of events) {
    const { state, known } = payload;
    const wanted = exports.eventOf(session, state, known);
    if (topic !== wanted.topic || JSON.stringify(payload) !== JSON.stringify(wanted.payload))
      throw new Error(`${session} holds what was never written`);
    if (state <= last.state || seq <= last.seq)
      throw new Error(`state ${state} of ${session}, number ${seq}, comes after ${last.state}, number ${last.seq}`);
    const lost = gaps ? undefined : known.find((one) => !states.has(one));
    if (lost !== undefined) throw new Error(`${session} has lost ${lost}, which ${state} came after`);
    states.add(state);
    last = { seq, state };
  }
  return last.state;
};
