/** What an adapter must keep over a restart of what came by the methods that only some have, and tell by them. */
import type { ChatMessage, ChatSession } from '../types.js';
import { at, eventually, OUT_BY, sampleSession } from './samples.js';
import { readingsFor, readingsOf } from './storage-readings.js';
import { collect, type Chapter } from './subject.js';

const added: ChatMessage = { id: 'added', role: 'user', content: '–', timestamp: at(5) };

const WRITERS = ['appendMessages', 'saveVersioned', 'saveSessions', 'deleteSessions', 'setMany', 'deleteMany', 'prune'] as const; // prettier-ignore
const READERS = ['getMessages', 'getSessionInfo', 'getVersioned', 'getSessions', 'getMany', 'sessions', 'keys'] as const; // prettier-ignore

const HOUR = 3_600;

/** What is written by one method or another, and read by each. */
export const keeping: Chapter = ({ describe, it, expect }, subject, has) => {
  if (![...WRITERS, ...READERS].some(has)) return;

  describe('Capabilities and Restarts', () => {
    it('should keep over a restart what it was given, and lose what it was told to, by every way', async () => {
      const kept = subject.adapter.persistent !== false;
      const ids = ['appended', 'versioned', 'saved', 'deleted', 'pruned'];
      for (const id of ids) await subject.adapter.saveSession(id, { ...sampleSession(id), updatedAt: at(4) });
      for (const key of ['set', 'deleted']) await subject.adapter.set(key, 1);
      await subject.restart();
      // What is done now is all that happens between two restarts: nothing else takes it along to the disk.
      const { adapter } = subject;
      if (!kept) for (const id of ids) await adapter.saveSession(id, { ...sampleSession(id), updatedAt: at(4) });
      if (!kept) await adapter.set('deleted', 1);
      const later = (id: string): ChatSession => ({ ...sampleSession(id), later: true });
      if (has('prune')) {
        await adapter.saveSession('pruned', { ...sampleSession('pruned'), updatedAt: at(3) });
        await adapter.prune({ updatedBefore: at(4) });
      }
      if (has('appendMessages')) await adapter.appendMessages('appended', [added]);
      if (has('saveVersioned') && has('getVersioned')) {
        const { version } = (await adapter.getVersioned('versioned')) ?? { version: NaN };
        await adapter.saveVersioned('versioned', later('versioned'), { ifVersion: version });
      }
      if (has('saveSessions')) await adapter.saveSessions([['saved', later('saved')]]);
      if (has('deleteSessions')) await adapter.deleteSessions(['deleted']);
      if (has('setMany')) {
        await adapter.setMany([['over', 1]], 0.05);
        await adapter.setMany([['hour', 1]], HOUR);
        await adapter.setMany([['set', 2]]);
      }
      if (has('deleteMany')) await adapter.deleteMany(['deleted']);
      // All but the key that is about to end.
      const look = async () => {
        const { adapter } = subject;
        const keys = ['set', 'hour', 'deleted'];
        return {
          sessions: await Promise.all(ids.map((id) => adapter.getSession(id))),
          values: await Promise.all(keys.map((key) => adapter.get<number>(key))),
          ...(has('getMany') && { getMany: [...(await adapter.getMany(keys))] }),
          ...(has('keys') && { keys: (await collect(adapter.keys())).filter((key) => key !== 'over') }),
        };
      };
      const readings = (): Promise<object[]> => Promise.all(ids.map((id) => readingsOf(subject, has, id)));
      const before = await look();
      await subject.restart();
      const none = { sessions: ids.map(() => null), values: [null, null, null], getMany: [], keys: [] };
      expect({ ...none, ...(await look()) }).toEqual(kept ? { ...none, ...before } : none);
      expect(await readings()).toEqual(before.sessions.map((session) => readingsFor(has, kept ? session : null)));
      if (!has('setMany')) return;
      await eventually(async () => !(await subject.adapter.has('over')));
      if (!has('getExpiry') || !kept) return;
      expect(Date.now() + HOUR * 1000 + OUT_BY).toBeGreaterThanOrEqual(
        (await subject.adapter.getExpiry('hour')) ?? NaN,
      );
    });
  });
};
