/** What every event log must bring when it is asked for events. */
import type { NewEvent, ReplayOptions } from '../types.js';
import { appended, eventsOf, numbered, payloadsOf, sessionId, type BasicLogChapter } from './log-subject.js';
import { collect, failureOf } from './subject.js';

const MINUTE = 60_000;

/** More than a log is likely to read at a time. */
const MANY = 1_050;

/** Events of which each option finds others: their topics, their priorities, and how much later than the first they are. */
const KINDS = [
  ['a', 'normal', 0],
  ['b', 'critical', 1],
  ['a', 'critical', 2],
  ['ab', 'normal', 2],
  ['b', 'normal', 4],
  ['a', 'critical', 5],
] as const;

/** Each has its place for a payload. */
const kinds = (first: number): NewEvent[] =>
  KINDS.map(([topic, priority, later], payload) => ({ topic, priority, payload, timestamp: first + later }));

/** Replays. */
export const replaying: BasicLogChapter = ({ describe, it, expect }, subject) => {
  /** A session with these events; what a replay of it brings; and which number each has. */
  const filled = async (): Promise<{
    first: number;
    seqs: number[];
    found: (options: ReplayOptions) => Promise<unknown[]>;
  }> => {
    const s = sessionId();
    const first = Date.now() - MINUTE;
    const events = await appended(subject.log, s, kinds(first));
    const found = (options: ReplayOptions): Promise<unknown[]> => payloadsOf(subject.log, s, options);
    return { first, seqs: events.map(({ seq }) => seq), found };
  };

  describe('Replay', () => {
    it('should bring critical events only, unless it is asked for all', async () => {
      const s = sessionId();
      for (const event of kinds(Date.now() - MINUTE)) await subject.log.append(s, event);
      const payloads = async (...options: [ReplayOptions?]): Promise<unknown[]> =>
        (await collect(subject.log.replay(s, ...options))).map(({ payload }) => payload);
      expect(await payloads()).toEqual([1, 2, 5]);
      expect(await payloads({})).toEqual([1, 2, 5]);
      expect(await payloads({ limit: 9 })).toEqual([1, 2, 5]);
      expect(await payloads({ priority: 'critical' })).toEqual([1, 2, 5]);
      expect(await payloads({ priority: 'all' })).toEqual([0, 1, 2, 3, 4, 5]);
    });

    it('should bring nothing of a session that it does not have', async () => {
      const s = sessionId();
      await subject.log.append(`${s}1`, { topic: 'agent_handoff' });
      expect(await collect(subject.log.replay(s))).toEqual([]);
      expect(await eventsOf(subject.log, s)).toEqual([]);
      expect(await eventsOf(subject.log, s, { last: 1, afterSeq: 5 })).toEqual([]);
    });

    it('should bring what is not older than since, nor younger than until', async () => {
      const { first, found } = await filled();
      expect(await found({ since: first + 2 })).toEqual([2, 3, 4, 5]);
      expect(await found({ since: first + 3 })).toEqual([4, 5]);
      expect(await found({ since: first + 6 })).toEqual([]);
      expect(await found({ until: first + 2 })).toEqual([0, 1, 2, 3]);
      expect(await found({ until: first - 1 })).toEqual([]);
      expect(await found({ since: first + 2, until: first + 2 })).toEqual([2, 3]);
      expect(await found({ since: 0, until: first })).toEqual([0]);
    });

    it('should take any number for a time, 0 as well', async () => {
      const s = sessionId();
      const times = [0, 1.5, -5];
      const events = times.map((timestamp): NewEvent => ({ topic: 'step', timestamp }));
      expect((await appended(subject.log, s, events)).map(({ timestamp }) => timestamp)).toEqual(times);
      const found = async (options: ReplayOptions): Promise<number[]> =>
        (await eventsOf(subject.log, s, options)).map(({ timestamp }) => timestamp);
      expect(await found({ until: 0 })).toEqual([0, -5]);
      expect(await found({ since: 0 })).toEqual([0, 1.5]);
      expect(await found({ since: 0, until: 0 })).toEqual([0]);
    });

    it('should bring what comes after a number', async () => {
      const { seqs, found } = await filled();
      const [one = NaN, , three = NaN] = seqs;
      const last = seqs.at(-1) ?? NaN;
      expect(await found({ afterSeq: 0 })).toEqual([0, 1, 2, 3, 4, 5]);
      expect(await found({ afterSeq: one })).toEqual([1, 2, 3, 4, 5]);
      expect(await found({ afterSeq: three })).toEqual([3, 4, 5]);
      expect(await found({ afterSeq: last - 1 })).toEqual([5]);
      expect(await found({ afterSeq: last })).toEqual([]);
      expect(await found({ afterSeq: last + 1 })).toEqual([]);
    });

    it('should bring the topics that it is asked for, by their whole names', async () => {
      const { found } = await filled();
      expect(await found({ topics: ['a'] })).toEqual([0, 2, 5]);
      expect(await found({ topics: ['b', 'ab', 'missing'] })).toEqual([1, 3, 4]);
      for (const topics of [[], ['missing'], ['A'], ['*'], ['%'], ['.']]) expect(await found({ topics })).toEqual([]);
    });

    it('should bring the newest by last, and of these the oldest by limit', async () => {
      const { found } = await filled();
      expect(await found({ last: 2 })).toEqual([4, 5]);
      expect(await found({ limit: 2 })).toEqual([0, 1]);
      expect(await found({ last: 4, limit: 3 })).toEqual([2, 3, 4]);
      expect(await found({ last: 3, limit: 4 })).toEqual([3, 4, 5]);
      for (const many of [6, 7]) expect(await found({ last: many, limit: many })).toEqual([0, 1, 2, 3, 4, 5]);
      for (const none of [{ last: 0 }, { limit: 0 }, { last: 0, limit: 2 }]) expect(await found(none)).toEqual([]);
    });

    it('should bring what all options together ask for', async () => {
      const { first, seqs, found } = await filled();
      const [one = NaN] = seqs;
      expect(await found({ priority: 'critical', topics: ['a'] })).toEqual([2, 5]);
      expect(await found({ priority: 'critical', last: 2 })).toEqual([2, 5]);
      expect(await found({ priority: 'critical', limit: 1 })).toEqual([1]);
      expect(await found({ topics: ['b'], since: first + 2 })).toEqual([4]);
      expect(await found({ topics: ['a'], last: 2, limit: 1 })).toEqual([2]);
      expect(await found({ since: first + 1, until: first + 4, last: 2 })).toEqual([3, 4]);
      expect(await found({ afterSeq: one, limit: 2 })).toEqual([1, 2]);
      expect(await found({ afterSeq: one, topics: ['a'], priority: 'critical', until: first + 4 })).toEqual([2]);
    });

    it('should bring events in the order in which they were appended, whatever their times and ids', async () => {
      const s = sessionId();
      const first = Date.now() - MINUTE;
      for (const [payload, [id, later]] of [['z', 3] as const, ['y', 1] as const, ['x', 2] as const].entries())
        await subject.log.append(s, { topic: 'step', payload, id: `${id}-${s}`, timestamp: first + later });
      expect(await payloadsOf(subject.log, s)).toEqual([0, 1, 2]);
      expect(await payloadsOf(subject.log, s, { last: 1 })).toEqual([2]);
      expect(await payloadsOf(subject.log, s, { since: first + 2, limit: 1 })).toEqual([0]);
    });

    it('should end with an error by its signal, before its first event and between two', async () => {
      const s = sessionId();
      await appended(subject.log, s, numbered(20));
      const aborted = AbortSignal.abort();
      expect(await failureOf(eventsOf(subject.log, s, { signal: aborted }))).toBe(aborted.reason);
      // The reason is the caller's: who waits for it knows it by that.
      const reason = new Error('it is enough');
      expect(await failureOf(eventsOf(subject.log, s, { signal: AbortSignal.abort(reason) }))).toBe(reason);
      const ending = new AbortController();
      const reading = async (): Promise<void> => {
        for await (const event of subject.log.replay(s, { priority: 'all', signal: ending.signal }))
          if (event !== undefined) ending.abort(reason);
      };
      expect(await failureOf(reading())).toBe(reason);
      // One that is never given changes nothing.
      expect((await eventsOf(subject.log, s, { signal: new AbortController().signal })).length).toBe(20);
    });

    it('should bring all of many events, more than are read at a time, unless its signal ends it', async () => {
      const s = sessionId();
      await Promise.all(numbered(MANY).map(async (event) => subject.log.append(s, event)));
      const events = await eventsOf(subject.log, s);
      expect(events.length).toBe(MANY);
      expect(events.findIndex(({ payload }, index) => payload !== index)).toBe(-1);
      expect(await payloadsOf(subject.log, s, { last: 1 })).toEqual([MANY - 1]);
      const { seq: thousandth = NaN } = events[999] ?? {};
      const behind = Array.from({ length: MANY - 1_000 }, (_, index) => 1_000 + index);
      expect(await payloadsOf(subject.log, s, { afterSeq: thousandth })).toEqual(behind);
      const ending = new AbortController();
      let seen = 0;
      const reading = async (): Promise<void> => {
        for await (const event of subject.log.replay(s, { priority: 'all', signal: ending.signal })) {
          if (event !== undefined) seen += 1;
          ending.abort();
        }
      };
      expect(await failureOf(reading())).toBe(ending.signal.reason);
      // Those that were read together may still come; not all of them.
      expect(seen).toBeLessThanOrEqual(MANY - 1);
    });

    it('should be left early, and begun again, as often as one likes', async () => {
      const s = sessionId();
      const events = await appended(subject.log, s, numbered(5));
      for (let times = 1; times <= 50; times += 1)
        for await (const event of subject.log.replay(s, { priority: 'all' })) {
          expect(event).toEqual(events[0]);
          break;
        }
      const left = subject.log.replay(s, { priority: 'all' })[Symbol.asyncIterator]();
      expect((await left.next()).value).toEqual(events[0]);
      await left.return?.();
      // Two at once are two.
      const [one, other] = [0, 1].map(() => subject.log.replay(s, { priority: 'all' })[Symbol.asyncIterator]());
      const seen = [];
      for (const which of [one, one, other, one, other]) seen.push((await which?.next())?.value);
      expect(seen).toEqual([0, 1, 0, 2, 1].map((index) => events[index]));
      await Promise.all([one?.return?.(), other?.return?.()]);
      await subject.log.append(s, { topic: 'step', payload: 5 });
      expect(await payloadsOf(subject.log, s)).toEqual([0, 1, 2, 3, 4, 5]);
    });

    it('should end although events are appended meanwhile, with each of before once', async () => {
      const s = sessionId();
      await appended(subject.log, s, numbered(3));
      const seen: unknown[] = [];
      for await (const { payload } of subject.log.replay(s, { priority: 'all' })) {
        seen.push(payload);
        // A replay that brings what comes as well would never end: it is a tail.
        if (seen.length > 50) break;
        await subject.log.append(s, { topic: 'step', payload: 2 + seen.length });
      }
      expect(seen.length).toBeLessThanOrEqual(50);
      expect(seen).toEqual(seen.map((_, index) => index));
      expect(seen.length).toBeGreaterThanOrEqual(3);
      expect(await payloadsOf(subject.log, s)).toEqual(Array.from({ length: 3 + seen.length }, (_, index) => index));
    });
  });
};
