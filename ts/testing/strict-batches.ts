/** What a strict adapter must do with batches while others look: they are one step, and so is a look at many. */
import type { ChatSession } from '../types.js';
import { newSession } from './samples.js';
import type { Chapter } from './subject.js';

const TURNS = 24;

const names = ['a', 'b', 'c', 'd', 'e', 'f'];

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Many of a kind: written, removed and looked at together. */
interface Crowd {
  write(turn: number): Promise<unknown>;
  /** How many there were; absent where they cannot be removed together. */
  remove?: () => Promise<number>;
  /** The turn of each, null where there is none. */
  look(): Promise<(number | null)[]>;
}

/** What was seen of a crowd, where it was of more than one turn, and counts that were neither all nor none. */
async function mixturesOf({ write, remove, look }: Crowd): Promise<{ wrong: unknown[]; last: unknown }> {
  const wrong: unknown[] = [];
  const calls: Promise<unknown>[] = [];
  const call = (promise: Promise<unknown>): void => {
    // What fails is told at the end: until then nobody else shall hear of it.
    promise.catch(() => undefined);
    calls.push(promise);
  };
  const lookAt = (turn: number): void =>
    call(look().then((seen) => new Set(seen).size === 1 || wrong.push({ turn, seen })));
  for (let turn = 1; turn <= TURNS; turn += 1) {
    lookAt(turn);
    if (remove === undefined || turn % 3 !== 0) call(write(turn));
    else call(remove().then((gone) => gone === 0 || gone === names.length || wrong.push({ turn, gone })));
    // Others look at once, a moment later, and while the next batch is on its way.
    for (let looks = 0; looks < 3; looks += 1) {
      lookAt(turn);
      await tick();
    }
  }
  call(write(TURNS + 1));
  await Promise.all(calls);
  return { wrong, last: await look() };
}

/** Batches. */
export const hostileBatches: Chapter = ({ describe, it, expect }, subject, has) => {
  const expected = { wrong: [], last: names.map(() => TURNS + 1) };
  const sessions = has('getSessions') && has('saveSessions');
  const keys = has('getMany') && has('setMany');
  if (!sessions && !keys) return;

  describe('Hostile Batches', () => {
    if (sessions) {
      it('should show a batch of sessions whole, as it was or as it is', async () => {
        const { adapter } = subject;
        const pairs = (turn: number): [string, ChatSession][] =>
          names.map((id) => [id, { ...newSession(id), context: { turn } }]);
        const crowd: Crowd = {
          write: (turn) => adapter.saveSessions(pairs(turn)),
          look: async () => {
            const found = await adapter.getSessions(names);
            return names.map((id) => (found.get(id)?.context?.['turn'] as number | undefined) ?? null);
          },
        };
        if (has('deleteSessions')) crowd.remove = () => adapter.deleteSessions(names);
        expect(await mixturesOf(crowd)).toEqual(expected);
      });
    }
    if (keys) {
      it('should show a batch of values whole, as it was or as it is', async () => {
        const { adapter } = subject;
        const crowd: Crowd = {
          write: (turn) => adapter.setMany(names.map((key) => [key, turn])),
          look: async () => {
            const found = await adapter.getMany<number>(names);
            return names.map((key) => found.get(key) ?? null);
          },
        };
        if (has('deleteMany')) crowd.remove = () => adapter.deleteMany(names);
        expect(await mixturesOf(crowd)).toEqual(expected);
      });
    }
  });
};
