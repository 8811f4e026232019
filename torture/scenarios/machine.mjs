/** Whether the machine would notice: what promises more than it keeps has to be caught. */
import { killAtRandom } from './kills.mjs';
import { cutPower } from './power.mjs';

/** Writes that survive kills and no power cuts, taken at a word that they never gave. */
export async function catchUnsynced(subject, options) {
  const liar = { ...subject, durability: 'power' };
  return caught(/may be in|has lost/, () => cutPower(liar, { ...options, cuts: 200 }));
}

/** A store that has everything, and says of an object that it is one state behind. */
export async function catchStale(subject, options) {
  const liar = {
    ...subject,
    look: async (directory) =>
      new Map([...(await subject.look(directory))].map(([object, state]) => [object, Math.max(0, state - 1)])),
  };
  return caught(/may be in|was never written/, () => killAtRandom(liar, { ...options, kills: 3 }));
}

async function caught(expected, lie) {
  try {
    await lie();
  } catch (error) {
    const said = [error, error.cause].map((one) => one?.message ?? '').join('\n');
    if (expected.test(said)) return { caught: 1 };
    throw error;
  }
  throw new Error('nobody has noticed');
}
