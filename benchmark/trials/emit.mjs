/** Emitting in a loop, to so many listeners of each of so many names, with so many arguments. */
import { emitters } from '../candidates/emitters.mjs';
import { timePasses } from '../harness/timing.mjs';

export async function run(candidate, { names, listeners, args, history, topic, random, monitor, effort }) {
  const { emitter, listener, awaited = false } = await emitters[candidate]({ history, monitor });
  const seen = { calls: 0, last: -1 };
  const distinct = Array.from({ length: names }, (_, index) => `agent:event-${index}`);
  const events = random ? shuffled(distinct) : distinct;
  for (const event of distinct)
    for (let count = 0; count < listeners; count += 1) emitter.on(event, listener(seen, args));

  const state = { step: 0 };
  const passes =
    topic && 'topic' in emitter ? topicPasses(emitter, events, state) : LOOPS[args](emitter, events, state);
  const awaitedPasses = async (count) => {
    for (let pass = 0; pass < count; pass += 1)
      await emitter.emit(...argumentsOf(events[pass % events.length], args, state));
  };
  const measured = await timePasses(awaited ? awaitedPasses : passes, effort);
  if (seen.calls !== state.step * listeners) throw new Error('not every listener was called');
  if (listeners > 0 && args >= 2 && seen.last !== state.step - 1)
    throw new Error('a listener got what was not emitted');
  return measured;
}

/** A long list in which the names come in no order that could be learnt. */
function shuffled(names) {
  let state = 1;
  return Array.from({ length: 8_192 }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return names[(state >>> 16) % names.length];
  });
}

function argumentsOf(event, args, state) {
  return [event, 'planner', state.step++, 'third', 'fourth'].slice(0, args + 1);
}

/** One loop for each number of arguments: a call with a list that is spread costs more than what is measured. */
const LOOPS = [
  (emitter, events, state) => (count) => {
    const names = events.length;
    let { step } = state;
    for (let pass = 0; pass < count; pass += 1, step += 1) emitter.emit(events[pass % names]);
    state.step = step;
  },
  (emitter, events, state) => (count) => {
    const names = events.length;
    let { step } = state;
    for (let pass = 0; pass < count; pass += 1) emitter.emit(events[pass % names], step++);
    state.step = step;
  },
  (emitter, events, state) => (count) => {
    const names = events.length;
    let { step } = state;
    for (let pass = 0; pass < count; pass += 1) emitter.emit(events[pass % names], 'planner', step++);
    state.step = step;
  },
  (emitter, events, state) => (count) => {
    const names = events.length;
    let { step } = state;
    for (let pass = 0; pass < count; pass += 1) emitter.emit(events[pass % names], 'planner', step++, 'third');
    state.step = step;
  },
  (emitter, events, state) => (count) => {
    const names = events.length;
    let { step } = state;
    for (let pass = 0; pass < count; pass += 1)
      emitter.emit(events[pass % names], 'planner', step++, 'third', 'fourth');
    state.step = step;
  },
];

function topicPasses(emitter, events, state) {
  const topics = events.map((event) => emitter.topic(event));
  return (count) => {
    const names = topics.length;
    let { step } = state;
    for (let pass = 0; pass < count; pass += 1) topics[pass % names].emit('planner', step++);
    state.step = step;
  };
}
