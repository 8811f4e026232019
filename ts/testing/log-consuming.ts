/** What an event log must do that has consumers with a name and a position. */
import type { Event, NewEvent } from '../types.js';
import { reader } from './log-reader.js';
import { appended, begun, isRefused, numbered, sessionId, type LogChapter, type LogConsumer } from './log-subject.js';
import { failureOf } from './subject.js';

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
