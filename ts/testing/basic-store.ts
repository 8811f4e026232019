/** What every adapter must do with all that it has: count it, clear it, keep it, and bear with what is wrong or at once. */
import { eventually, listingsBut, LONG_TEXT, newSession, sampleSession } from './samples.js';
import type { BasicChapter } from './subject.js';

/** Statistics: 1 test. */
export const statistics: BasicChapter = ({ describe, it, expect }, subject) => {
  describe('Statistics', () => {
    it('should count sessions and keys', async () => {
      // What is written again or deleted is there once, or not at all.
      for (const id of ['session-1', 'session-1', 'deleted'])
        await subject.adapter.saveSession(id, sampleSession('session-1'));
      for (const key of ['key-1', 'key-2', 'key-2', 'deleted']) await subject.adapter.set(key, 1);
      await subject.adapter.deleteSession('deleted');
      await subject.adapter.delete('deleted');
      const stats = await subject.adapter.getStats();
      expect(stats.sessions).toBe(1);
      expect(stats.keys).toBe(2);
      expect(typeof stats.backend).toBe('string');
      expect(stats.sizeBytes).toBeGreaterThanOrEqual(0);
    });
  });
};

/** Clearing: 1 test. */
export const clearing: BasicChapter = ({ describe, it, expect }, subject) => {
  describe('Cleanup', () => {
    it('should clear sessions and keys', async () => {
      await subject.adapter.saveSession('session-1', sampleSession('session-1'));
      await subject.adapter.set('key', 1);
      await subject.adapter.clear();
      expect(await listingsBut([], subject.adapter)).toEqual([]);
      expect(await subject.adapter.has('key')).toBe(false);
      const { sessions: count, keys } = await subject.adapter.getStats();
      expect({ count, keys }).toEqual({ count: 0, keys: 0 });
      // One of the same id has nothing of what was cleared.
      await subject.adapter.saveSession('session-1', newSession('session-1'));
      expect(await subject.adapter.getSession('session-1')).toEqual(newSession('session-1'));
      expect(await subject.adapter.listSessions({ activeAgent: 'writer' })).toEqual([]);
    });
  });
};

/** What is missing, or wrong: 2 tests. */
export const errors: BasicChapter = ({ describe, it, expect }, subject) => {
  describe('Error Handling', () => {
    it('should answer null or false for what is not there, never an error', async () => {
      expect(await subject.adapter.getSession('missing')).toBeNull();
      expect(await subject.adapter.get('missing')).toBeNull();
      expect(await subject.adapter.deleteSession('missing')).toBe(false);
      expect(await subject.adapter.delete('missing')).toBe(false);
    });

    it('should reject what is no session, and keep what it had', async () => {
      await subject.adapter.saveSession('session-1', sampleSession('session-1'));
      for (const wrong of [null, undefined, 'text', {}]) {
        const failed = await Promise.resolve()
          .then(() => subject.adapter.saveSession('session-1', wrong as never))
          .then(() => false)
          .catch(() => true);
        expect(failed).toBe(true);
      }
      expect(await subject.adapter.getSession('session-1')).toEqual(sampleSession('session-1'));
    });
  });
};

/** A restart: 1 test. */
export const persistence: BasicChapter = ({ describe, it, expect }, subject) => {
  describe('Data Persistence', () => {
    it('should survive a restart, unless it says that it does not', async () => {
      const kept = subject.adapter.persistent !== false;
      for (const session of [newSession('session-1'), sampleSession('session-1')])
        await subject.adapter.saveSession('session-1', session);
      for (const value of ['first', { kept: true }]) await subject.adapter.set('key', value);
      await subject.adapter.saveSession('deleted', sampleSession('deleted'));
      await subject.adapter.deleteSession('deleted');
      await subject.adapter.set('deleted', 1);
      await subject.adapter.delete('deleted');
      // A second time it does nothing: whoever is given an adapter initialises it.
      await subject.adapter.initialize();
      expect(await subject.adapter.getSession('session-1')).toEqual(sampleSession('session-1'));
      expect(await subject.adapter.get('key')).toEqual({ kept: true });
      await subject.adapter.set('hour', 1, 3_600);
      await subject.adapter.set('over', 1, 0.05);
      await subject.restart();
      expect(await subject.adapter.getSession('session-1')).toEqual(kept ? sampleSession('session-1') : null);
      expect(await subject.adapter.get('key')).toEqual(kept ? { kept: true } : null);
      expect(await listingsBut(kept ? ['session-1'] : [], subject.adapter)).toEqual([]);
      expect(await subject.adapter.getSession('deleted')).toBeNull();
      expect(await subject.adapter.has('deleted')).toBe(false);
      expect(await subject.adapter.has('hour')).toBe(kept);
      await eventually(async () => !(await subject.adapter.has('over')));
    });
  });
};

/** Calls at once: 2 tests. */
export const concurrency: BasicChapter = ({ describe, it, expect }, subject) => {
  const ids = Array.from({ length: 20 }, (_, index) => `session-${index}`);

  describe('Concurrent Operations', () => {
    it('should serve many reads at once', async () => {
      await subject.adapter.saveSession('session-1', sampleSession('session-1'));
      const reads = await Promise.all(ids.map(() => subject.adapter.getSession('session-1')));
      for (const session of reads) expect(session).toEqual(sampleSession('session-1'));
    });

    it('should take many writes at once, those of one key in the order of their calls', async () => {
      const saves = ids.map((id) => subject.adapter.saveSession(id, sampleSession(id)));
      const sets = ids.map((_, index) => subject.adapter.set('counter', index));
      // A read sees what was asked for before it, awaited or not.
      const reads = [subject.adapter.get('counter'), subject.adapter.getSession('session-0')];
      const [answers] = await Promise.all([Promise.all(reads), ...saves, ...sets]);
      expect(answers).toEqual([ids.length - 1, sampleSession('session-0')]);
      expect(await subject.adapter.get('counter')).toBe(ids.length - 1);
      for (const id of ids) expect(await subject.adapter.getSession(id)).toEqual(sampleSession(id));
      // The last one holds, whether what came before it takes longer, or takes away.
      const { adapter } = subject;
      const large = { ...sampleSession('s'), context: { text: LONG_TEXT } };
      const last = { large: newSession('large'), anew: newSession('anew') };
      await Promise.all([
        adapter.saveSession('large', large),
        adapter.saveSession('large', last.large),
        ...[adapter.saveSession('gone', sampleSession('gone')), adapter.deleteSession('gone')],
        ...[adapter.saveSession('anew', large), adapter.saveSession('anew', sampleSession('anew'))],
        ...[adapter.deleteSession('anew'), adapter.saveSession('anew', last.anew)],
        ...[adapter.set('large', LONG_TEXT), adapter.set('large', 1)],
        ...[adapter.set('gone', 1), adapter.delete('gone')],
        ...[adapter.set('anew', LONG_TEXT), adapter.set('anew', 1), adapter.delete('anew'), adapter.set('anew', 2)],
      ]);
      for (const id of ['large', 'anew'] as const) expect(await adapter.getSession(id)).toEqual(last[id]);
      expect(await adapter.getSession('gone')).toBeNull();
      expect(await Promise.all(['large', 'gone', 'anew'].map((key) => adapter.get<number>(key)))).toEqual([1, null, 2]);
    });
  });
};
