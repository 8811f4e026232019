/** What every event log must do with the events that it is given. */
import { SmallTalkEventBus } from '../event-bus.js';
import type { Event, NewEvent } from '../types.js';
import { change, fullEvent } from './log-samples.js';
import {
  appended,
  eventsOf,
  isGrowing,
  isRefused,
  numbered,
  payloadsOf,
  sessionId,
  type BasicLogChapter,
} from './log-subject.js';
import { LONG_TEXT, ODD_TEXT, OUT_BY } from './samples.js';

/** What must be learned, unless an event says otherwise of itself. */
const CRITICAL = ['agent_handoff', 'plan_created', 'user_interrupted', 'orchestration_decision'];

/** Texts that look like something else are texts, and what is nothing to some is a value. */
const PAYLOADS = [
  ...['text', '', ODD_TEXT, '123', 'true', 'null', '{"a":1}', true, false, null],
  ...[0, -1.5, 0.1, 2 ** 53 - 1, 5e-324, 1.7976931348623157e308],
  ...[[], {}, [[]], [1, ['two', { three: null }]], { topic: 'mine', seq: 5, id: 'mine', payload: { payload: 1 } }],
];

/** Events as they come and go. */
export const appending: BasicLogChapter = ({ describe, it, expect }, subject) => {
  describe('Appending', () => {
    it('should give an event back with all that it was given, and no more than it needs', async () => {
      const s = sessionId();
      const now = Date.now();
      const little = { topic: 'message' };
      const [first, second] = await appended(subject.log, s, [fullEvent('mine', now - 7), little]);
      expect(first).toEqual({ ...fullEvent('mine', now - 7), sessionId: s, seq: first?.seq });
      const { seq, id, timestamp } = second ?? ({} as Partial<Event>);
      expect(second).toEqual({ ...little, priority: 'normal', sessionId: s, seq, id, timestamp });
    });

    it('should give every event a number, an id and a time, where it has none', async () => {
      const s = sessionId();
      const called = Date.now();
      const events = await appended(subject.log, s, numbered(5));
      const done = Date.now();
      const seqs = events.map(({ seq }) => seq);
      expect(seqs.map((seq) => Number.isSafeInteger(seq) && seq >= 1)).toEqual(seqs.map(() => true));
      expect(isGrowing(seqs)).toBe(true);
      const ids = events.map(({ id }) => id);
      expect(ids.filter((id) => typeof id !== 'string' || id === '')).toEqual([]);
      expect(new Set(ids).size).toBe(5);
      const times = events.map(({ timestamp }) => timestamp);
      expect(times.filter((time) => !(time >= called - OUT_BY && time <= done + OUT_BY))).toEqual([]);
    });

    it('should take for critical what agents must learn, unless the event says otherwise', async () => {
      const s = sessionId();
      const events: NewEvent[] = [...CRITICAL, 'message'].map((topic) => ({ topic }));
      events.push({ topic: 'agent_handoff', priority: 'normal' }, { topic: 'message', priority: 'critical' });
      const priorities = (await appended(subject.log, s, events)).map(({ priority }) => priority);
      expect(priorities).toEqual([...CRITICAL.map(() => 'critical'), 'normal', 'normal', 'critical']);
    });

    it('should answer with what the event is known by, or with nothing', async () => {
      const s = sessionId();
      const receipts = [];
      for (const event of [{ topic: 'message' }, fullEvent('mine', Date.now() - 7), { topic: 'message' }])
        receipts.push(await subject.log.append(s, event));
      const known = (await eventsOf(subject.log, s)).map(({ seq, id, timestamp }) => ({ seq, id, timestamp }));
      const told = receipts.map((receipt) => receipt ?? null);
      expect(told).toEqual(told.map((receipt, index) => (receipt === null ? null : known[index])));
    });

    it('should give payloads of every JSON type back', async () => {
      const s = sessionId();
      const events = PAYLOADS.map((payload): NewEvent => ({ topic: 'message', payload, metadata: { payload } }));
      const found = await appended(subject.log, s, events);
      expect(found.map(({ payload }) => payload)).toEqual(PAYLOADS);
      expect(found.map(({ metadata }) => metadata)).toEqual(PAYLOADS.map((payload) => ({ payload })));
      await subject.log.append(s, { topic: 'message', payload: LONG_TEXT });
      // A difference of such texts is not for reading.
      expect((await payloadsOf(subject.log, s, { last: 1 }))[0] === LONG_TEXT).toBe(true);
    });

    it('should store an event as it is at the call, and give everybody one of their own', async () => {
      const s = sessionId();
      const time = Date.now() - 7;
      const given = fullEvent('mine', time);
      const appending = subject.log.append(s, given);
      change(given);
      Object.assign(given, { topic: 'changed', priority: 'normal', agentId: 'changed' });
      await appending;
      const [first] = await eventsOf(subject.log, s);
      const expected = { ...fullEvent('mine', time), sessionId: s, seq: first?.seq };
      expect(first).toEqual(expected);
      if (first !== undefined) change(first);
      expect(await eventsOf(subject.log, s)).toEqual([expected]);
      // What one was given stays as it is: it may be appended once more, as another event.
      const frozen = Object.freeze({ topic: 'message', payload: Object.freeze(['kept']) });
      for (let times = 1; times <= 2; times += 1) await subject.log.append(s, frozen);
      const again = { topic: 'message' };
      for (let times = 1; times <= 2; times += 1) await subject.log.append(s, again);
      expect(again).toEqual({ topic: 'message' });
      const events = await eventsOf(subject.log, s);
      expect([new Set(events.map(({ id }) => id)).size, isGrowing(events.map(({ seq }) => seq))]).toEqual([5, true]);
    });

    it('should keep sessions apart', async () => {
      const s = sessionId();
      // The ids of events are data: two sessions may have the same.
      const names = [s, `${s}1`, s.slice(0, -1), s.toUpperCase()];
      for (const round of [1, 2])
        for (const name of names) await subject.log.append(name, { topic: name, payload: round, id: `event-${round}` });
      for (const name of names) {
        const found = (await eventsOf(subject.log, name)).map(({ topic, id, sessionId }) => [topic, id, sessionId]);
        expect(found).toEqual([1, 2].map((round) => [name, `event-${round}`, name]));
      }
    });

    it('should take many events at once, those of a session in the order of their calls', async () => {
      const sessions = [sessionId(), sessionId(), sessionId()];
      // Some take longer than those that come after them.
      const payloads = Array.from({ length: 40 }, (_, at) => (at % 8 === 0 ? { at, text: LONG_TEXT } : { at }));
      const calls = payloads.flatMap((payload) =>
        sessions.map(async (s) => subject.log.append(s, { topic: 'step', payload })),
      );
      await Promise.all(calls);
      const ids = new Set<string>();
      for (const s of sessions) {
        const events = await eventsOf(subject.log, s);
        expect(events.map(({ payload }) => (payload as { at: number }).at)).toEqual(payloads.map(({ at }) => at));
        expect(isGrowing(events.map(({ seq }) => seq))).toBe(true);
        for (const { id } of events) ids.add(id);
      }
      expect(ids.size).toBe(3 * payloads.length);
    });

    it('should keep what a bus sends it, in order, each with whose it is', async () => {
      const [s, other] = [sessionId(), sessionId()];
      const bus = new SmallTalkEventBus({ log: subject.log, sessionId: s });
      const refused: unknown[] = [];
      bus.on('log:error', (error) => refused.push(error));
      const said = { text: 'as it is now' };
      bus.emit('message', said, 2);
      said.text = 'as it is later';
      bus.scope({ agentId: 'agent-1', conversationId: 'conversation-1', mood: 'fine' }).emit('agent_handoff', 'writer');
      bus.scope({ sessionId: other }).emit('message');
      for (let step = 0; step < 20; step += 1) bus.emit('step', step);
      await bus.emitDurable('step', 20);
      await bus.flush();
      await bus.close();
      expect(refused).toEqual([]);
      const [first, second, ...steps] = await eventsOf(subject.log, s);
      expect([first?.topic, first?.payload]).toEqual(['message', [{ text: 'as it is now' }, 2]]);
      const { topic, payload, priority, agentId, conversationId, metadata } = second ?? ({} as Partial<Event>);
      expect([topic, payload, priority]).toEqual(['agent_handoff', ['writer'], 'critical']);
      expect([agentId, conversationId, metadata]).toEqual(['agent-1', 'conversation-1', { mood: 'fine' }]);
      expect(steps.map((event) => event.payload)).toEqual(Array.from({ length: 21 }, (_, step) => [step]));
      expect(await payloadsOf(subject.log, other)).toEqual([[]]);
    });

    it('should number an event anew that a replay has brought, or refuse it', async () => {
      const [from, to] = [sessionId(), sessionId()];
      const [event] = await appended(subject.log, from, [fullEvent('mine', Date.now())]);
      await appended(subject.log, to, numbered(3));
      const refused = await isRefused(() => subject.log.append(to, event as NewEvent));
      const there = await eventsOf(subject.log, to);
      const brought = there.slice(3);
      expect(brought).toEqual(refused ? [] : [{ ...event, sessionId: to, seq: brought[0]?.seq }]);
      expect(isGrowing(there.map(({ seq }) => seq))).toBe(true);
      expect(await eventsOf(subject.log, from)).toEqual([event]);
    });
  });
};
