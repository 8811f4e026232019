/** Every bit of the file of a session and of a key, turned over. The rows of SQLite have tests of their own, without Node. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

import { inDirectory } from '../machine/places.mjs';

const { sessionOf, valueOf } = createRequire(import.meta.url)('../children/states.cjs');

/** Damage is an error for whom it belongs to and nobody else; lists and counts go on, and `verify` names it. */
export async function turnBits(subject, { random, step = 1 }) {
  return inDirectory(async (directory) => {
    const store = subject.open(directory);
    for (const name of ['one', 'two']) {
      await store.saveSession(name, sessionOf(name, 1, 2));
      await store.set(name, valueOf(name, 1));
    }
    const counts = { bits: 0, believed: 0 };
    for (const kind of ['sessions', 'keys']) {
      const folder = path.join(subject.place(directory), kind);
      const file = path.join(
        folder,
        readdirSync(folder).find((name) => name.startsWith('one')),
      );
      const sound = readFileSync(file);
      const read = (name) => (kind === 'sessions' ? store.getSession(name) : store.get(name));
      const other = JSON.stringify(await read('two'));
      for (let bit = random.below(step); bit < sound.length * 8; bit += step) {
        const damaged = Buffer.from(sound);
        damaged[bit >> 3] ^= 1 << (bit & 7);
        writeFileSync(file, damaged);
        const code = await read('one').then(
          () => 'no error',
          (error) => error.code,
        );
        if (code !== 'ERR_CORRUPT') throw new Error(`bit ${bit} of the ${kind}: ${code}`);
        counts.bits += 1;
        if (bit % 101 !== 0) continue;
        if (JSON.stringify(await read('two')) !== other) throw new Error(`bit ${bit}: another one is harmed`);
        const { damaged: named } = await store.verify();
        if (named.length !== 1 || named[0].id !== 'one')
          throw new Error(`bit ${bit}: ${JSON.stringify(named)} is named`);
        if ((await store.listSessions()).length !== 2) throw new Error(`bit ${bit}: the list is shorter`);
        await store.getStats();
      }
      writeFileSync(file, sound);
    }
    await store.clear();
    await store.close();
    return counts;
  });
}
