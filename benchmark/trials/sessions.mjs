/** Whole sessions: one large one saved for the first time or restored, or many small ones at once. */
import { isDeepStrictEqual } from 'node:util';

import { stores } from '../candidates/stores.mjs';
import { timeRounds } from '../harness/timing.mjs';
import { session } from '../inputs.mjs';

export async function run(candidate, { operation, durability, messages, unicode, sessions = 1, effort, directory }) {
  const store = await stores[candidate](directory, durability);
  const fresh = (seed) => ({ id: `session-${seed}`, content: session(seed, messages, unicode) });
  const measured = await timeRounds({ save, restore, saveMany }[operation](), effort);
  await store.close();
  return measured;

  function save() {
    return { prepare: fresh, work: ({ id, content }) => store.saveSession(id, content) };
  }

  function restore() {
    return {
      async prepare(round) {
        const { id, content } = fresh(round);
        await store.saveSession(id, content);
        if (round === 0) await check(id, content);
        return id;
      },
      work: (id) => store.getSession(id),
    };
  }

  function saveMany() {
    const prepare = (round) => Array.from({ length: sessions }, (_, index) => fresh(round * sessions + index));
    const work = (all) => Promise.all(all.map(({ id, content }) => store.saveSession(id, content)));
    return { prepare, work };
  }

  /** Whoever gives back less does less work. */
  async function check(id, content) {
    if (!isDeepStrictEqual(await store.getSession(id), content)) throw new Error('a session is not what was saved');
  }
}
