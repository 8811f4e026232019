/** Values set or read, one after another or many at once; a promise is awaited where the store gives one. */
import { isDeepStrictEqual } from 'node:util';

import { stores } from '../candidates/stores.mjs';
import { timePasses } from '../harness/timing.mjs';
import { state } from '../inputs.mjs';

/** Values are made before: to make one costs as much as to store it. */
const VALUES = 4_096;

export async function run(candidate, { operation, durability, together, keys, effort, directory }) {
  const store = await stores[candidate](directory, durability);
  const names = Array.from({ length: keys }, (_, index) => `agent:${index}`);
  const values = Array.from({ length: VALUES }, (_, index) => state(index));
  await Promise.all(names.map((name, index) => store.set(name, values[index])));
  let step = keys;
  const passes = together === 1 ? { set, get }[operation] : atOnce({ set: setOne, get: getOne }[operation]);
  const measured = await timePasses(passes, effort);
  await check();
  await store.close();
  return measured;

  async function set(count) {
    for (let pass = 0; pass < count; pass += 1) {
      const pending = setOne();
      if (pending !== undefined) await pending;
    }
  }

  async function get(count) {
    let found = 0;
    for (let pass = 0; pass < count; pass += 1) {
      const answer = store.get(names[step % keys]);
      const value = answer instanceof Promise ? await answer : answer;
      if (value.tags.length === 2) found += 1;
      step += 1;
    }
    if (found !== count) throw new Error('a value is not what was stored');
  }

  /** As many as go together, awaited together; synchronous stores do them one by one. */
  function atOnce(one) {
    return async (count) => {
      for (let pass = 0; pass < count; pass += together) {
        await Promise.all(Array.from({ length: Math.min(together, count - pass) }, one));
      }
    };
  }

  function setOne() {
    // A store may find an identical value and do nothing; a number of its own makes each one new.
    const value = values[step % VALUES];
    value.step = step;
    const pending = store.set(names[step % keys], value);
    step += 1;
    return pending;
  }

  function getOne() {
    step += 1;
    return store.get(names[step % keys]);
  }

  async function check() {
    const last = step - 1;
    const expected = operation === 'set' ? values[last % VALUES] : state(last % keys);
    const stored = await store.get(names[last % keys]);
    if (!isDeepStrictEqual(stored, expected)) throw new Error('a value is not what was stored');
  }
}
