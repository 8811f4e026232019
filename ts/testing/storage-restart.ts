/** What an adapter must keep over a restart of what came by the methods that only some have. */
import type { ChatMessage } from '../types.js';
import { at, sampleSession } from './samples.js';
import type { Chapter } from './subject.js';

const added: ChatMessage = { id: 'added', role: 'user', content: '–', timestamp: at(5) };

/** `appendMessages`, `saveVersioned`, the batches and `prune`. */
export const keeping: Chapter = ({ describe, it, expect }, subject, has) => {
  const ways = ['appendMessages', 'saveVersioned', 'saveSessions', 'deleteSessions', 'setMany', 'deleteMany', 'prune'] as const; // prettier-ignore
  if (!ways.some(has)) return;

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
      const later = (id: string): ReturnType<typeof sampleSession> => ({ ...sampleSession(id), later: true });
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
      if (has('setMany')) await adapter.setMany([['set', 2]]);
      if (has('deleteMany')) await adapter.deleteMany(['deleted']);
      const look = async (): Promise<object> => {
        const sessions = await Promise.all(ids.map((id) => subject.adapter.getSession(id)));
        return {
          sessions,
          set: await subject.adapter.get<number>('set'),
          deleted: await subject.adapter.has('deleted'),
        };
      };
      const before = await look();
      await subject.restart();
      expect(await look()).toEqual(kept ? before : { sessions: ids.map(() => null), set: null, deleted: false });
    });
  });
};
