/** What an adapter must do that takes many sessions or keys at once. */
import type { ChatSession } from '../types.js';
import { eventually, newSession, sampleSession, untilGone } from './samples.js';
import { misdated } from './storage-upkeep.js';
import { failureOf, thrower, type Chapter } from './subject.js';

/** `getSessions`, `saveSessions`, `deleteSessions`. */
export const sessionBatches: Chapter = ({ describe, it, expect }, subject, has) => {
  if (!has('getSessions') && !has('saveSessions') && !has('deleteSessions')) return;
  const pairs = (ids: string[]): [string, ChatSession][] => ids.map((id) => [id, sampleSession(id)]);
  const listed = (): Promise<string[]> => subject.adapter.listSessions({ orderBy: 'id', order: 'asc' });
  const saveEach = async (ids: string[]): Promise<void> => {
    for (const [id, session] of pairs(ids)) await subject.adapter.saveSession(id, session);
  };

  describe('Session Batches', () => {
    if (has('getSessions')) {
      it('should get the sessions that there are, in the order of the ids', async () => {
        await saveEach(['a', 'b', 'c']);
        await subject.adapter.saveSession('new', newSession('new'));
        const found = await subject.adapter.getSessions(['c', 'missing', 'new', 'a']);
        expect([...found]).toEqual([...pairs(['c']), ['new', newSession('new')], ...pairs(['a'])]);
        expect((await subject.adapter.getSessions([])).size).toBe(0);
      });
    }
    if (has('saveSessions')) {
      it('should save all sessions, or none', async () => {
        await subject.adapter.saveSession('a', { ...sampleSession('a'), activeAgent: 'earlier' });
        const both = new Map(pairs(['a', 'b']));
        const saving = subject.adapter.saveSessions(both);
        const given = [...both.values()];
        for (const session of given) session.messages.pop();
        both.clear();
        await saving;
        // They are the caller's, and stay as they are.
        const shortened = pairs(['a', 'b']).map(([, one]) => ({ ...one, messages: one.messages.slice(0, -1) }));
        expect(given).toEqual(shortened);
        expect(await listed()).toEqual(['a', 'b']);
        for (const id of ['a', 'b']) expect(await subject.adapter.getSession(id)).toEqual(sampleSession(id));
        const wrong = [...pairs(['c', 'd']), ['e', {}] as unknown as [string, ChatSession]];
        expect((await failureOf(subject.adapter.saveSessions(wrong))) === null).toBe(false);
        expect(await listed()).toEqual(['a', 'b']);
        await subject.adapter.saveSessions([]);
      });
    }
    if (has('deleteSessions')) {
      it('should delete sessions, and tell how many there were', async () => {
        await saveEach(['a', 'b', 'c']);
        expect(await subject.adapter.deleteSessions(['a', 'missing', 'b', 'a'])).toBe(2);
        expect(await listed()).toEqual(['c']);
        expect(await subject.adapter.deleteSessions([])).toBe(0);
      });
    }
  });
};

/** `setMany`, `getMany`, `deleteMany`. */
export const keyBatches: Chapter = ({ describe, it, expect }, subject, has) => {
  if (!has('getMany') && !has('setMany') && !has('deleteMany')) return;
  describe('Key Batches', () => {
    if (has('getMany')) {
      it('should get the values that there are, in the order of the keys', async () => {
        for (const key of ['a', 'b']) await subject.adapter.set(key, { key });
        await subject.adapter.set('null', null);
        await subject.adapter.set('over', 1, 0.001);
        await eventually(async () => !(await subject.adapter.has('over')));
        const found = await subject.adapter.getMany(['b', 'missing', 'over', 'null', 'a']);
        expect([...found]).toEqual([
          ['b', { key: 'b' }],
          ['null', null],
          ['a', { key: 'a' }],
        ]);
      });
    }
    if (has('setMany')) {
      it('should set all values, or none', async () => {
        const value = [1];
        const setting = subject.adapter.setMany(new Map<string, unknown>([['a', 1], ['b', value]])); // prettier-ignore
        value.push(2);
        await setting;
        expect([value, await subject.adapter.get('a'), await subject.adapter.get('b')]).toEqual([[1, 2], 1, [1]]);
        // Nobody can store it; which keys are none is for strict adapters to tell.
        const bad = Object.defineProperty({}, 'x', { get: thrower, enumerable: true });
        const wrong: [string, unknown][] = [['a', 3], ['bad', bad]]; // prettier-ignore
        expect((await failureOf(subject.adapter.setMany(wrong))) === null).toBe(false);
        expect(await subject.adapter.get('a')).toBe(1);
      });

      it('should let each of many values expire after their ttl, and only then', async () => {
        // The last ttl holds, whatever there was before it. The first is long enough to be there when the next one comes.
        await subject.adapter.setMany([['a', 1], ['longer', 1], ['b', 2]], 0.3); // prettier-ignore
        await subject.adapter.setMany([['a', 4]]);
        await subject.adapter.setMany([['longer', 5]], 30);
        await subject.adapter.setMany([['c', 3], ['shorter', 1]], 30 * 86_400); // prettier-ignore
        await subject.adapter.setMany([['shorter', 2]], 0.05);
        for (const key of ['b', 'shorter']) await eventually(async () => !(await subject.adapter.has(key)));
        const [a, c, longer] = await Promise.all(['a', 'c', 'longer'].map((key) => subject.adapter.get<number>(key)));
        expect([a, c, longer]).toEqual([4, 3, 5]);
        const setMany = (key: string, ttl: number): Promise<void> =>
          subject.adapter.setMany([[key, 1], [`${key} too`, 2]], ttl); // prettier-ignore
        if (has('getExpiry')) {
          expect(await misdated(subject, setMany)).toEqual([]);
          return;
        }
        // Who cannot tell is waited for: neither a second more nor one less, nor whole seconds.
        const { asked, answered } = await untilGone(subject.adapter, 'exact too', () => setMany('exact', 1.3));
        expect(answered).toBeGreaterThanOrEqual(1_200);
        expect(1_600).toBeGreaterThanOrEqual(asked);
      });
    }
    if (has('deleteMany')) {
      it('should delete values, and tell how many there were', async () => {
        for (const key of ['a', 'b', 'c']) await subject.adapter.set(key, key);
        await subject.adapter.set('over', 1, 0.001);
        await eventually(async () => !(await subject.adapter.has('over')));
        expect(await subject.adapter.deleteMany(['a', 'missing', 'over', 'b', 'a'])).toBe(2);
        expect([await subject.adapter.has('a'), await subject.adapter.has('c')]).toEqual([false, true]);
      });
    }
  });
};
