/** Random sequences of calls, several at once, with closing and reopening in between: every answer is that of the model. */
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';

import {
  FileStorageAdapter,
  InMemoryStorageAdapter,
  SQLiteStorageAdapter,
  supports,
  type StorageAdapter,
} from '../ts/index.js';
import { LONG_MS } from './support/effort.js';
import { Model, plan, type Operation, type Plan } from './support/storage-model.js';
import { temporaryDirectory } from './support/temporary.js';

const SEQUENCES = 500;
const CALLS = 50;

/** Calls of one moment: none waits for another. Or the adapter is closed, and opened again. */
type Moment = Plan[] | 'reopen';

const moments: fc.Arbitrary<Moment[]> = fc
  .array(fc.oneof({ weight: 24, arbitrary: fc.array(plan, { minLength: 1, maxLength: 6 }) }, fc.constant('reopen')), {
    minLength: 8,
    maxLength: CALLS,
    size: 'max',
  })
  .map((all) => firstCalls(all as Moment[]));

/** So many moments as have about the number of calls that is wanted. */
function firstCalls(all: Moment[]): Moment[] {
  let calls = 0;
  return all.filter((moment) => calls < CALLS && (calls += moment.length) > 0);
}

const adapters: Record<string, (path: string) => StorageAdapter> = {
  memory: () => new InMemoryStorageAdapter(),
  sqlite: (path) => new SQLiteStorageAdapter({ path: join(path, 's.db'), durability: 'process' }),
  file: (path) => new FileStorageAdapter({ path, durability: 'process' }),
};

/** One moment, all at once. Throws where an answer is not the model's. */
async function live(store: StorageAdapter, model: Model, operations: Operation[]): Promise<void> {
  const able = operations.filter(({ needs }) => needs === undefined || supports(store, needs));
  const groups = able.some(({ alone }) => alone)
    ? able.map((operation) => [operation])
    : [[...able.filter(({ kind }) => kind === 'write'), ...able.filter(({ kind }) => kind === 'read')]];
  for (const group of groups) {
    for (const { prepare } of group) await prepare?.(store as never, model);
    const answers = Promise.all(group.map(({ call }) => call(store as never)));
    const expected = group.map(({ answer }) => answer(model));
    for (const [at, answer] of (await answers).entries()) {
      if (isDeepStrictEqual(answer, expected[at])) continue;
      expect({ call: String(group[at]?.call), answer }).toEqual({
        call: String(group[at]?.call),
        answer: expected[at],
      });
      throw new Error(`${String(group[at]?.call)}: equal to the eye, and not the same`);
    }
  }
}

test.each(Object.keys(adapters))(
  `${SEQUENCES} sequences of ${CALLS} calls: %s`,
  async (name) => {
    const path = temporaryDirectory();
    const open = adapters[name] as (path: string) => StorageAdapter;
    const sequence = fc.asyncProperty(moments, async (all) => {
      let store = open(path);
      const model = new Model();
      await store.clear();
      for (const moment of all) {
        if (moment !== 'reopen') {
          await live(
            store,
            model,
            moment.map((make) => make()),
          );
          continue;
        }
        await store.close();
        store = open(path);
        if (store.persistent !== false) continue;
        model.sessions.clear();
        model.keys.clear();
      }
      await store.close();
    });
    await fc.assert(sequence, { numRuns: SEQUENCES });
  },
  LONG_MS,
);
