/** What an adapter must do that iterates over its sessions and keys. */
import { at, eventually, MANY, newSession, sampleSession } from './samples.js';
import { collect, collectRemoving, type Chapter } from './subject.js';

const name = (index: number): string => `id/${String(index).padStart(4, '0')}`;

/** `sessions`. */
export const sessionIteration: Chapter = ({ describe, it, expect }, subject, has) => {
  if (!has('sessions')) return;
  const saveMany = async (count: number): Promise<void> => {
    const saves = Array.from({ length: count }, (_, index) => {
      // Many share a moment: pages have to go on in the middle of them.
      const session = { ...newSession(name(index)), updatedAt: at(index % 3) };
      return subject.adapter.saveSession(name(index), session);
    });
    await Promise.all(saves);
  };

  describe('Session Iteration', () => {
    it('should give what listSessions gives, across pages', async () => {
      await saveMany(MANY);
      const all = await collect(subject.adapter.sessions());
      expect(all.length).toBe(MANY);
      expect(all).toEqual(await subject.adapter.listSessions());
      for (const options of [
        { orderBy: 'id', order: 'asc' },
        { order: 'asc', updatedAfter: at(1), limit: 500, offset: 100 },
        { idPrefix: 'id/00', limit: 7 },
        { limit: 0 },
      ] as const) {
        expect(await collect(subject.adapter.sessions(options))).toEqual(await subject.adapter.listSessions(options));
      }
      // A loop that deletes what it sees misses nothing: the next page does not begin so many further on.
      const { adapter } = subject;
      expect(await collectRemoving(adapter.sessions(), (id) => adapter.deleteSession(id))).toEqual(all);
    });

    it('should give each session once while others are written, and stop where the loop is left', async () => {
      await saveMany(30);
      const seen: string[] = [];
      for await (const id of subject.adapter.sessions({ orderBy: 'id', order: 'asc' })) {
        seen.push(id);
        if (seen.length === 10) await subject.adapter.saveSession('id/0000', sampleSession('id/0000'));
        if (seen.length === 20) break;
      }
      expect(seen).toEqual(Array.from({ length: 20 }, (_, index) => name(index)));
      expect((await subject.adapter.listSessions()).length).toBe(30);
    });
  });
};

/** `keys`. */
export const keyIteration: Chapter = ({ describe, it, expect }, subject, has) => {
  if (!has('keys')) return;
  describe('Key Iteration', () => {
    it('should give all living keys by code points, across pages', async () => {
      const keys = ['Z', 'a', 'é', '\uff5e', '🙂', ...Array.from({ length: MANY }, (_, index) => name(index))];
      await Promise.all(keys.map((key) => subject.adapter.set(key, 1)));
      await subject.adapter.set('over', 1, 0.001);
      await eventually(async () => !(await subject.adapter.has('over')));
      const byBytes = (one: string, other: string): number => Buffer.compare(Buffer.from(one), Buffer.from(other));
      const { adapter } = subject;
      expect(await collect(adapter.keys())).toEqual(keys.sort(byBytes));
      expect(await collectRemoving(adapter.keys(), (key) => adapter.delete(key))).toEqual(keys);
    });

    it('should give only keys that begin as asked for', async () => {
      for (const key of ['a%b', 'a%', 'aXb', 'A%b', 'a_', 'b']) await subject.adapter.set(key, 1);
      expect(await collect(subject.adapter.keys({ prefix: 'a%' }))).toEqual(['a%', 'a%b']);
      expect(await collect(subject.adapter.keys({ prefix: 'a_' }))).toEqual(['a_']);
      expect(await collect(subject.adapter.keys({ prefix: 'c' }))).toEqual([]);
    });
  });
};
