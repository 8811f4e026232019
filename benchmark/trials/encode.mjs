/** Values checked and made text: a small event, a message, a whole session. */
import { encode } from '../../dist/codec.js';
import { encodeSession } from '../../dist/session.js';
import { timePasses } from '../harness/timing.mjs';
import { message, session, state } from '../inputs.mjs';

const VALUES = 256;

export async function run(candidate, { messages, effort }) {
  const ours = candidate === 'smalltalk-native';
  const values = Array.from({ length: messages > 1 ? 2 : VALUES }, (_, seed) => sample(seed, messages));
  const work = ours ? (messages > 1 ? (value) => encodeSession(value, {}) : (value) => encode(value)) : JSON.stringify;
  let made = 0;
  const passes = (count) => {
    for (let pass = 0; pass < count; pass += 1) made += Number(work(values[pass % values.length]) !== undefined);
  };
  const measured = await timePasses(passes, effort);
  if (made === 0) throw new Error('nothing was encoded');
  return measured;
}

function sample(seed, messages) {
  if (messages === 0) return state(seed);
  return messages === 1 ? message(seed, 0, false) : session(seed, messages);
}
