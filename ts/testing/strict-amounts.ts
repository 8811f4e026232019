/** What a strict adapter must do with much of something: keep all of it. */
import type { ChatMessage } from '../types.js';
import { at, MANY, newSession } from './samples.js';
import type { Chapter } from './subject.js';

const all = Array.from({ length: MANY }, (_, index) => String(index).padStart(4, '0'));

/** Amounts. */
export const hostileAmounts: Chapter = ({ describe, it, expect }, subject, has) => {
  describe('Hostile Amounts', () => {
    it('should keep every message of a long session', async () => {
      const messages = all.map((id): ChatMessage => ({ id, role: 'user', content: `– ${id}`, timestamp: at(0) }));
      await subject.adapter.saveSession('long', { ...newSession('long'), messages });
      expect(await subject.adapter.getSession('long')).toEqual({ ...newSession('long'), messages });
    });

    // Those who iterate over sessions have had as many in that chapter.
    if (has('sessions')) return;
    it('should list every one of many sessions', async () => {
      await Promise.all(all.map((id) => subject.adapter.saveSession(id, newSession(id))));
      expect(await subject.adapter.listSessions({ orderBy: 'id', order: 'asc' })).toEqual(all);
      expect((await subject.adapter.getStats()).sessions).toBe(MANY);
    });
  });
};
