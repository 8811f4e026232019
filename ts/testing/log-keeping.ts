/** What every event log must keep, whatever is cleaned up, and over a restart where it says that it does. */
import type { CleanupReport } from '../types.js';
import { appended, eventsOf, isGrowing, numbered, payloadsOf, sessionId, type BasicLogChapter } from './log-subject.js';

const HOUR = 3_600_000;

/** More than any retention that a log is likely to have by itself. */
const YEARS = 20 * 366 * 24 * HOUR;

const NOTHING: CleanupReport = { archived: 0, deleted: 0, bytesFreed: 0 };

/** Clean-ups. */
export const retention: BasicLogChapter = ({ describe, it, expect }, subject) => {
  /** Cleans up, and gives what is reported; a log that reports nothing has nothing to be wrong. */
  const cleanup = async (retentionMs: number): Promise<CleanupReport | null> => {
    const report = (await subject.log.cleanup(retentionMs)) ?? null;
    const counts = report === null ? [] : [report.archived, report.deleted, report.bytesFreed];
    expect(counts.filter((count) => !Number.isSafeInteger(count) || count < 0)).toEqual([]);
    return report;
  };

  describe('Retention', () => {
    it('should keep what is within the retention, by the times of the events', async () => {
      const [mixed, young, old] = [sessionId(), sessionId(), sessionId()];
      const before = Date.now() - 3 * HOUR;
      await appended(subject.log, mixed, [
        ...numbered(2, { timestamp: before }),
        ...numbered(2, { timestamp: Date.now() - HOUR, priority: 'critical' }),
        ...numbered(2),
        // What is late is as old as it says; what comes before it is none the older for that.
        ...numbered(1, { timestamp: before }),
      ]);
      const kept = await appended(subject.log, young, numbered(3));
      await appended(subject.log, old, numbered(3, { timestamp: before }));
      await cleanup(2 * HOUR);
      expect(await eventsOf(subject.log, young)).toEqual(kept);
      const left = await eventsOf(subject.log, mixed);
      const within = left.filter(({ timestamp }) => timestamp > before);
      expect(within.map(({ payload, priority }) => [payload, priority])).toEqual([
        ...[0, 1].map((payload) => [payload, 'critical']),
        ...[0, 1].map((payload) => [payload, 'normal']),
      ]);
      // Older ones may stay, as long as they stay where they were.
      expect(isGrowing(left.map(({ seq }) => seq))).toBe(true);
      expect(await payloadsOf(subject.log, mixed, { since: before + 1 })).toEqual([0, 1, 0, 1]);
    });

    it('should do nothing where nothing is old', async () => {
      const s = sessionId();
      const events = await appended(subject.log, s, numbered(3, { timestamp: Date.now() - HOUR }));
      // The second time there is nothing left to be done, also where the first one had.
      for (const expected of [null, NOTHING]) {
        const report = await cleanup(YEARS);
        if (report !== null && expected !== null) expect({ ...NOTHING, ...report }).toEqual({ ...report, ...expected });
        expect(await eventsOf(subject.log, s)).toEqual(events);
      }
    });

    it('should report no more than is gone, and not nothing where something is', async () => {
      // What is old already, of other tests at the same place, is not counted below; nor does anything of theirs grow old now.
      await cleanup(2 * HOUR);
      const s = sessionId();
      const old = await appended(subject.log, s, numbered(6, { timestamp: Date.now() - 3 * HOUR }));
      const report = await cleanup(2 * HOUR);
      if (report === null) return;
      const gone = old.length - (await eventsOf(subject.log, s)).length;
      const { archived, deleted, bytesFreed } = report;
      // Files or events, whichever it counts: there are no more files than events.
      expect(Math.max(archived, deleted)).toBeLessThanOrEqual(gone);
      if (gone > 0) expect(archived + deleted + bytesFreed).toBeGreaterThanOrEqual(1);
    });

    it('should take events after a clean-up, under numbers that it has never given', async () => {
      const s = sessionId();
      const before = await appended(subject.log, s, numbered(3, { timestamp: Date.now() - 3 * HOUR }));
      const last = before.at(-1)?.seq ?? NaN;
      for (const round of [1, 2, 3]) {
        await cleanup(HOUR);
        await subject.log.append(s, { topic: 'step', payload: `after ${round}` });
      }
      const events = await eventsOf(subject.log, s);
      const seqs = events.map(({ seq }) => seq);
      expect(isGrowing(seqs)).toBe(true);
      // Whoever goes on behind the last number that he has seen gets all that came since.
      expect(await payloadsOf(subject.log, s, { afterSeq: last })).toEqual(['after 1', 'after 2', 'after 3']);
      expect(await payloadsOf(subject.log, s, { last: 3 })).toEqual(['after 1', 'after 2', 'after 3']);
      expect(new Set(events.map(({ id }) => id)).size).toBe(events.length);
    });
  });
};

/** A restart. */
export const logPersistence: BasicLogChapter = ({ describe, it, expect }, subject) => {
  describe('Persistence', () => {
    it('should keep everything over a restart, unless it says that it does not', async () => {
      const kept = subject.keeps();
      // Of a log that says nothing of it, and of which nobody has said how it is opened again, nothing is known.
      if (kept === null) return;
      const [s, other] = [sessionId(), sessionId()];
      const first = { topic: 'message', payload: { text: 'before' }, id: 'mine', metadata: { tags: ['a'] } };
      const before = await appended(subject.log, s, [first, { topic: 'agent_handoff' }, ...numbered(3)]);
      await appended(subject.log, other, numbered(1));
      const last = before.at(-1)?.seq ?? NaN;
      await subject.restart();
      const after = await eventsOf(subject.log, s);
      // Nothing at all is what a log has whose place is another one.
      if (kept && !subject.reopens && after.length === 0)
        throw new Error('createLog() gave an empty place: give `reopen`, or say `persistent: false`');
      expect(after).toEqual(kept ? before : []);
      expect(await payloadsOf(subject.log, other)).toEqual(kept ? [0] : []);
      await subject.log.append(s, { topic: 'step', payload: 'after' });
      if (!kept) return;
      expect(await payloadsOf(subject.log, s, { afterSeq: last })).toEqual(['after']);
      await subject.restart();
      const events = await eventsOf(subject.log, s);
      expect(events.slice(0, -1)).toEqual(before);
      expect(events.at(-1)?.payload).toBe('after');
    });

    it('should never give a number twice, also where the last ones were cleaned up before a restart', async () => {
      if (subject.keeps() !== true) return;
      const s = sessionId();
      const before = await appended(subject.log, s, numbered(3, { timestamp: Date.now() - 3 * HOUR }));
      await cleanupAll();
      await subject.restart();
      await subject.log.append(s, { topic: 'step', payload: 'after' });
      expect(await payloadsOf(subject.log, s, { afterSeq: before.at(-1)?.seq ?? NaN })).toEqual(['after']);
    });
  });

  const cleanupAll = async (): Promise<void> => {
    await subject.log.cleanup(HOUR);
  };
};
