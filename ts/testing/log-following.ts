/** What an event log must do that brings what comes as well: to who follows a session, and to consumers with a name. */
import type { Event, NewEvent } from '../types.js';
import { change, fullEvent } from './log-samples.js';
import {
  appended,
  begun,
  eventsOf,
  isRefused,
  numbered,
  sessionId,
  type LogChapter,
  type LogConsumer,
  type LogSubject,
} from './log-subject.js';
import { failureOf } from './subject.js';

/** How events are awaited, for no longer than the subject has patience. */
function reader({ soon }: LogSubject) {
  /** The next so many events. */
  const nextOf = async (events: AsyncIterator<Event>, count: number): Promise<Event[]> => {
    const found: Event[] = [];
    while (found.length < count) {
      const step = await soon(`event ${found.length + 1} of ${count} that it was to bring`, events.next());
      if (step.done === true) throw new Error(`it ended after ${found.length} of ${count} events`);
      found.push(step.value);
    }
    return found;
  };
  const nextPayloads = async (events: AsyncIterator<Event>, count: number): Promise<unknown[]> =>
    (await nextOf(events, count)).map(({ payload }) => payload);
  /** The payloads of the next events, up to this one: what is missing before it need not be waited for. */
  const payloadsUntil = async (events: AsyncIterator<Event>, last: unknown): Promise<unknown[]> => {
    const found: unknown[] = [];
    while (found.at(-1) !== last) {
      const step = await soon(`the event ${String(last)} that it was to bring`, events.next());
      if (step.done === true) throw new Error(`it ended before ${String(last)}, after ${found.length} events`);
      found.push(step.value.payload);
    }
    return found;
  };
  const leave = async (events: AsyncIterator<Event>): Promise<unknown> =>
    soon('the end of one that is left', Promise.resolve(events.return?.()));
  return { nextOf, nextPayloads, payloadsUntil, leave };
}

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

/** `subscribe`. */
export const consuming: LogChapter = ({ describe, it, expect }, subject, has) => {
  if (!has('subscribe')) return;
  const { nextOf, nextPayloads, leave } = reader(subject);
  /** What a consumer is brought, until it has had so many; it stays open. */
  const brought = async (consumer: LogConsumer, count: number): Promise<Event[]> => {
    const events = consumer[Symbol.asyncIterator]();
    const found = await nextOf(events, count);
    await leave(events);
    return found;
  };
  const payloads = (events: Event[]): unknown[] => events.map(({ payload }) => payload);

  describe('Consumers', () => {
    it('should go on behind what was acknowledged, each by its own name, also after a restart', async () => {
      const s = sessionId();
      await appended(subject.log, s, numbered(4));
      const first = await subject.log.subscribe(s, 'first');
      const events = await brought(first, 3);
      expect(payloads(events)).toEqual([0, 1, 2]);
      await first.ack(events[1] as Event);
      expect(first.position).toBe(events[1]?.seq);
      // What was brought and not acknowledged comes again.
      expect(payloads(await brought(first, 2))).toEqual([2, 3]);
      // An earlier one takes nothing back.
      await first.ack(events[0] as Event);
      await first.close();
      await first.close();
      const again = await subject.log.subscribe(s, 'first');
      expect(again.position).toBe(events[1]?.seq);
      expect(payloads(await brought(again, 2))).toEqual([2, 3]);
      await again.ack(events[2] as Event);
      await again.close();
      const other = await subject.log.subscribe(s, 'other');
      expect(other.position).toBeLessThanOrEqual((events[0]?.seq ?? NaN) - 1);
      expect(payloads(await brought(other, 2))).toEqual([0, 1]);
      await other.close();
      if (subject.keeps() !== true) return;
      await subject.restart();
      const later = await subject.log.subscribe(s, 'first');
      expect(payloads(await brought(later, 1))).toEqual([3]);
      await later.close();
    });

    it('should bring what comes, of its session and topics', async () => {
      const { log } = subject;
      const s = sessionId();
      const consumer = await log.subscribe(s, 'mailer', { topics: ['mail'] });
      const events = consumer[Symbol.asyncIterator]();
      const waiting = begun([nextPayloads(events, 2)]);
      for (const payload of [0, 1]) {
        await log.append(`${s}1`, { topic: 'mail', payload: 'of another session' });
        await log.append(s, { topic: 'step', payload: 'of another topic' });
        await log.append(s, { topic: 'mail', payload });
      }
      expect(await waiting).toEqual([[0, 1]]);
      await consumer.close();
      await subject.soon('the end of a consumer that was closed', failureOf(Promise.resolve(events.next())));
    });

    it('should bring what is appended while its consumer is still at what was there', async () => {
      const { log } = subject;
      const s = sessionId();
      await appended(log, s, numbered(3));
      const consumer = await log.subscribe(s, 'reader');
      const events = consumer[Symbol.asyncIterator]();
      const found = await nextPayloads(events, 1);
      await appended(
        log,
        s,
        [3, 4, 5].map((payload): NewEvent => ({ topic: 'step', payload })),
      );
      expect([...found, ...(await nextPayloads(events, 5))]).toEqual([0, 1, 2, 3, 4, 5]);
      await leave(events);
      await consumer.close();
    });

    it('should have one consumer of a name and session at a time', async () => {
      const { log } = subject;
      const s = sessionId();
      await appended(log, s, numbered(1));
      const consumer = await log.subscribe(s, 'one');
      expect(await isRefused(() => log.subscribe(s, 'one'))).toBe(true);
      const others = [await log.subscribe(s, 'other'), await log.subscribe(`${s}1`, 'one')];
      await consumer.close();
      others.push(await log.subscribe(s, 'one'));
      for (const one of others) await one.close();
    });
  });
};
