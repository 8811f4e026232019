import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

import { encode } from '../ts/codec.js';
import { SQLiteStorageAdapter, type ChatSession } from '../ts/index.js';
import { Mutator } from './support/mutations.js';
import { temporaryDirectory } from './support/temporary.js';

const BATCHES = 20;
const MUTATIONS = 100;

const reader = (path: string): ChildProcess => fork(join(__dirname, 'support', 'reading-child.cjs'), [path]);

async function read(child: ChildProcess, id: string): Promise<unknown> {
  const answer = once(child, 'message');
  child.send({ id });
  return (await answer)[0];
}

async function end(child: ChildProcess): Promise<void> {
  const exit = once(child, 'exit');
  child.disconnect();
  expect((await exit)[0]).toBe(0);
}

test('whatever is changed in a session, another process reads it after the save', async () => {
  const path = join(temporaryDirectory(), 's.db');
  const adapter = new SQLiteStorageAdapter({ path, durability: 'process' });
  const mutator = new Mutator(20261124);
  const sessions: ChatSession[] = [0, 1, 5, 40, 120].map((count, at) => mutator.session(`s${at}`, count));
  await Promise.all(sessions.map((session) => adapter.saveSession(session.id, session)));
  const done = new Set<string>();
  for (let batch = 0; batch < BATCHES; batch += 1) {
    const child = reader(path);
    for (let n = 0; n < MUTATIONS; n += 1) {
      const session = mutator.pick(sessions);
      const kinds = Array.from({ length: 1 + mutator.below(2) }, () => mutator.mutate(session));
      const saved = adapter.saveSession(session.id, session);
      const expected = encode(session);
      // Now and then the snapshot is one that a read has made, or there is none.
      if (mutator.below(10) === 0) await adapter.getSession(session.id);
      await saved;
      expect({ kinds, batch, n, ...((await read(child, session.id)) as object) }).toEqual({
        kinds,
        batch,
        n,
        ...expected,
      });
      for (const kind of kinds) done.add(kind);
    }
    await end(child);
  }
  expect(done.size).toBe(15);
  await adapter.close();
});
