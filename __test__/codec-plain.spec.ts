import fc from 'fast-check';

import { MAX_VALUE_BYTES } from '../ts/codec.js';
import { exactText } from '../ts/codec/exact.js';
import { dateOf, isoOf, isoText } from '../ts/codec/iso.js';
import { plainText } from '../ts/codec/plain.js';
import { firstName, followingName } from '../ts/codec/leads.js';
import { quoted } from '../ts/codec/quote.js';
import { anyValue, refusals } from './support/values.js';

const anyText = fc
  .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 20 })
  .map((units) => String.fromCharCode(...units));
const odd = fc.constantFrom<unknown>(
  undefined,
  null,
  0,
  -0,
  NaN,
  Infinity,
  -Infinity,
  1e21,
  5e-324,
  true,
  '',
  '"',
  '\\',
  '\ud800',
);
const name = fc.oneof(anyText, fc.constantFrom('a', '0', '__proto__', 'constructor', 'a/b', '~', 'toJSON', 'length'));
const { plain } = fc.letrec<{ plain: unknown }>((tie) => ({
  plain: fc.oneof(
    { maxDepth: 4 },
    fc.oneof(odd, anyText, fc.double(), fc.date({ noInvalidDate: false })),
    fc.array(fc.double({ noNaN: true }), { maxLength: 20 }),
    fc.array(tie('plain'), { maxLength: 12 }),
    fc.uniqueArray(fc.tuple(name, tie('plain')), { selector: ([key]) => key, maxLength: 5 }).map(Object.fromEntries),
  ),
}));

test('the short way writes what the exact way writes, or nothing', () => {
  let met = 0;
  const property = fc.property(fc.oneof(plain, anyValue), fc.boolean(), (value, lenient) => {
    const short = plainText(value, MAX_VALUE_BYTES);
    if (short === null) return;
    met += 1;
    expect(short).toEqual(exactText(value, lenient, MAX_VALUE_BYTES));
  });
  fc.assert(property, { numRuns: 5_000 });
  expect(met).toBeGreaterThan(2_000);
});

test.each(Object.entries(refusals))('the short way leaves to the exact way: %s', (_, make) => {
  for (const value of [make(), { inside: make() }, [make()], [1, 2, 3, 4, 5, 6, 7, 8, 9, make()]]) {
    expect(plainText(value, MAX_VALUE_BYTES)).toBeNull();
  }
});

test('what hides in an array or an object is left to the exact way', () => {
  const numbers = (): number[] => Array.from({ length: 20 }, (_, at) => at);
  const hidden = { value: 1, enumerable: false };
  const strange = [
    Object.defineProperty(numbers(), 3, hidden),
    Object.defineProperty([1, 2], 1, hidden),
    Object.defineProperty(numbers(), 'named', hidden),
    Object.defineProperty(numbers(), Symbol('s'), hidden),
    Object.defineProperty({ a: 1 }, 'b', hidden),
    Object.assign([1, , 3], { named: 1 }), // a hole beside a name has the right count
    Object.setPrototypeOf(new Date(0), Object.prototype) as object,
    Object.create({ inherited: 1 }) as object,
  ];
  for (const value of strange) expect(plainText(value, MAX_VALUE_BYTES)).toBeNull();
});

test('a value that is written often is not written for ever', () => {
  let value: unknown = 'x'.repeat(100);
  for (let depth = 0; depth < 60; depth += 1) value = [value, value];
  expect(plainText(value, 1_000_000)).toBeNull();
  expect(plainText('x'.repeat(100), 50)).toBeNull();
  expect(plainText(Array(100).fill({ ['k'.repeat(100_000)]: 1 }), 1_000_000)).toBeNull();
  expect(plainText({ ['k'.repeat(100_000)]: Array(100).fill(undefined) }, 1_000_000)).toBeNull();
  expect(plainText(Array(100).fill(Array(10_000).fill(1.2345678901234567)), 1_000_000)).toBeNull();
});

test('texts and names are quoted as JSON has them', () => {
  fc.assert(
    fc.property(anyText, (text) => {
      expect(quoted(text)).toBe(JSON.stringify(text));
      const name = `${JSON.stringify(text)}:`;
      for (let again = 0; again < 2; again += 1) {
        for (const [lead, before] of [
          [firstName(text), '{'],
          [followingName(text), ','],
        ] as const) {
          const plain = before + name;
          expect({ ...lead }).toEqual({
            plain,
            text: `${plain}"`,
            behindText: `"${plain}`,
            betweenTexts: `"${plain}"`,
          });
        }
      }
    }),
    { numRuns: 2_000 },
  );
  for (let unit = 0; unit <= 0xffff; unit += 1) {
    const text = `a${String.fromCharCode(unit)}b`;
    if (quoted(text) !== JSON.stringify(text)) throw new Error(`U+${unit.toString(16)} is quoted otherwise`);
  }
});

test('a time is written as its Date writes itself', () => {
  const times = [0, -1, 1, -864e5, 864e5 - 1, 864e5, 8.64e15, -8.64e15, Date.UTC(-1, 0), Date.UTC(10_000, 0)];
  const same = (time: number): void => expect(isoOf(time)).toBe(new Date(time).toISOString());
  for (const time of times) same(time);
  fc.assert(
    fc.property(fc.maxSafeInteger(), (any) => same(any % 8.64e15)),
    { numRuns: 2_000 },
  );
  expect(isoText(new Date(NaN))).toBeNull();
});

test('who has replaced Date.parse changes no stored Date', () => {
  // As a library does that reads dates in many languages, loaded before this one.
  jest.isolateModules(() => {
    const { parse } = Date;
    Date.parse = () => 12_345_678;
    try {
      const { dateOf: read } = jest.requireActual<{ dateOf: typeof dateOf }>('../ts/codec/iso.js');
      expect(read('2025-11-26T03:25:45.678Z').getTime()).toBe(Date.UTC(2025, 10, 26, 3, 25, 45, 678));
    } finally {
      Date.parse = parse;
    }
  });
});

const unlike = fc.constantFrom(
  '2025-11-23T24:00:00.000Z',
  '2025-11-23T23:60:00.000Z',
  '2025-11-23T23:59:60.000Z',
  '2025-11-23t23:59:59.999Z',
  '2025-11-23 23:59:59.999Z',
  '2025-02-29T00:00:00.000Z',
  '2025-02-30T00:00:00.000Z',
  '2025-13-01T00:00:00.000Z',
  '2025-11-23T23:59:59.9990',
  '2025-11-23T23:59:59,999Z',
  '2025-11-23T-1:59:59.999Z',
  '2025-11-23T 1:59:59.999Z',
  '2025-11-23T23:59:59.99 Z',
  'Nov 23 2025 01:02:03 UTC',
  '1/1/25 UTC+05:30:00.000Z',
  '1/1/2025 ( 05:06:07.890Z',
  '1/1/2025 1:01:02:03.456Z',
  '1970-01-01',
  '',
);

test('a time is read as a Date reads it, whatever came before it', () => {
  const same = (text: string): void => expect(dateOf(text).getTime()).toBe(new Date(text).getTime());
  const anyTime = fc.oneof(fc.maxSafeInteger(), fc.integer({ min: 0, max: 4e12 })).map((any) => any % 8.64e15);
  const usual = anyTime.map((time) => new Date(time).toISOString());
  const spoiled = fc
    .tuple(usual, fc.nat(23), fc.constantFrom(...'0123456789:.-+TZ xé'))
    .map(([text, at, other]) => text.slice(0, at) + other + text.slice(at + 1));
  fc.assert(fc.property(fc.oneof(usual, spoiled, unlike), same), { numRuns: 5_000 });
  for (const none of [null, undefined, {}, Array.from('2025-11-23T23:59:59.999Z')]) {
    expect(dateOf(none as string | null).getTime()).toBeNaN();
  }
});
