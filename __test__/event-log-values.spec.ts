import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';

import {
  JsonlEventReplayStorage,
  type Event,
  type JsonlEventLogOptions,
  type NewEvent,
  type ReplayOptions,
} from '../ts/index.js';
import { all, open, rejection } from './support/event-log.js';
import { anyValue, places, refusals } from './support/values.js';

describe('values', () => {
  test('payloads and metadata come back equal, whatever they hold', async () => {
    const log = open();
    let round = 0;
    await fc.assert(
      fc.asyncProperty(
        anyValue,
        fc.dictionary(fc.string(), anyValue),
        fc.string({ unit: 'binary' }),
        async (payload, metadata, topic) => {
          const session = `s${(round += 1)}`;
          await log.append(session, { topic, payload, metadata });
          const [event] = await all(log, session, { topics: [topic] });
          expect(event?.topic).toBe(topic);
          expect(isDeepStrictEqual(event?.payload, payload)).toBe(true);
          expect(isDeepStrictEqual(event?.metadata, metadata)).toBe(true);
        },
      ),
      { numRuns: 400 },
    );
  });

  test('a topic with half a surrogate pair is found by it, also after reopening', async () => {
    const log = open();
    const topic = 'a\ud800"b';
    await log.append('s', { topic });
    await log.append('s', { topic: 'other' });
    expect((await all(log, 's', { topics: [topic] })).map((event) => event.topic)).toEqual([topic]);
    await log.close();
    const again = open({ directory: log.directory });
    expect((await all(again, 's', { topics: [topic] })).map((event) => event.topic)).toEqual([topic]);
  });

  test('a megabyte in one payload, and members that look like ours', async () => {
    const log = open();
    const payload = { crc: '00000000"}', seq: -1, types: { '/x': 'Date' }, text: '"crc":"é\n\u2028'.repeat(80_000) };
    await log.append('s', { topic: 't', payload });
    expect((await all(log, 's'))[0]?.payload).toEqual(payload);
  });

  test('what cannot come back is refused with its path, and nothing is written', async () => {
    const log = open();
    for (const make of Object.values(refusals)) {
      for (const [path, put] of places) {
        const failed = await rejection(log.append('s', { topic: 't', payload: put(make()) }));
        expect(failed.code).toBe('ERR_VALUE_UNSUPPORTED');
        expect(failed.path?.startsWith(`/payload${path}`)).toBe(true);
      }
    }
    expect(await log.sessions()).toEqual([]);
    const lenient = open({ unsupported: 'json' });
    await lenient.append('s', { topic: 't', payload: { run: () => 1, kept: 1 } });
    expect((await all(lenient, 's'))[0]?.payload).toEqual({ kept: 1 });
  });

  test('a member that no event has is refused by name; what is undefined or was replayed is fine', async () => {
    const log = open();
    const failed = await rejection(log.append('s', { topic: 't', playload: 1, foo: 2 } as NewEvent));
    expect([failed.name, failed.message]).toEqual(['TypeError', 'an event has no member "playload"']);
    expect(await log.sessions()).toEqual([]);
    await log.append('s', { topic: 't', foo: undefined, agentId: undefined } as unknown as NewEvent);
    const [first] = await all(log, 's');
    expect(Object.keys(first as object)).not.toContain('foo');
    const { seq, id, timestamp } = await log.append('copy', { ...(first as Event), seq: 77 } as NewEvent);
    expect(await all(log, 'copy')).toEqual([{ ...first, sessionId: 'copy', seq, id, timestamp }]);
    expect([seq, id]).toEqual([1, first?.id]);
  });

  test('a payload of undefined comes back as one, none as none', async () => {
    const log = open();
    await log.append('s', { topic: 't', payload: undefined });
    await log.append('s', { topic: 't' });
    const [given, none] = await all(log, 's');
    expect([given, none].map((event) => Object.hasOwn(event as object, 'payload'))).toEqual([true, false]);
    expect(given?.payload).toBeUndefined();
  });

  test('wrong arguments are typed errors', async () => {
    const log = open();
    const wrong: [unknown, unknown, unknown?][] = [
      [1, { topic: 't' }],
      ['s', null],
      ['s', { topic: 1 }],
      ['s', { topic: 't', timestamp: 'now' }],
      ['s', { topic: 't', metadata: 'x' }],
      ['s', { topic: 't', agentId: 1 }],
      ['s', { topic: 't' }, 'power'],
    ];
    for (const [session, event, options] of wrong) {
      expect((await rejection(log.append(session as string, event as NewEvent, options as object))).name).toBe(
        'TypeError',
      );
    }
    const invalid: [string, NewEvent, object?][] = [
      ['', { topic: 't' }],
      ['\ud800', { topic: 't' }],
      ['s', { topic: 't', timestamp: NaN }],
      ['s', { topic: 't', id: '' }],
      ['s', { topic: 't', priority: 'urgent' as 'normal' }],
      ['s', { topic: 't' }, { durability: 'eternal' }],
    ];
    for (const [session, event, options] of invalid) {
      expect((await rejection(log.append(session, event, options))).code).toMatch(/^ERR_(ID|OPTION)_INVALID$/);
    }
    for (const options of [{ limit: -1 }, { last: 1.5 }, { priority: 'none' }, { since: NaN }]) {
      expect((await rejection(all(log, 's', options as ReplayOptions))).code).toBe('ERR_OPTION_INVALID');
    }
    for (const options of [{ topics: 'a' }, { topics: [1] }, { since: '0' }, { signal: {} }]) {
      expect((await rejection(all(log, 's', options as unknown as ReplayOptions))).name).toBe('TypeError');
    }
    for (const options of [{ retentionMs: 0 }, { durability: 'x' }, { maxRetentionMs: 1 }, { directory: '' }]) {
      expect(() => new JsonlEventReplayStorage(options as JsonlEventLogOptions)).toThrow(
        expect.objectContaining({ code: 'ERR_OPTION_INVALID' }),
      );
    }
    expect((await rejection(log.cleanup(-1))).code).toBe('ERR_OPTION_INVALID');
    expect(JsonlEventReplayStorage.defaults).toMatchObject({ retentionMs: 86_400_000, fsyncIntervalMs: 100 });
  });
});
