/** Following a session, and consumers that remember where they were. */
import { getEventListeners, once } from 'node:events';
import { PassThrough, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import { EventLogError, type Event, type JsonlEventReplayStorage } from '../ts/index.js';
import { all, open, rejection } from './support/event-log.js';

const numbers = (events: Event[]): unknown[] => events.map(({ payload }) => payload);

/** So many events of whatever brings some. */
async function take(from: AsyncIterable<Event>, count: number): Promise<Event[]> {
  const taken: Event[] = [];
  for await (const event of from) if (taken.push(event) === count) break;
  return taken;
}

const append = (log: JsonlEventReplayStorage, payload: unknown, topic = 't'): Promise<unknown> =>
  log.append('s', { topic, payload });

describe('tail', () => {
  test.each(['owner', 'visitor'])(
    'brings what is there and then what comes, each once and in order (%s)',
    async (who) => {
      const log = open({ maxFileBytes: 2_000 });
      const reader = who === 'owner' ? log : open({ directory: log.directory, readOnly: true });
      for (let at = 0; at < 20; at += 1) await append(log, at);
      const taking = take(reader.tail('s'), 400);
      for (let at = 20; at < 400; at += 1) {
        if (at % 7 === 0) await append(log, at);
        else void append(log, at);
      }
      const taken = await taking;
      expect(numbers(taken)).toEqual(Array.from({ length: 400 }, (_, at) => at));
      expect((await log.getStats()).files).toBeGreaterThan(10);
      // From an event on, and of a session that nobody has heard of yet.
      expect(numbers(await take(reader.tail('s', { afterSeq: taken[389]?.seq ?? 0 }), 10))).toEqual(
        Array.from({ length: 10 }, (_, at) => 390 + at),
      );
      const later = take(reader.tail('new'), 1);
      await log.append('new', { topic: 't', payload: 'first' });
      expect(numbers(await later)).toEqual(['first']);
    },
  );

  test('brings what matches, and does not look again and again at what does not', async () => {
    const log = open();
    const taking = take(log.tail('s', { topics: ['wanted'], priority: 'critical' }), 2);
    await append(log, 0);
    await append(log, 1, 'wanted');
    await log.append('s', { topic: 'wanted', payload: 2, priority: 'critical' });
    await append(log, 3);
    await log.append('s', { topic: 'wanted', payload: 4, priority: 'critical' });
    expect(numbers(await taking)).toEqual([2, 4]);
  });

  test('brings the topics that it was asked for, whatever becomes of their list', async () => {
    const log = open();
    await append(log, 1, 'wanted');
    await append(log, 2, 'other');
    const topics = ['wanted'];
    const tail = log.tail('s', { topics });
    const consumer = await log.subscribe('s', 'c', { topics });
    topics[0] = 'other';
    expect(numbers(await take(tail, 1))).toEqual([1]);
    expect(numbers(await take(consumer, 1))).toEqual([1]);
  });

  test.each(['owner', 'visitor'])('ends by its signal and with the log, waiting or not (%s)', async (who) => {
    const log = open();
    await append(log, 1);
    const reader = who === 'owner' ? log : open({ directory: log.directory, readOnly: true });
    const stop = new AbortController();
    const waiting = reader.tail('s', { signal: stop.signal });
    await waiting.next();
    const next = rejection(waiting.next());
    stop.abort(new Error('enough'));
    expect((await next).message).toBe('enough');
    const asked = reader.tail('s', { afterSeq: 1, signal: AbortSignal.abort(new Error('before it began')) });
    expect((await rejection(asked.next())).message).toBe('before it began');
    const atOnce = new AbortController();
    const called = rejection(reader.tail('s', { afterSeq: 1, signal: atOnce.signal }).next());
    atOnce.abort(new Error('at once'));
    expect((await called).message).toBe('at once');
    const left = rejection(reader.tail('s', { afterSeq: 1 }).next());
    await reader.close();
    expect(await left).toMatchObject({ code: 'ERR_CLOSED' });
    expect(() => log.tail('')).toThrow(/sessionId is empty/);
    expect(() => log.tail('s', { priority: 'high' as never })).toThrow(/priority/);
  });
});

describe('leaving', () => {
  test.each(['owner', 'visitor'])(
    'a tail and a consumer that wait end at once when they are left (%s)',
    async (who) => {
      const log = open();
      await append(log, 1);
      const reader = who === 'owner' ? log : open({ directory: log.directory, readOnly: true });
      const consumer = await reader.subscribe('s', 'c');
      const stop = new AbortController();
      const endless = [reader.tail('s'), reader.tail('s', { signal: stop.signal }), consumer[Symbol.asyncIterator]()];
      for (const events of endless) {
        await events.next();
        const [first, second] = [events.next(), events.next()];
        const left = events.return();
        const done = { done: true, value: undefined };
        expect(await Promise.all([first, second, left, events.next()])).toEqual([done, done, done, done]);
      }
      expect(getEventListeners(stop.signal, 'abort')).toEqual([]);
      // Left before it began, it does not begin; the consumer may be asked again.
      const early = reader.tail('s');
      await early.return();
      expect((await early.next()).done).toBe(true);
      expect(numbers(await take(consumer, 1))).toEqual([1]);
    },
  );

  test.each(['owner', 'visitor'])('with an error, too, as streams leave whose other end has gone (%s)', async (who) => {
    const log = open();
    await append(log, 1);
    const reader = who === 'owner' ? log : open({ directory: log.directory, readOnly: true });
    const consumer = await reader.subscribe('s', 'c');
    const gone = new Error('gone');
    const done = { done: true, value: undefined };
    for (const events of [reader.tail('s'), consumer[Symbol.asyncIterator]()]) {
      await events.next();
      const waiting = [events.next(), events.next()];
      expect(await rejection(events.throw(gone))).toBe(gone);
      expect(await Promise.all([...waiting, events.next()])).toEqual([done, done, done]);
    }
    const early = reader.tail('s');
    expect(await rejection(early.throw(gone))).toBe(gone);
    expect(await early.next()).toEqual(done);
    for (const events of [reader.tail('s'), consumer]) {
      const source = Readable.from(events);
      const client = new PassThrough({ objectMode: true });
      const piped = rejection(pipeline(source, client));
      await once(client, 'data');
      const closed = once(source, 'close');
      client.destroy();
      expect((await piped).code).toBe('ERR_STREAM_PREMATURE_CLOSE');
      await closed.catch(() => undefined);
      expect(source.closed).toBe(true);
    }
  });
});

describe('a log that only reads', () => {
  test('replays what another writes, and refuses to write with the pid of the owner', async () => {
    const log = open();
    const reader = open({ directory: log.directory, readOnly: true });
    expect(await all(reader, 's')).toEqual([]);
    await append(log, 1);
    expect(await all(reader, 's')).toEqual(await all(log, 's'));
    await append(log, 2);
    expect(numbers(await all(reader, 's'))).toEqual([1, 2]);
    expect(await reader.sessions()).toEqual(['s']);
    expect(await reader.getStats()).toMatchObject({ sessions: 1, events: 2, files: 1 });
    await reader.flush();
    for (const refused of [append(reader, 3), reader.cleanup(), reader.eraseSession('s')]) {
      const error = await rejection(refused);
      expect(error).toBeInstanceOf(EventLogError);
      expect(error).toMatchObject({ code: 'ERR_LOCKED', owner: process.pid });
    }
    expect(numbers(await all(log, 's'))).toEqual([1, 2]);
  });

  test('sees an erased session go and a new one come', async () => {
    const log = open();
    const reader = open({ directory: log.directory, readOnly: true });
    await append(log, 1);
    expect(numbers(await all(reader, 's'))).toEqual([1]);
    await log.eraseSession('s');
    expect(await all(reader, 's')).toEqual([]);
    await append(log, 2);
    expect(numbers(await all(reader, 's'))).toEqual([2]);
  });
});

describe('consumers', () => {
  test('what was acknowledged does not come again, what was not does, also after a restart', async () => {
    const log = open();
    for (let at = 1; at <= 5; at += 1) await append(log, at);
    const first = await log.subscribe('s', 'mailer');
    expect(first.position).toBe(0);
    for await (const event of first) {
      if (event.payload === 3) break; // handled, but never acknowledged
      await first.ack(event);
    }
    await log.close();
    const again = open({ directory: log.directory });
    const second = await again.subscribe('s', 'mailer');
    expect(second.position).toBe(2);
    expect(numbers(await take(second, 3))).toEqual([3, 4, 5]);
    await second.ack(4);
    await second.ack(1); // changes nothing
    expect(second.position).toBe(4);
    expect(numbers(await take(second, 1))).toEqual([5]);
    const others = await again.subscribe('s', 'another');
    expect(numbers(await take(others, 1))).toEqual([1]);
  });

  test.each(['owner', 'visitor'])('a name is one consumer’s at a time (%s)', async (who) => {
    const log = open();
    await append(log, 1);
    const reader = who === 'owner' ? log : open({ directory: log.directory, readOnly: true });
    const held = await log.subscribe('s', 'c');
    expect(await rejection(reader.subscribe('s', 'c'))).toMatchObject({ code: 'ERR_LOCKED', owner: process.pid });
    await (await reader.subscribe('other', 'c')).close();
    await held.ack(1);
    await held.close();
    await held.close();
    expect((await rejection(held.ack(1))).code).toBe('ERR_CLOSED');
    expect((await rejection(take(held, 1))).code).toBe('ERR_CLOSED');
    expect((await reader.subscribe('s', 'c')).position).toBe(1);
  });

  test('who subscribes while the log closes is refused, and holds no name', async () => {
    const log = open();
    const another = open({ directory: log.directory });
    await append(log, 1);
    const subscribed = rejection(log.subscribe('s', 'c'));
    await log.close();
    expect((await subscribed).code).toBe('ERR_CLOSED');
    await expect(another.subscribe('s', 'c')).resolves.toMatchObject({ position: 0 });
  });

  test('it ends by its close, by its signal, and with the log', async () => {
    const log = open();
    const closed = await log.subscribe('s', 'a');
    const waiting = rejection(take(closed, 1));
    await closed.close();
    expect((await waiting).code).toBe('ERR_CLOSED');
    const stop = new AbortController();
    const stopped = await log.subscribe('s', 'b', { signal: stop.signal });
    const told = rejection(take(stopped, 1));
    stop.abort(new Error('stop'));
    expect((await told).message).toBe('stop');
    const left = rejection(take(await log.subscribe('s', 'c'), 1));
    await log.close();
    expect((await left).code).toBe('ERR_CLOSED');
  });

  test('erasing a session forgets how far its consumers have come', async () => {
    const log = open();
    await append(log, 1);
    const consumer = await log.subscribe('s', 'c');
    await consumer.ack(1);
    await consumer.close();
    await log.eraseSession('s');
    expect((await log.subscribe('s', 'c')).position).toBe(0);
  });

  test('a consumer goes on when its session is erased, alone and with what it acknowledges', async () => {
    const log = open();
    await append(log, 1);
    const consumer = await log.subscribe('s', 'c');
    await consumer.ack(1);
    expect(await log.eraseSession('s')).toBe(true);
    expect((await rejection(log.subscribe('s', 'c'))).code).toBe('ERR_LOCKED');
    const taking = take(consumer, 1);
    await append(log, 2);
    const [event] = await taking;
    expect(event?.payload).toBe(2);
    await consumer.ack(event?.seq ?? 0);
    await consumer.close();
    expect((await log.subscribe('s', 'c')).position).toBe(event?.seq);
  });

  test('ack takes an event or its number', async () => {
    const log = open();
    const consumer = await log.subscribe('s', 'c', { durability: 'power' });
    for (const wrong of [-1, 1.5, NaN, null, {}, 'x']) {
      expect(await rejection(consumer.ack(wrong as never))).toBeInstanceOf(TypeError);
    }
    await consumer.ack(7);
    expect(consumer.position).toBe(7);
  });

  test('nor does it take an event of another session, after which it would wait for numbers that are long gone', async () => {
    const log = open();
    await append(log, 2);
    const consumer = await log.subscribe('s', 'c');
    for (let n = 0; n < 3; n += 1) await log.append('other', { topic: 't' });
    const others = await all(log, 'other');
    const refused = await rejection(consumer.ack(others.at(-1)!));
    expect(refused).toBeInstanceOf(TypeError);
    expect(refused.message).toMatch('"other"');
    expect(consumer.position).toBe(0);
    const [first] = await take(consumer, 1);
    await consumer.ack({ seq: first!.seq } as never);
    expect(consumer.position).toBe(first!.seq);
  });
});
