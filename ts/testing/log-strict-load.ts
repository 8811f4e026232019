/** What a strict event log must do with much at once, in every order, and when calls fail. */
import type { Event, ReplayOptions } from '../types.js';
import {
  appended,
  begun,
  eventsOf,
  isGrowing,
  numbered,
  payloadsOf,
  sessionId,
  type BasicLogChapter,
  type LogChapter,
} from './log-subject.js';
import { numbers } from './samples.js';
import { failureOf, rejectionOf, thrower } from './subject.js';

const HOUR = 3_600_000;

const MANY = 3_000;

const ROUNDS = 200;

/** Much at once. */
export const hostileLoad: BasicLogChapter = ({ describe, it, expect }, subject) => {
  describe('Hostile Load', () => {
    it('should take thousands of events at once, each session in the order of its calls', async () => {
      const { log } = subject;
      const sessions = [sessionId(), sessionId(), sessionId()];
      const next = numbers(7);
      const given = sessions.map((): number[] => []);
      const calls = Array.from({ length: MANY }, async (_, index) => {
        const which = next(sessions.length);
        given[which]?.push(index);
        return log.append(sessions[which] as string, { topic: 'step', payload: index });
      });
      await Promise.all(calls);
      const found = await Promise.all(sessions.map((s) => eventsOf(log, s)));
      expect(found.map((events) => events.map(({ payload }) => payload))).toEqual(given);
      expect(found.map((events) => isGrowing(events.map(({ seq }) => seq)))).toEqual([true, true, true]);
      expect(new Set(found.flat().map(({ id }) => id)).size).toBe(MANY);
    });

    it('should bring what any options together ask for', async () => {
      const { log } = subject;
      const s = sessionId();
      const next = numbers(11);
      const first = Date.now() - 60_000;
      const calls = Array.from({ length: 60 }, async (_, payload) => {
        const priority = next(3) === 0 ? 'critical' : 'normal';
        return log.append(s, { topic: `t${next(4)}`, payload, priority, timestamp: first + next(40) });
      });
      await Promise.all(calls);
      const all = await eventsOf(log, s);
      const wrong: unknown[] = [];
      for (let round = 0; round < ROUNDS; round += 1) {
        const options = anyOptions(next, first, all[0]?.seq ?? NaN);
        const found: number[] = [];
        for await (const { seq } of log.replay(s, options)) found.push(seq);
        const expected = asked(all, options).map(({ seq }) => seq);
        if (found.join() !== expected.join()) wrong.push({ options, found, expected });
      }
      expect(wrong).toEqual([]);
      const none = ['since', 'until', 'afterSeq', 'topics', 'last', 'limit', 'archived', 'signal'];
      const undefineds = Object.fromEntries(none.map((name) => [name, undefined]));
      expect(await eventsOf(log, s, undefineds)).toEqual(all);
    });

    it('should bear with replays that are begun and never ended, and with what fails inside of them', async () => {
      const { log } = subject;
      const s = sessionId();
      const events = await appended(log, s, numbered(20, { timestamp: Date.now() - 5 }));
      const unfinished: AsyncIterator<Event>[] = [];
      for (let times = 1; times <= 50; times += 1) {
        const replay = log.replay(s, { priority: 'all' })[Symbol.asyncIterator]();
        await replay.next();
        unfinished.push(replay);
      }
      const failing = async (): Promise<void> => {
        for await (const event of log.replay(s, { priority: 'all' })) if (event !== undefined) thrower();
      };
      expect((await failureOf(failing()))?.['message']).toBe('it cannot be stored');
      await log.append(s, { topic: 'step', payload: 20 });
      await log.cleanup(HOUR);
      expect((await eventsOf(log, s)).slice(0, -1)).toEqual(events);
      // They go on where they were.
      for (const replay of unfinished) expect(((await replay.next()).value as Event).payload).toBe(1);
    });
  });
};

/** Clean-ups beside what is appended and replayed. */
export const hostileRetention: BasicLogChapter = ({ describe, it, expect }, subject) => {
  describe('Hostile Retention', () => {
    it('should keep what is appended while it cleans up', async () => {
      const { log } = subject;
      const s = sessionId();
      await appended(log, s, numbered(50, { timestamp: Date.now() - 3 * HOUR }));
      const calls: Promise<unknown>[] = [];
      for (let round = 0; round < 20; round += 1) {
        calls.push((async () => log.cleanup(HOUR))());
        // The later the round, the later its events come, while the clean-ups are under way.
        for (let ticks = 0; ticks < round % 5; ticks += 1) await new Promise((resolve) => setImmediate(resolve));
        for (const payload of [2 * round, 2 * round + 1])
          calls.push((async () => log.append(s, { topic: 'new', payload }))());
      }
      await begun(calls);
      const kept = await eventsOf(log, s, { topics: ['new'] });
      expect(kept.map(({ payload }) => payload)).toEqual(Array.from({ length: 40 }, (_, index) => index));
      expect(isGrowing((await eventsOf(log, s)).map(({ seq }) => seq))).toBe(true);
    });

    it('should bring all that a replay has begun with, although it is cleaned up meanwhile', async () => {
      const { log } = subject;
      const s = sessionId();
      const calls = numbered(500, { timestamp: Date.now() - 3 * HOUR }).map(async (event) => log.append(s, event));
      await Promise.all(calls);
      const found: unknown[] = [];
      for await (const { payload } of log.replay(s, { priority: 'all' })) {
        if (found.length % 100 === 0) {
          await log.cleanup(HOUR);
          await log.append(s, { topic: 'new', payload: 'new' });
        }
        found.push(payload);
      }
      const before = found.filter((payload) => payload !== 'new');
      expect(before).toEqual(calls.map((_, index) => index));
    });
  });
};

/** The order of calls that nobody waits for, and calls that fail. */
export const hostileLogLife: LogChapter = ({ describe, it, expect }, subject, has) => {
  describe('Hostile Life', () => {
    it('should keep an append that fails from touching those before and after it', async () => {
      const { log } = subject;
      const s = sessionId();
      const bad = Object.defineProperty({}, 'x', { get: thrower, enumerable: true });
      const given = [{ topic: 't', payload: 0 }, { topic: 't', payload: bad }, { topic: 't', payload: 2 }, null];
      const calls = [...given, { topic: 't', payload: 4 }].map((event) => log.append(s, event as never));
      const outcomes = await Promise.allSettled(calls);
      expect(outcomes.map(({ status }) => status === 'fulfilled')).toEqual([true, false, true, false, true]);
      expect(await payloadsOf(log, s)).toEqual([0, 2, 4]);
    });

    if (has('eraseSession')) {
      it('should erase what was appended before, waited for or not, and nothing that comes later', async () => {
        const { log } = subject;
        const s = sessionId();
        for (let round = 0; round < 20; round += 1) {
          const calls = begun([log.append(s, { topic: 't', payload: 'before' }) as Promise<unknown>]);
          const erased = begun([log.eraseSession(s)]);
          await begun([log.append(s, { topic: 't', payload: round }) as Promise<unknown>]);
          expect([await erased, await payloadsOf(log, s)]).toEqual([[true], [round]]);
          await calls;
        }
      });
    }

    if (has('tail')) {
      it('should let go of a tail that is left while it waits', async () => {
        const { log } = subject;
        const events = log.tail(sessionId())[Symbol.asyncIterator]();
        const waiting = begun([events.next()]);
        await subject.soon('the end of a tail that is left', Promise.resolve(events.return?.()));
        const ended = await subject.soon('the last answer of a tail that is left', waiting);
        expect(ended.map(({ done }) => done)).toEqual([true]);
      });
    }

    if (has('close')) {
      it('should refuse with ERR_CLOSED what comes after it was closed, and end what waits', async () => {
        const { log } = subject;
        const s = sessionId();
        await appended(log, s, numbered(3));
        const replay = log.replay(s, { priority: 'all' })[Symbol.asyncIterator]();
        await replay.next();
        const waiting = begun(
          has('tail') ? [subject.soon('the end of a tail whose log is closed', follow(log.tail(s)))] : [],
        );
        const before = begun([log.append(s, { topic: 't', payload: 'before' }) as Promise<unknown>]);
        const closing = begun([log.close()]);
        const late = await rejectionOf(() => log.append(s, { topic: 't', payload: 'late' }));
        const ended = await waiting;
        await Promise.all([before, closing]);
        const refused = [late, await rejectionOf(() => eventsOf(log, s)), ...ended];
        if (has('sessions')) refused.push(await rejectionOf(() => log.sessions()));
        refused.push(await rejectionOf(() => log.cleanup(HOUR)));
        expect(refused.map((failure) => failure?.['code'])).toEqual(refused.map(() => 'ERR_CLOSED'));
        if (subject.keeps() !== true) return;
        await subject.restart();
        expect(await payloadsOf(subject.log, s)).toEqual([0, 1, 2, 'before']);
      });
    }
  });
};

/** What ends somebody who follows a session. */
async function follow(events: AsyncIterable<Event>): Promise<Record<string, unknown> | null> {
  const following = async (): Promise<void> => {
    for await (const event of events) void event;
  };
  return failureOf(following());
}

/** Some options, each of them or not. */
function anyOptions(next: (below: number) => number, first: number, seq: number): ReplayOptions {
  const all: ReplayOptions = {
    since: first + next(45),
    until: first + next(45),
    afterSeq: seq + next(60),
    priority: (['critical', 'all', 'all'] as const)[next(3) as 0 | 1 | 2],
    topics: ['t0', 't1', 't2', 't3', 't4'].filter(() => next(2) === 0),
    last: next(40),
    limit: next(40),
  };
  return Object.fromEntries(Object.entries(all).filter(() => next(2) === 0));
}

/** What a replay has to bring. */
function asked(all: readonly Event[], options: ReplayOptions): Event[] {
  const { since = -Infinity, until = Infinity, afterSeq = 0, priority = 'critical', topics, last, limit } = options;
  const found = all
    .filter((event) => event.timestamp >= since && event.timestamp <= until && event.seq > afterSeq)
    .filter((event) => priority === 'all' || event.priority === 'critical')
    .filter((event) => topics?.includes(event.topic) ?? true);
  return found.slice(last === undefined ? 0 : Math.max(0, found.length - last)).slice(0, limit);
}
