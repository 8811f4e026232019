/** What an event log must do that brings what comes as well: to who follows a session, and to consumers with a name. */
import type { Event, NewEvent } from '../types.js';
import {
  appended,
  begun,
  isRefused,
  numbered,
  sessionId,
  soon,
  type LogChapter,
  type LogConsumer,
} from './log-subject.js';
import { failureOf } from './subject.js';

/** The next so many events. */
async function nextOf(events: AsyncIterator<Event>, count: number): Promise<Event[]> {
  const found: Event[] = [];
  while (found.length < count) {
    const step = await soon(events.next());
    if (step.done === true) throw new Error(`it ended after ${found.length} of ${count} events`);
    found.push(step.value);
  }
  return found;
}

async function nextPayloads(events: AsyncIterator<Event>, count: number): Promise<unknown[]> {
  return (await nextOf(events, count)).map(({ payload }) => payload);
}

/** The payloads of the next events, up to this one: what is missing before it need not be waited for. */
async function payloadsUntil(events: AsyncIterator<Event>, last: unknown): Promise<unknown[]> {
  const found: unknown[] = [];
  while (found.at(-1) !== last) found.push(...(await nextPayloads(events, 1)));
  return found;
}

/** `tail`. */
export const following: LogChapter = ({ describe, it, expect }, subject, has) => {
  if (!has('tail')) return;
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
      ending.abort();
      expect((await soon(waiting))?.['name']).toBe('AbortError');
      const left = log.tail(s)[Symbol.asyncIterator]();
      await nextOf(left, 1);
      await soon(Promise.resolve(left.return?.()));
      // Neither holds up anything.
      expect((await appended(log, s, numbered(1))).length).toBe(2);
    });
  });
};

/** `subscribe`. */
export const consuming: LogChapter = ({ describe, it, expect }, subject, has) => {
  if (!has('subscribe')) return;
  /** What a consumer is brought, until it has had so many; it stays open. */
  const brought = async (consumer: LogConsumer, count: number): Promise<Event[]> => {
    const events = consumer[Symbol.asyncIterator]();
    const found = await nextOf(events, count);
    await soon(Promise.resolve(events.return?.()));
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
      expect((events[0]?.seq ?? NaN) - 1).toBeGreaterThanOrEqual(other.position);
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
      await soon(failureOf(Promise.resolve(events.next())));
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
