/** What a strict adapter must do with calls that come while others are under way: keep what it has acknowledged. */
import type { ChatMessage, ChatSession } from '../types.js';
import { at, eventually, newSession, sampleSession } from './samples.js';
import { collect, failureOf, type CapableSubject, type Chapter } from './subject.js';

const HOUR = 3_600;

/** Old sessions, some of which are written while they are pruned. */
const OLD = 60;

/** Turns of the loop from one of these writes to the next, as a multiple of how many there have been. */
const PACES = [1, 0, 4, 0.25];

const added: ChatMessage = { id: 'added', role: 'user', content: '–', timestamp: at(5) };

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Calls at once. */
export const hostileRaces: Chapter = ({ describe, it, expect }, subject, has) => {
  describe('Hostile Races', () => {
    it('should keep what is set while a key that has ended is read', async () => {
      const { adapter } = subject;
      const reads: Record<string, (key: string) => Promise<unknown>> = {
        get: (key) => adapter.get(key),
        has: (key) => adapter.has(key),
        delete: (key) => adapter.delete(key),
      };
      if (has('getMany')) reads['getMany'] = (key) => adapter.getMany([key]);
      if (has('deleteMany')) reads['deleteMany'] = (key) => adapter.deleteMany([key]);
      if (has('getExpiry')) reads['getExpiry'] = (key) => adapter.getExpiry(key);
      // These meet every key, and come last: what they remove of the others must be no more than what has ended.
      if (has('keys')) reads['keys'] = () => collect(adapter.keys());
      reads['getStats'] = () => adapter.getStats();
      const keysOf = (way: string): [string, string] => [`${way}, for good`, `${way}, for an hour`];
      const keys = Object.keys(reads).flatMap(keysOf);
      await Promise.all(keys.map((key) => adapter.set(key, 'ended', 0.02)));
      // It ends after all of them. Of these nobody asks: what has ended may be removed where it is first met.
      await adapter.set('witness', 1, 0.02);
      await eventually(async () => !(await adapter.has('witness')));
      for (const [way, read] of Object.entries(reads)) {
        const [stays, hour] = keysOf(way);
        await Promise.all([read(stays), adapter.set(stays, 'kept'), read(hour), adapter.set(hour, 'kept', HOUR)]);
      }
      const found = await Promise.all(keys.map((key) => adapter.get<string>(key)));
      expect(keys.filter((_, index) => found[index] !== 'kept')).toEqual([]);
    });

    if (has('prune')) {
      it('should keep what is saved while old sessions are pruned', async () => {
        // How long a pruning takes before it looks, and between a look and a deletion, is its own affair: each race has
        // another pace, and of two that follow one another one writes in the order of the ids, the other one against it.
        for (const [race, pace] of PACES.entries()) await prunedMeanwhile(pace, race % 2 === 1);
      });

      const prunedMeanwhile = async (pace: number, backwards: boolean): Promise<void> => {
        const { adapter } = subject;
        await adapter.clear();
        const ids = Array.from({ length: OLD }, (_, n) => `s${String(n).padStart(2, '0')}`);
        const old = { createdAt: new Date(1_000), updatedAt: new Date(1_000) };
        await Promise.all(ids.map((id) => adapter.saveSession(id, { ...sampleSession(id), ...old })));
        // Closer together than a call is on its way: between any two steps of the pruning there is one.
        const asked = performance.now();
        await adapter.getSession('s00');
        const apart = (performance.now() - asked) / 4;
        const writes = writesOf(subject, has);
        const written: [id: string, writing: Promise<unknown>][] = [];
        let over = false;
        const pruning = adapter.prune({ updatedBefore: 2_000 }).finally(() => (over = true));
        // What fails is told at the end: until then nobody else shall hear of it.
        pruning.catch(() => undefined);
        for (const [n, id] of (backwards ? [...ids].reverse() : ids).entries()) {
          const write = writes[n % writes.length] as (id: string) => Promise<unknown>;
          written.push([id, failureOf(write(id)).then((failure) => failure?.['code'] ?? failure)]);
          // The later, the farther apart: whoever takes long before it looks is met as well.
          const since = performance.now();
          for (let ticks = 0; !over && (ticks <= n * pace || performance.now() - since < apart); ticks += 1)
            await tick();
          if (over) break;
        }
        const failures = await Promise.all(written.map(([, writing]) => writing));
        await pruning;
        // What is gone already can be made anew, and not be added to.
        expect(failures.filter((code) => code !== null && code !== 'ERR_SESSION_UNKNOWN')).toEqual([]);
        const kept = written.flatMap(([id], index) => (failures[index] === null ? [id] : [])).sort();
        expect(await adapter.listSessions({ orderBy: 'id', order: 'asc' })).toEqual(kept);
        const found = await Promise.all(kept.map((id) => adapter.getSession(id)));
        expect(kept.filter((_, index) => Number(found[index]?.updatedAt ?? 0) < 2_000)).toEqual([]);
      };
    }

    if (has('appendMessages')) {
      it('should leave deleted what was appended to just before', async () => {
        const { adapter } = subject;
        const ways: Record<string, () => Promise<unknown>> = {
          deleteSession: async () => adapter.deleteSession('s'),
          clear: async () => adapter.clear().then(() => true),
        };
        if (has('deleteSessions')) ways['deleteSessions'] = async () => (await adapter.deleteSessions(['s'])) === 1;
        for (const [way, remove] of Object.entries(ways)) {
          await adapter.saveSession('s', sampleSession('s'));
          const append = (): Promise<number> => adapter.appendMessages('s', [added]);
          const [count, gone, failure] = await Promise.all([append(), remove(), failureOf(append())]);
          expect([way, count, gone, failure?.['code']]).toEqual([way, 4, true, 'ERR_SESSION_UNKNOWN']);
          expect([way, await adapter.getSession('s'), await adapter.listSessions()]).toEqual([way, null, []]);
        }
      });
    }

    if (has('getVersioned') && has('saveVersioned')) {
      it('should refuse a version of before a call that nobody has waited for', async () => {
        const { adapter } = subject;
        const other = newSession('s');
        // What is done, and how many messages there are then.
        const ways: Record<string, [change: (ifVersion: number) => Promise<unknown>, messages?: number]> = {
          saveSession: [() => adapter.saveSession('s', other), 0],
          saveVersioned: [(ifVersion) => adapter.saveVersioned('s', other, { ifVersion }), 0],
          deleteSession: [() => adapter.deleteSession('s')],
          clear: [() => adapter.clear()],
        };
        if (has('appendMessages')) ways['appendMessages'] = [() => adapter.appendMessages('s', [added]), 4];
        if (has('saveSessions')) ways['saveSessions'] = [() => adapter.saveSessions([['s', other]]), 0];
        if (has('deleteSessions')) ways['deleteSessions'] = [() => adapter.deleteSessions(['s'])];
        for (const [way, [change, messages]] of Object.entries(ways)) {
          await adapter.saveSession('s', sampleSession('s'));
          const ifVersion = (await adapter.getVersioned('s'))?.version ?? NaN;
          const late = { ...sampleSession('s'), messages: [added, added] };
          const calls = [change(ifVersion), adapter.saveVersioned('s', late, { ifVersion })];
          const [changed, refused] = await Promise.all(calls.map(failureOf));
          expect([way, changed, refused?.['code']]).toEqual([way, null, 'ERR_CONFLICT']);
          expect([way, (await adapter.getSession('s'))?.messages.length]).toEqual([way, messages]);
        }
      });
    }
  });
};

/** The ways to make a session one of now. */
function writesOf({ adapter }: CapableSubject, has: Parameters<Chapter>[2]): ((id: string) => Promise<unknown>)[] {
  const anew = (id: string): ChatSession => ({ ...sampleSession(id), updatedAt: at(1) });
  const writes: ((id: string) => Promise<unknown>)[] = [(id) => adapter.saveSession(id, anew(id))];
  if (has('saveSessions')) writes.push((id) => adapter.saveSessions([[id, anew(id)]]));
  if (has('appendMessages')) writes.push((id) => adapter.appendMessages(id, [added]));
  return writes;
}
