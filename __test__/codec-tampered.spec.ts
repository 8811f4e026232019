/** What a program has done to the prototypes of the language changes nothing of what a codec stores. */
import { decode, encode } from '../ts/codec.js';

/** Enough for the engine to write them at once. */
const NUMBERS = [...Array(12).keys()];

/** Does something while a property of a prototype is another one. */
function meanwhile<R>(prototype: object, key: PropertyKey, property: PropertyDescriptor, work: () => R): R {
  const before = Object.getOwnPropertyDescriptor(prototype, key);
  Object.defineProperty(prototype, key, { ...property, configurable: true });
  try {
    return work();
  } finally {
    if (before === undefined) Reflect.deleteProperty(prototype, key);
    else Object.defineProperty(prototype, key, before);
  }
}

test('an iterator of lists is not asked for their numbers', () => {
  const lie = {
    *value() {
      yield 99;
    },
  };
  const encoded = meanwhile(Array.prototype, Symbol.iterator, lie as PropertyDescriptor, () =>
    encode({ list: NUMBERS }),
  );
  expect(JSON.parse(encoded.text)).toEqual({ list: NUMBERS });
});

test('an accessor that all objects inherit takes no member away, nor does one that cannot be written to', () => {
  const value = Object.assign(Object.create(null) as object, {
    constructor: 1,
    tag: 2,
    map: new Map([[1, { tag: 3 }]]),
  });
  const accessor = { get: () => 'lie', set: () => undefined };
  for (const property of [accessor, { value: 'lie', writable: false }]) {
    const { text, types } = meanwhile(Object.prototype, 'tag', property, () => encode(value));
    expect(decode(text, types)).toEqual(value);
  }
});

test('a value that is too large because of its names is refused before it is copied', () => {
  const names = Array<object>(100).fill({ ['a long name '.repeat(100)]: 1 });
  const shared = [new Map(), ...Array<object[]>(100).fill(names)];
  // Whoever has made the text says how long it is.
  expect(() => encode(shared, { maxBytes: 1_000_000 })).toThrow(
    expect.objectContaining({ code: 'ERR_VALUE_TOO_LARGE', message: expect.stringContaining('has more than 1000000') }),
  );
});
