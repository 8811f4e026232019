/**
 * Getters that give a number, in an array without holes, are the one code of a value's own that a codec runs. Whatever they do
 * meanwhile, what is stored is what was read, and comes back.
 */
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';

import { decode, encode, encodeMember, type EncodeOptions } from '../ts/codec.js';
import { InMemoryStorageAdapter, SmallTalkEventBus, SQLiteStorageAdapter, type ChatMessage } from '../ts/index.js';
import { all, open, rejection } from './support/event-log.js';
import { conversation, sessionOf } from './support/sessions.js';
import { temporaryDirectory } from './support/temporary.js';

/** So many numbers; the engine writes more than eight at once, and fewer are looked at one by one. */
const FEW = 4;
const MANY = 12;

/** Numbers of which a getter gives the last. */
function scores(count: number, get: () => unknown): unknown[] {
  const numbers = Array.from({ length: count }, (_, at) => at);
  return Object.defineProperty(numbers, count - 1, { enumerable: true, configurable: true, get });
}

const REFUSE = { unsupported: 'refuse' } as const;

const expected = (count: number): number[] => [...Array(count - 1).keys(), 42];

const again = (value: unknown, options?: EncodeOptions): unknown => {
  const { text, types } = encode(value, options);
  return decode(text, types);
};

/** All that a walk has in hand: a table, an open quote, a path. */
const within = (list: unknown[]): object => ({
  'at/': new Date(1),
  none: undefined,
  deep: [{ text: 'before', list }, 'behind', -0, { at: new Date(2) }],
  map: new Date(3),
});

describe.each([FEW, MANY])('a getter among %d numbers', (count) => {
  const others: [string, unknown][] = [
    ['a text', 'text'],
    ['a number', 1],
    ['a Date, deep within', { a: [{ b: [undefined, new Date(7), 'text'] }] }],
    ['a Map', new Map([[1n, new Date(7)]])],
    ['what is refused', { a: { b: () => 1 } }],
  ];

  test.each(others)('has something else encoded: %s', (_, other) => {
    const list = scores(count, () => {
      try {
        encode(other);
        encode([other, scores(MANY, () => encode(other).text.length)]);
      } catch {
        // Refused, as it should be.
      }
      return 42;
    });
    expect(again(within(list))).toEqual(within(expected(count)));
    expect(again(['text', list])).toEqual(['text', expected(count)]);
    expect(again(new Map([['key', within(list)]]))).toEqual(new Map([['key', within(expected(count))]]));
    const member = encodeMember('{"payload":', 'payload', ['text', list, new Date(0)]);
    if (member !== null)
      expect(decode(`${member.text}}`, member.types)).toEqual({ payload: ['text', expected(count), new Date(0)] });
  });

  test.each<[string, unknown[]]>([
    ['NaN', [42, NaN]],
    ['-0', [42, -0]],
    ['a Date', [42, new Date(5)]],
    ['a function', [42, () => 1]],
    ['a number again', [42, 'text', 42]],
    ['a number at last', [-0, NaN, 42]],
  ])('first gives a number, then %s: what comes back is one of its answers, or it is refused', (_, answers) => {
    for (const options of [REFUSE, { unsupported: 'json' }] as const) {
      for (const beside of [undefined, new Map([[1, 2]]), () => 1]) {
        let reads = 0;
        const list = scores(count, () => answers[Math.min(reads++, answers.length - 1)]);
        let back: { list: unknown[]; at: unknown };
        try {
          back = again({ list, beside, at: new Date(0) }, options) as typeof back;
        } catch (error) {
          expect(error).toMatchObject({ code: 'ERR_VALUE_UNSUPPORTED' });
          continue;
        }
        expect(back.list.slice(0, -1)).toEqual(expected(count).slice(0, -1));
        const stored = back.list.at(-1);
        const asJson = answers.map((answer) => JSON.parse(JSON.stringify(answer) ?? 'null') as unknown);
        const possible = options === REFUSE ? answers : [...answers, ...asJson];
        expect(possible.some((answer) => isDeepStrictEqual(answer, stored))).toBe(true);
        expect(back.at).toEqual(new Date(0));
      }
    }
  });

  test.each<[string, boolean]>([
    ['before', true],
    ['behind', false],
  ])('changes what stands %s it: the table is that of the text', (_, first) => {
    const changes: [() => Map<unknown, unknown> | unknown[] | object, (beside: never, read: number) => void][] = [
      [() => new Map(), (beside: Map<unknown, unknown>, read) => beside.set(read, new Date(read))],
      [() => [1, 'x'], (beside: unknown[], read) => beside.push(new Date(read))],
      [() => [new Date(0), 1n, undefined], (beside: unknown[]) => beside.pop()],
      [() => ({ a: 1, b: new Date(0) }), (beside: Record<string, unknown>) => delete beside['b']],
      [() => ({ a: 1n }), (beside: Record<string, unknown>, read) => (beside['a'] = [read, new Date(read)])],
      [() => new Set([1]), (beside: Set<unknown>, read) => beside.add(BigInt(read))],
    ];
    for (const [make, change] of changes) {
      const beside = make();
      let reads = 0;
      const list = scores(count, () => {
        change(beside as never, (reads += 1));
        return 42;
      });
      const back = again(first ? { beside, list, last: 1n } : { list, beside, last: 1n }) as Record<string, unknown>;
      expect(back['list']).toEqual(expected(count));
      expect(back['last']).toBe(1n);
      // Whatever came meanwhile has the type that it had.
      expect(typed(back['beside'])).toBe(true);
    }
  });
});

/** Whether no text stands there where only other things were. */
function typed(value: unknown): boolean {
  if (typeof value === 'string') return value === 'x';
  if (typeof value !== 'object' || value === null || value instanceof Date) return true;
  const members = value instanceof Map ? [...value].flat() : value instanceof Set ? [...value] : Object.values(value);
  return members.every(typed);
}

test('code that JSON runs has something encoded, or changes what stands beside it', () => {
  const seen = new Map<string, unknown>();
  const sly = {
    toJSON: () => {
      seen.set('at', new Date(0));
      return encode({ at: new Date(0), text: 'text' }).text;
    },
  };
  const back = again({ text: 'a', at: new Date(5), sly, seen }, { unsupported: 'json' }) as Record<string, unknown>;
  expect(back).toEqual({ text: 'a', at: new Date(5), sly: encode({ at: new Date(0), text: 'text' }).text, seen });
});

test('a getter that throws is refused, as every value that does', async () => {
  const log = open();
  for (const count of [FEW, MANY]) {
    const list = scores(count, () => {
      throw new TypeError('boom');
    });
    const failed = await rejection(log.append('s', { topic: 't', payload: [list] }));
    expect([failed.code, (failed.cause as Error).message]).toEqual(['ERR_VALUE_UNSUPPORTED', 'boom']);
  }
});

describe('a getter that emits on a bus with a log', () => {
  const emitting = (bus: SmallTalkEventBus): unknown[] =>
    scores(MANY, () => {
      bus.emit('read', 'a text');
      return 42;
    });

  test('what it emits, and what it is part of, is in the log', async () => {
    const log = open();
    const bus = new SmallTalkEventBus({ log });
    const failed: unknown[] = [];
    bus.on('log:error', (error) => failed.push(error));
    bus.emit('before', 1);
    bus.emit('scored', 'text', { at: new Date(0) }, emitting(bus));
    await bus.emitDurable('scored', 'text', { at: new Date(0) }, emitting(bus));
    bus.emit('after', 1);
    await bus.flush();
    const events = await all(log, 'default');
    const scored = events.filter(({ topic }) => topic === 'scored').map(({ payload }) => payload);
    const payload = ['text', { at: new Date(0) }, expected(MANY)];
    expect(scored).toEqual([payload, payload]);
    expect(
      events.filter(({ topic }) => topic === 'read').every((event) => event.payload?.[0 as never] === 'a text'),
    ).toBe(true);
    expect(events.map(({ topic }) => topic)).toEqual(['before', 'read', 'scored', 'read', 'scored', 'after']);
    expect(failed).toEqual([]);
    await bus.close();
  });

  test.each([2, 150])('a session of %d messages comes back', async (count) => {
    const bus = new SmallTalkEventBus({ log: open() });
    for (const store of [
      new InMemoryStorageAdapter(),
      new SQLiteStorageAdapter({ path: join(temporaryDirectory(), 's.db') }),
    ]) {
      const message = { ...conversation(1)[0], metadata: { none: undefined, list: emitting(bus) } } as ChatMessage;
      const session = { ...sessionOf('s', 1, [...conversation(count), message]), scores: emitting(bus) };
      await store.saveSession('s', session);
      const last = { ...message, metadata: { none: undefined, list: expected(MANY) } };
      const stored = { ...session, messages: [...conversation(count), last], scores: expected(MANY) };
      expect(await store.getSession('s')).toEqual(stored);
      await store.saveSession('s', session);
      expect(await store.getSession('s')).toEqual(stored);
      await store.close();
    }
    await bus.close();
  });

  test('a value comes back whose getter stores another one', async () => {
    const store = new InMemoryStorageAdapter();
    const list = scores(MANY, () => {
      void store.set('count', 'one');
      return 42;
    });
    await store.set('key', { at: new Date(0), text: 'text', list });
    expect(await store.get('key')).toEqual({ at: new Date(0), text: 'text', list: expected(MANY) });
    expect(await store.get('count')).toBe('one');
  });
});

test.each([
  // Those few are refused at first sight, and it is run before the list is read again.
  [FEW, []],
  [MANY, [expected(MANY)]],
])('one that takes away the list around it, of %d numbers', (count, stored) => {
  const around: unknown[] = [];
  around.push(scores(count, () => (around.pop(), 42)));
  expect(again({ around, at: new Date(1) })).toEqual({ around: stored, at: new Date(1) });
});
