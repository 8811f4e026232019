/** Whole sessions: a large one saved, changed and saved again, or restored; or many small ones at once. */
import { isDeepStrictEqual } from 'node:util';

import { stores } from '../candidates/stores.mjs';
import { timeRounds } from '../harness/timing.mjs';
import { message, session } from '../inputs.mjs';

export async function run(candidate, { operation, durability, messages, unicode, sessions = 1, effort, directory }) {
  const store = await stores[candidate](directory, durability);
  const fresh = (seed) => ({ id: `session-${seed}`, content: session(seed, messages, unicode) });
  const measured = await timeRounds(
    { save, restore, saveMany, append: again(push), change: again(replace) }[operation](),
    effort,
  );
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

  /** One session that lives on, as an agent's does: a little of it is new each time. */
  function again(change) {
    return () => {
      const { id, content } = fresh(0);
      return {
        async prepare(round) {
          if (round === 0) await store.saveSession(id, content);
          change(content, round);
          return id;
        },
        work: async () => {
          await store.saveSession(id, content);
        },
      };
    };
  }

  function push(content, round) {
    content.messages.push(message(round + 1, messages, unicode));
  }

  function replace(content, round) {
    content.messages[messages >> 1] = message(round + 1, messages >> 1, unicode);
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
