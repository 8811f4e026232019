import fc from 'fast-check';

import { decode, encode } from '../ts/codec.js';
import { isAsRecorded } from '../ts/codec/record-compare.js';
import { recordOfParsed } from '../ts/codec/record-parsed.js';
import { textOf } from '../ts/codec/record-text.js';
import { overlookedIn } from '../ts/codec/record-overlooked.js';
import { recordOf, type Slots } from '../ts/codec/record.js';
import { anyValue, refusals } from './support/values.js';

const leaf = fc.oneof(
  fc.string(),
  fc.constantFrom('', '__proto__', 'constructor', '1', '-0', 'null'),
  fc.double(),
  fc.constantFrom<unknown>(0, -0, 1, NaN, Infinity, null, true, false, undefined),
  fc.constantFrom(0, 1, NaN).map((time) => new Date(time)),
);
const key = fc.constantFrom('a', 'b', 'id', 'timestamp', '0', '__proto__', 'a/b', '~');

/** Few shapes and few values, so that two of them are often equal, or nearly so. */
const { plain } = fc.letrec<{ plain: unknown }>((tie) => ({
  plain: fc.oneof(
    { maxDepth: 3 },
    leaf,
    fc.array(tie('plain'), { maxLength: 3 }),
    fc
      .uniqueArray(fc.tuple(key, tie('plain')), { selector: ([name]) => name, maxLength: 3 })
      .map((members) => Object.fromEntries(members)),
  ),
}));

const record = (value: unknown): Slots => {
  const slots = recordOf(value);
  if (slots === null) throw new Error('no record');
  return slots;
};

const message = (): Record<string, any> => ({
  id: 'm',
  role: 'user',
  timestamp: new Date(5),
  metadata: { list: [1, 'x', null, { deep: true }], empty: {}, none: [] },
});

test('the text of a record is what the codec writes', () => {
  let met = 0;
  fc.assert(
    fc.property(fc.oneof(anyValue, plain), (value) => {
      const slots = recordOf(value);
      if (slots === null) return;
      met += 1;
      expect(textOf(slots)).toEqual(encode(value));
    }),
    { numRuns: 3_000 },
  );
  expect(met).toBeGreaterThan(300);
});

test('a value is as recorded when, and only when, the codec writes the same', () => {
  let [same, different] = [0, 0];
  fc.assert(
    fc.property(plain, plain, (one, other) => {
      const slots = recordOf(one);
      if (slots === null) return;
      const expected = JSON.stringify(encode(one)) === JSON.stringify(encode(other));
      expect(isAsRecorded(other, slots)).toBe(expected);
      expect(isAsRecorded(one, slots)).toBe(true);
      if (expected) same += 1;
      else different += 1;
    }),
    { numRuns: 5_000 },
  );
  expect(Math.min(same, different)).toBeGreaterThan(20);
});

test('one member may be recorded as an empty array, without being looked at', () => {
  const session = { id: 's', messages: [new Proxy({}, {})], context: { messages: [1] } };
  const slots = recordOf(session, false, 'messages') as Slots;
  expect(textOf(slots)).toEqual(encode({ ...session, messages: [] }));
  const accessor = Object.defineProperty({ id: 's' }, 'messages', { get: () => [], enumerable: true });
  expect(recordOf(accessor, false, 'messages')).toBeNull();
});

test('a record does not change with the value', () => {
  const value = message();
  const [slots, before] = [record(value), encode(value)];
  value['metadata'].list.push(2);
  value['timestamp'].setTime(6);
  value['role'] = 'system';
  expect(textOf(slots)).toEqual(before);
});

const changes: Record<string, (value: Record<string, any>) => unknown> = {
  'a value': (value) => (value['id'] = 'n'),
  'a number that was a text': (value) => (value['id'] = 5),
  'a text that was a number': (value) => (value['metadata'].list[0] = '1'),
  'a minus zero': (value) => (value['metadata'].list[0] = -0),
  'a new member': (value) => (value['extra'] = null),
  'a member that is undefined': (value) => (value['extra'] = undefined),
  'a member that is gone': (value) => delete value['role'],
  'a member renamed': (value) => {
    delete value['metadata'].empty;
    value['metadata'].emptied = {};
  },
  'members in another order': (value) => {
    const { id } = value;
    delete value['id'];
    value['id'] = id;
  },
  'a Date set in place': (value) => value['timestamp'].setTime(6),
  'a Date made invalid': (value) => value['timestamp'].setTime(NaN),
  'a text in place of a Date': (value) => (value['timestamp'] = new Date(5).toISOString()),
  'an array that is longer': (value) => value['metadata'].list.push(1),
  'an array that is shorter': (value) => value['metadata'].list.pop(),
  'an array with a hole': (value) => delete value['metadata'].list[2],
  'an array with a name': (value) => (value['metadata'].list.name = 1),
  'an array that was an object': (value) => (value['metadata'].empty = []),
  'an object that was an array': (value) => (value['metadata'].none = {}),
  'another prototype': (value) => Object.setPrototypeOf(value['metadata'], Map.prototype),
  'no prototype': (value) => Object.setPrototypeOf(value['metadata'], null),
  'a Map that poses as an object': (value) =>
    (value['metadata'].empty = Object.setPrototypeOf(new Map([[1, 2]]), Object.prototype)),
  'a proxy that shows the same': (value) => (value['metadata'] = new Proxy(value['metadata'], {})),
  'a hidden member': (value) => Object.defineProperty(value['metadata'], 'x', { value: 1 }),
  'a member that is hidden now': (value) => Object.defineProperty(value, 'id', { enumerable: false }),
};

test.each(Object.entries(changes))('found: %s', (_, change) => {
  const value = message();
  const slots = record(value);
  expect(isAsRecorded(value, slots)).toBe(true);
  change(value);
  expect(isAsRecorded(value, slots)).toBe(false);
});

test('an equal copy is no difference', () => {
  expect(isAsRecorded(message(), record(message()))).toBe(true);
});

test.each(Object.entries(refusals))('%s has no record, and no code of it is run', (_, make) => {
  for (const value of [make(), { inside: make() }, [make()]]) expect(recordOf(value)).toBeNull();
});

test.each(Object.entries(refusals))('%s has no record made in haste that nothing was overlooked in', (_, make) => {
  for (const value of [make(), { inside: make() }, [make()]]) {
    const slots = recordOf(value, true);
    if (slots !== null) expect(overlookedIn(value, slots)).not.toBeNull();
  }
});

test('a record made in haste is found out before it is trusted', () => {
  const members = Object.defineProperty({ a: 1 }, 'b', { get: () => 2, enumerable: true });
  const elements = Object.defineProperty([1, 2], 0, { get: () => 'x', enumerable: true });
  const symbols = { [Symbol('s')]: 1 };
  const date = Object.assign(new Date(1), { zone: 'UTC' });
  const list = Object.defineProperty([1], 'x', { value: 1 });
  const values = [{ members }, [elements], { list }, { symbols }, [date]];
  const paths = values.map((value) => {
    const slots = recordOf(value, true) as Slots;
    // What comes before it in the record is passed over, whatever has become of it.
    const behind = recordOf({ a: { list: [1, new Date(0), {}] }, value }, true) as Slots;
    expect(overlookedIn({ a: 1, value }, behind)?.path.slice(1)).toEqual(overlookedIn(value, slots)?.path);
    return overlookedIn(value, slots)?.path.join('/');
  });
  expect(paths).toEqual(['members/b', '0/0', 'list/x', 'symbols/Symbol(s)', '0/zone']);
  expect(overlookedIn(message(), record(message()))).toBeNull();
});

test('a hidden member that an inherited one makes up for is found out as well', () => {
  Object.defineProperty(Object.prototype, 'inherited', { value: 1, enumerable: true, configurable: true });
  try {
    const value = Object.defineProperty({}, 'hidden', { value: 1 });
    expect(overlookedIn(value, recordOf(value, true) as Slots)?.path).toEqual(['hidden']);
  } finally {
    Reflect.deleteProperty(Object.prototype, 'inherited');
  }
});

test('what was decoded has the record that a close look gives, whatever it holds', () => {
  fc.assert(
    fc.property(fc.oneof(plain, anyValue), (value) => {
      const { text, types } = encode({ value });
      expect(recordOfParsed(decode(text, types))).toEqual(recordOf(decode(text, types)));
    }),
  );
});
