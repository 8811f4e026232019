/** What a strict event log must do with values, ids and options that look like something else, or are none. */
import type { Event, NewEvent, ReplayOptions } from '../types.js';
import { appended, eventsOf, numbered, payloadsOf, sessionId, type BasicLogChapter } from './log-subject.js';
import { ids, invalid, noTexts } from './strict-ids.js';
import { comesBack, values } from './strict-values.js';
import { failureOf, rejectionOf } from './subject.js';

/** Of the hostile values those that are plain JSON. */
const JSON_VALUES = ['odd texts', 'names that objects have', 'members in an order of their own', 'an array in an array, deep']; // prettier-ignore

/** Values that are more than JSON, and that a log keeps which says so. */
const RICH_VALUES = [
  ...['odd numbers', 'dates', 'undefined and holes', 'maps and sets', 'bigints', 'bytes', 'errors'],
  ...['expressions and addresses', 'objects without a prototype'],
];

/** A text with every character that there is, some four megabytes. */
function everyCharacter(): string {
  const blocks = Array.from({ length: 0x110 }, (_, block) =>
    String.fromCodePoint(...Array.from({ length: 0x1000 }, (_, at) => block * 0x1000 + at).filter(isCharacter)),
  );
  return blocks.join('');
}

/** Halves of characters are none. */
const isCharacter = (point: number): boolean => point < 0xd800 || point > 0xdfff;

/** Values that are more than JSON: for logs that are said to keep them. */
export const richValues: BasicLogChapter = ({ describe, it, expect }, subject) => {
  describe('Values', () => {
    it('should give values back that are more than JSON', async () => {
      const s = sessionId();
      const given = RICH_VALUES.map((name) => values[name]?.());
      for (const value of given)
        await subject.log.append(s, { topic: 'value', payload: value, metadata: { deep: [value] } });
      const events = await eventsOf(subject.log, s);
      const wrong = RICH_VALUES.filter((_, index) => {
        const { payload, metadata } = events[index] ?? ({} as Partial<Event>);
        return !comesBack(payload, given[index]) || !comesBack(metadata, { deep: [given[index]] });
      });
      expect(wrong).toEqual([]);
    });
  });
};

/** Values; `rich` says that a log is said to keep more than JSON, and so has to refuse the rest. */
export const hostilePayloads: (rich: boolean) => BasicLogChapter =
  (rich) =>
  ({ describe, it, expect }, subject) => {
    const names = rich ? Object.keys(values) : JSON_VALUES;

    describe('Hostile Values', () => {
      it('should give every value back equal, or refuse it and keep the events around it', async () => {
        const wrong: string[] = [];
        for (const place of ['payload', 'metadata'] as const) {
          const s = sessionId();
          const made = names.map((name) => ({ name, value: values[name]?.() }));
          const stored: typeof made = [];
          for (const { name, value } of made) {
            const event = { topic: 'value', [place]: { value }, agentId: name };
            if ((await failureOf((async () => subject.log.append(s, event))())) === null) stored.push({ name, value });
          }
          const events = await eventsOf(subject.log, s);
          expect(events.map(({ agentId }) => agentId)).toEqual(stored.map(({ name }) => name));
          for (const [index, { name, value }] of stored.entries())
            if (!comesBack(events[index]?.[place], { value })) wrong.push(`${name} in ${place}`);
        }
        expect(wrong).toEqual([]);
      });

      it('should keep every character of a huge payload, and of everything that is a text', async () => {
        const s = sessionId();
        const huge = everyCharacter();
        const odd = '\u2028\u2029\ufeff\r\n\u0000\u001b"\\/ 🙂 e\u0301 {"a":1}\n';
        const texts = { topic: odd, conversationId: odd, agentId: odd, metadata: { [odd]: odd } };
        const [first, second] = await appended(subject.log, s, [{ topic: 'huge', payload: [huge] }, texts]);
        // A difference of such texts is not for reading.
        expect((first?.payload as string[])[0] === huge).toBe(true);
        expect({ ...second, ...texts }).toEqual(second);
        expect((await eventsOf(subject.log, s, { topics: [odd] })).length).toBe(1);
      });
    });
  };

/** Ids of sessions, and of events. */
export const hostileLogIds: BasicLogChapter = ({ describe, it, expect }, subject) => {
  describe('Hostile Ids', () => {
    it('should tell all sessions apart, and keep every id of an event', async () => {
      const { log } = subject;
      // Another test may have had sessions of these names at the same place.
      const mine = sessionId();
      const each = <T>(call: (id: string) => Promise<T>): Promise<T[]> => Promise.all(ids.map(call));
      for (const round of [1, 2]) await each(async (id) => log.append(id, { topic: mine, payload: [round, id], id }));
      const found = await each((id) => eventsOf(log, id, { topics: [mine] }));
      expect(found.map((events) => events.map(({ payload }) => payload))).toEqual(
        ids.map((id) => [1, 2].map((round) => [round, id])),
      );
      expect(found.flatMap((events) => events.map(({ sessionId, id }) => [sessionId, id]))).toEqual(
        ids.flatMap((id) => [1, 2].map(() => [id, id])),
      );
    });

    it('should give ids by itself that are UUIDs of version 7', async () => {
      const events = await appended(subject.log, sessionId(), numbered(3));
      const form = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
      expect(events.filter(({ id }) => !form.test(id))).toEqual([]);
    });

    it('should refuse what is no id, no event and no option, and store nothing', async () => {
      const { log } = subject;
      const s = sessionId();
      await appended(log, s, numbered(1));
      const told = async (member: string, call: () => Promise<unknown>): Promise<unknown> =>
        (await rejectionOf(call))[member];
      const append = (id: unknown, event: unknown): Promise<unknown> => log.append(id as string, event as NewEvent);
      const replay = (id: unknown, options: unknown): Promise<unknown> =>
        eventsOf(log, id as string, options as ReplayOptions);
      for (const id of invalid)
        for (const call of [
          () => append(id, { topic: 't' }),
          () => append(s, { topic: 't', id }),
          () => replay(id, {}),
        ])
          expect([id, await told('code', call)]).toEqual([id, 'ERR_ID_INVALID']);
      for (const id of noTexts)
        for (const call of [() => append(id, { topic: 't' }), () => replay(id, {})])
          expect([typeof id, await told('name', call)]).toEqual([typeof id, 'TypeError']);
      const wrongEvents = [
        null,
        undefined,
        'text',
        {},
        { topic: 5 },
        { topic: 't', priority: 5 },
        { topic: 't', id: 5 },
      ];
      const more = [
        { timestamp: '5' },
        { timestamp: new Date() },
        { agentId: 5 },
        { conversationId: {} },
        { metadata: 5 },
      ];
      for (const wrong of [...wrongEvents, ...more.map((one) => ({ topic: 't', ...one }))])
        expect([wrong, await told('name', () => append(s, wrong))]).toEqual([wrong, 'TypeError']);
      for (const wrong of [{ timestamp: NaN }, { timestamp: Infinity }, { priority: 'urgent' }]) {
        const code = await told('code', () => append(s, { topic: 't', ...wrong }));
        expect([wrong, code]).toEqual([wrong, 'ERR_OPTION_INVALID']);
      }
      for (const wrong of [
        { since: '5' },
        { until: null },
        { afterSeq: '5' },
        { topics: 'a' },
        { last: '1' },
        { signal: 5 },
      ])
        expect([wrong, await told('name', () => replay(s, wrong))]).toEqual([wrong, 'TypeError']);
      for (const wrong of [{ last: -1 }, { limit: 1.5 }, { limit: NaN }, { priority: 'urgent' }, { since: NaN }])
        expect([wrong, await told('code', () => replay(s, wrong))]).toEqual([wrong, 'ERR_OPTION_INVALID']);
      for (const wrong of ['5', null]) {
        const name = await told('name', () => log.cleanup(wrong as never));
        expect([wrong, name]).toEqual([wrong, 'TypeError']);
      }
      for (const wrong of [NaN, -1])
        expect([wrong, await told('code', () => log.cleanup(wrong))]).toEqual([wrong, 'ERR_OPTION_INVALID']);
      expect(await payloadsOf(log, s)).toEqual([0]);
    });
  });
};
