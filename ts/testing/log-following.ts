/** What an event log must do that brings what comes as well to who follows a session. */
import type { Event, NewEvent } from '../types.js';
import { change, fullEvent } from './log-samples.js';
import { reader } from './log-reader.js';
import { appended, begun, eventsOf, numbered, sessionId, type LogChapter } from './log-subject.js';
import { failureOf } from './subject.js';

/** `tail`. */
export const following: LogChapter = ({ describe, it, expect }, subject, has) => {
  if (!has('tail')) return;
  const { nextOf, nextPayloads, payloadsUntil, leave } = reader(subject);
  describe('Following', () => {
    it('should bring what is there and then what comes, each once and in order', async () => {
      const { log } = subject;
      const s = sessionId();
      const mark = (payload: string): NewEvent => ({ topic: 'agent_handoff', payload });
      await appended(log, s, [...numbered(2), mark('there')]);
      const ending = new AbortController();
      const events = log.tail(s, { signal: ending.signal })[Symbol.asyncIterator]();
      try {
        expect(await payloadsUntil(events, 'there')).toEqual([0, 1, 'there']);
        // One that is waited for when it comes.
        const waiting = begun([payloadsUntil(events, 'came')]);
        await appended(log, s, [{ topic: 'step', payload: 2 }, mark('came')]);
        expect(await waiting).toEqual([[2, 'came']]);
        // Some that come at once, and some of another session between them.
        const calls = numbered(20).flatMap((event) => [
          (async () => log.append(s, event))(),
          (async () => log.append(`${s}1`, { topic: 'step', payload: 'of another session' }))(),
        ]);
        const landed = begun([...calls, (async () => log.append(s, mark('end')))()]);
        expect(await payloadsUntil(events, 'end')).toEqual([...numbered(20).map(({ payload }) => payload), 'end']);
        await landed;
      } finally {
        ending.abort();
        await events.return?.();
      }
    });

    it('should bring what is appended while its reader is still at what was there', async () => {
      const { log } = subject;
      const s = sessionId();
      await appended(log, s, numbered(3));
      const ending = new AbortController();
      const events = log.tail(s, { signal: ending.signal })[Symbol.asyncIterator]();
      try {
        const found = await nextPayloads(events, 1);
        await appended(
          log,
          s,
          [3, 4, 5].map((payload): NewEvent => ({ topic: 'step', payload })),
        );
        expect([...found, ...(await nextPayloads(events, 5))]).toEqual([0, 1, 2, 3, 4, 5]);
        // And none of them once more, before what comes next.
        await log.append(s, { topic: 'step', payload: 'end' });
        expect(await payloadsUntil(events, 'end')).toEqual(['end']);
      } finally {
        ending.abort();
        await events.return?.();
      }
    });

    it('should give everybody who follows events of his own', async () => {
      const { log } = subject;
      const s = sessionId();
      const time = Date.now() - 7;
      await log.append(s, fullEvent('there', time));
      const ending = new AbortController();
      const both = [1, 2].map(() => log.tail(s, { signal: ending.signal })[Symbol.asyncIterator]());
      try {
        for (const id of ['there', 'came']) {
          const waiting = begun(both.map((events) => nextOf(events, 1)));
          if (id === 'came') await log.append(s, fullEvent(id, time));
          const [[one] = [], [other] = []] = await waiting;
          if (one !== undefined) change(one);
          expect({ ...other, ...fullEvent(id, time) }).toEqual(other);
        }
        const stored = await eventsOf(log, s);
        expect(stored.map(({ payload, metadata }) => [payload, metadata])).toEqual(
          ['there', 'came'].map((id) => [fullEvent(id, time).payload, fullEvent(id, time).metadata]),
        );
      } finally {
        ending.abort();
        for (const events of both) await events.return?.();
      }
    });

    it('should begin behind a number, and heed priorities and topics', async () => {
      const { log } = subject;
      const s = sessionId();
      const [, second] = await appended(log, s, numbered(4));
      const ending = new AbortController();
      const { signal } = ending;
      const open = (options: Parameters<typeof log.tail>[1]): AsyncIterator<Event> =>
        log.tail(s, { ...options, signal })[Symbol.asyncIterator]();
      const behind = open({ afterSeq: second?.seq ?? NaN });
      const critical = open({ priority: 'critical' });
      const topics = open({ topics: ['other'] });
      try {
        expect(await nextPayloads(behind, 2)).toEqual([2, 3]);
        const waiting = begun([critical, topics].map((events) => nextPayloads(events, 1)));
        for (const payload of ['first', 'second']) {
          await log.append(s, { topic: 'agent_handoff', payload });
          await log.append(s, { topic: 'other', payload });
        }
        expect(await waiting).toEqual([['first'], ['first']]);
        for (const events of [critical, topics]) expect(await nextPayloads(events, 1)).toEqual(['second']);
      } finally {
        ending.abort();
        for (const events of [behind, critical, topics]) await events.return?.();
      }
    });

    it('should end with an error by its signal, and at once when it is left', async () => {
      const { log } = subject;
      const s = sessionId();
      await appended(log, s, numbered(1));
      const ending = new AbortController();
      const events = log.tail(s, { signal: ending.signal })[Symbol.asyncIterator]();
      await nextOf(events, 1);
      const waiting = failureOf(events.next());
      const reason = new Error('it is enough');
      ending.abort(reason);
      expect(await subject.soon('the end of a tail by its signal', waiting)).toBe(reason);
      const left = log.tail(s)[Symbol.asyncIterator]();
      await nextOf(left, 1);
      await leave(left);
      // Neither holds up anything.
      expect((await appended(log, s, numbered(1))).length).toBe(2);
    });
  });
};
