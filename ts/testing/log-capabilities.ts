/** What an event log must do that knows its sessions, erases them, counts, verifies, flushes or can be closed. */
import {
  appended,
  begun,
  eventsOf,
  isRefused,
  numbered,
  payloadsOf,
  sessionId,
  type LogChapter,
} from './log-subject.js';
import { collect } from './subject.js';

/** `sessions`. */
export const listing: LogChapter = ({ describe, it, expect }, subject, has) => {
  if (!has('sessions')) return;
  describe('Sessions', () => {
    it('should have the id of every session that has events, once', async () => {
      const { log } = subject;
      const [one, other, missing] = [sessionId(), sessionId(), sessionId()];
      const mine = async (): Promise<string[]> => {
        const ids = await log.sessions();
        return [one, other, missing].flatMap((id) => ids.filter((found) => found === id));
      };
      expect(await mine()).toEqual([]);
      await appended(log, one, numbered(2));
      await appended(log, other, [{ topic: 'agent_handoff' }]);
      await appended(log, one, numbered(1));
      // Whoever asks for one that there is not makes none.
      expect(await eventsOf(log, missing)).toEqual([]);
      expect(await mine()).toEqual([one, other]);
      // What one is given is one's own.
      (await log.sessions()).length = 0;
      expect(await mine()).toEqual([one, other]);
    });
  });
};

/** `eraseSession`. */
export const erasing: LogChapter = ({ describe, it, expect }, subject, has) => {
  if (!has('eraseSession')) return;
  describe('Erasure', () => {
    it('should erase everything of a session, once, and nothing of another', async () => {
      const { log } = subject;
      const s = sessionId();
      const other = `${s}1`;
      await appended(log, s, [{ topic: 'agent_handoff' }, ...numbered(3, { timestamp: Date.now() - 5 })]);
      const kept = await appended(log, other, numbered(3));
      expect(await log.eraseSession(sessionId())).toBe(false);
      expect(await log.eraseSession(s)).toBe(true);
      expect(await collect(log.replay(s))).toEqual([]);
      expect(await eventsOf(log, s, { archived: true })).toEqual([]);
      expect(await log.eraseSession(s)).toBe(false);
      expect(await eventsOf(log, other)).toEqual(kept);
      if (has('sessions')) {
        const ids = await log.sessions();
        expect([s, other].filter((id) => ids.includes(id))).toEqual([other]);
      }
    });

    it('should begin a session anew that was erased', async () => {
      const { log } = subject;
      const s = sessionId();
      const last = (await appended(log, s, numbered(3))).at(-1)?.seq ?? NaN;
      await log.eraseSession(s);
      await appended(log, s, [{ topic: 'step', payload: 'anew' }]);
      expect(await payloadsOf(log, s)).toEqual(['anew']);
      // Whoever goes on behind the last number that he has seen gets what came since.
      expect(await payloadsOf(log, s, { afterSeq: last })).toEqual(['anew']);
      if (subject.keeps() !== true) return;
      await subject.restart();
      expect(await payloadsOf(subject.log, s)).toEqual(['anew']);
      expect(await subject.log.eraseSession(s)).toBe(true);
      await subject.restart();
      expect(await payloadsOf(subject.log, s)).toEqual([]);
    });

    it('should erase what was cleaned up as well', async () => {
      const { log } = subject;
      const s = sessionId();
      await appended(log, s, numbered(3, { timestamp: Date.now() - 7_200_000 }));
      await log.cleanup(3_600_000);
      await log.eraseSession(s);
      expect(await eventsOf(log, s, { archived: true })).toEqual([]);
    });
  });
};

/** `flush`, `getStats` and `verify`. */
export const upkeep: LogChapter = ({ describe, it, expect }, subject, has) => {
  if (has('flush'))
    describe('Flush', () => {
      it('should have stored by the end of a flush what was appended before it', async () => {
        const { log } = subject;
        await log.flush();
        const s = sessionId();
        const calls = begun(numbered(50).map(async (event) => log.append(s, event)));
        await log.flush();
        expect(await payloadsOf(log, s)).toEqual(numbered(50).map(({ payload }) => payload));
        await calls;
        await log.flush();
      });
    });

  if (has('getStats'))
    describe('Statistics', () => {
      it('should count events and sessions', async () => {
        const { log } = subject;
        // Its place may have been another test's as well.
        const before = await log.getStats();
        const [one, other] = [sessionId(), sessionId()];
        await appended(log, one, numbered(3));
        await appended(log, other, [{ topic: 'agent_handoff' }]);
        const { events, sessions } = await log.getStats();
        expect([events - before.events, sessions - before.sessions]).toEqual([4, 2]);
        if (!has('eraseSession')) return;
        await log.eraseSession(one);
        const after = await log.getStats();
        expect([after.events - before.events, after.sessions - before.sessions]).toEqual([1, 1]);
      });
    });

  if (has('verify'))
    describe('Verification', () => {
      it('should find nothing damaged in what it has just stored, and count it', async () => {
        const { log } = subject;
        const [s, other] = [sessionId(), sessionId()];
        await appended(log, s, numbered(3));
        await appended(log, other, numbered(2));
        const { events, damaged } = await log.verify(s);
        expect({ events, damaged }).toEqual({ events: 3, damaged: [] });
        const all = await log.verify();
        expect(all.damaged).toEqual([]);
        expect(all.events).toBeGreaterThanOrEqual(5);
      });
    });
};

/** `close`. */
export const closing: LogChapter = ({ describe, it, expect }, subject, has) => {
  if (!has('close')) return;
  describe('Closing', () => {
    it('should be closed as often as one likes, and take and bring nothing afterwards', async () => {
      const { log } = subject;
      const s = sessionId();
      const before = await appended(log, s, numbered(3));
      await Promise.all([log.close(), log.close()]);
      await log.close();
      const calls: Record<string, () => Promise<unknown>> = {
        append: () => log.append(s, { topic: 'step', payload: 'late' }),
        replay: () => collect(log.replay(s)),
        cleanup: () => log.cleanup(3_600_000),
      };
      if (has('sessions')) calls['sessions'] = () => log.sessions();
      if (has('eraseSession')) calls['eraseSession'] = () => log.eraseSession(s);
      if (has('flush')) calls['flush'] = () => log.flush();
      if (has('subscribe')) calls['subscribe'] = () => log.subscribe(s, 'consumer');
      for (const [name, call] of Object.entries(calls)) expect([name, await isRefused(call)]).toEqual([name, true]);
      if (subject.keeps() !== true) return;
      await subject.restart();
      expect(await eventsOf(subject.log, s)).toEqual(before);
    });

    it('should let land what was appended before it was closed', async () => {
      const { log } = subject;
      const s = sessionId();
      const calls = begun(numbered(50).map(async (event) => log.append(s, event)));
      await log.close();
      await calls;
      if (subject.keeps() !== true) return;
      await subject.restart();
      expect(await payloadsOf(subject.log, s)).toEqual(numbered(50).map(({ payload }) => payload));
    });
  });
};
