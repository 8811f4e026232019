import { runInNewContext } from 'node:vm';

import { decode, encode, type EncodeOptions } from '../ts/codec.js';
import { joined } from '../ts/codec/session-shape.js';
import { SmallTalkError } from '../ts/index.js';

const again = (value: unknown, options?: EncodeOptions): unknown => {
  const { text, types } = encode(value, options);
  return decode(text, types);
};

function thrown(work: () => unknown): SmallTalkError {
  try {
    work();
  } catch (error) {
    if (error instanceof SmallTalkError) return error;
    throw new Error('an error of nobody', { cause: error });
  }
  throw new Error('nothing was thrown');
}

/** Runs something while a property is another. */
function changed(object: object, key: PropertyKey, value: unknown, work: () => void): void {
  const before = Object.getOwnPropertyDescriptor(object, key);
  Object.defineProperty(object, key, { value, configurable: true, writable: true });
  try {
    work();
  } finally {
    if (before === undefined) Reflect.deleteProperty(object, key);
    else Object.defineProperty(object, key, before);
  }
}

describe('programs that replace methods of built-in classes', () => {
  const value = {
    at: new Date(5),
    none: [new Date(NaN)],
    url: new URL('http://a/'),
    re: /a\/b/gi,
    map: new Map([[1, 2]]),
  };

  test.each<[string, object, PropertyKey]>([
    ['Date toJSON', Date.prototype, 'toJSON'],
    ['Date toISOString', Date.prototype, 'toISOString'],
    ['Date toPrimitive', Date.prototype, Symbol.toPrimitive],
    ['URL toJSON', URL.prototype, 'toJSON'],
    ['URL toString', URL.prototype, 'toString'],
    ['RegExp toString', RegExp.prototype, 'toString'],
    ['Map iteration', Map.prototype, Symbol.iterator],
  ])('%s', (_, prototype, key) => {
    const plain = encode(value);
    changed(
      prototype,
      key,
      () => 'not what it is',
      () => {
        expect(encode(value)).toEqual(plain);
      },
    );
    expect((again(value) as typeof value).at.getTime()).toBe(5);
  });

  test('before this package is loaded', () => {
    let text = '';
    jest.isolateModules(() => {
      const toJSON = Object.getOwnPropertyDescriptor(Date.prototype, 'toJSON') as PropertyDescriptor;
      Object.defineProperty(Date.prototype, 'toJSON', { ...toJSON, value: () => 'not what it is' });
      try {
        const fresh = jest.requireActual<{ encode: typeof encode }>('../ts/codec.js');
        text = fresh.encode([new Date(5)]).text;
      } finally {
        Object.defineProperty(Date.prototype, 'toJSON', toJSON);
      }
    });
    expect(text).toBe('["1970-01-01T00:00:00.005Z"]');
  });

  test('also in other realms', () => {
    const foreign = runInNewContext('Date.prototype.toJSON = () => "x"; ({ at: new Date(5) })') as unknown;
    expect(encode(foreign).text).toBe('{"at":"1970-01-01T00:00:00.005Z"}');
    const hopeless = runInNewContext('Object.prototype.toJSON = () => "x"; ({ a: 1 })') as unknown;
    expect(thrown(() => encode([hopeless]))).toMatchObject({ code: 'ERR_VALUE_UNSUPPORTED', path: '/0' });
  });

  test('a toJSON for all objects is refused, since it would write their tables too', () => {
    for (const prototype of [Object.prototype, Array.prototype]) {
      changed(
        prototype,
        'toJSON',
        () => 5,
        () => {
          expect(thrown(() => encode({ a: 1 })).code).toBe('ERR_VALUE_UNSUPPORTED');
        },
      );
    }
  });

  test('fake timers make real dates', () => {
    jest.useFakeTimers({ now: 5 });
    try {
      expect(encode(new Date()).text).toBe('"1970-01-01T00:00:00.005Z"');
    } finally {
      jest.useRealTimers();
    }
  });
});

describe('errors', () => {
  test('keep the order of their members', () => {
    const error = Object.assign(new Error('e'), { a: 1, code: 'E', b: 2 });
    Object.defineProperty(error, 'message', { enumerable: true });
    expect(Object.keys(again(error) as object)).toEqual(Object.keys(error));
    const group = new AggregateError([1]);
    Object.defineProperty(Object.assign(group, { a: 1 }), 'errors', { enumerable: true });
    Reflect.deleteProperty(group, 'errors');
    Object.assign(group, { errors: [2] });
    expect(Object.keys(again(group) as object)).toEqual(['a', 'errors']);
  });
});

describe('what is too large is refused before it is walked, copied or joined', () => {
  const tooLarge = (value: unknown, options?: EncodeOptions): void => {
    expect(thrown(() => encode(value, options)).code).toBe('ERR_VALUE_TOO_LARGE');
  };

  test('arrays with few elements and many holes', () => {
    const sparse: unknown[] = [];
    sparse[50_000_000] = 1;
    for (const options of [{}, { unsupported: 'json' as const }]) {
      tooLarge(sparse, options);
      tooLarge(new Array(17_000_000), options);
    }
  });

  test('bytes that no text is long enough for', () => {
    tooLarge(Buffer.alloc(420e6));
    tooLarge([new ArrayBuffer(40e6), new ArrayBuffer(40e6)]);
  });

  test('little that is there many times', () => {
    let value: unknown = 'x'.repeat(100);
    for (let level = 0; level < 60; level += 1) value = [value, value];
    tooLarge(value);
    let types: unknown = undefined;
    for (let level = 0; level < 60; level += 1) types = { left: types, right: types };
    tooLarge(types, { maxBytes: 1e6 });
  });

  test('tables, which count', () => {
    const value = new Array(100).fill(undefined);
    const { text, types } = encode(value);
    const size = text.length + (types ?? '').length;
    expect(encode(value, { maxBytes: size }).text).toBe(text);
    expect(thrown(() => encode(value, { maxBytes: size - 1 })).code).toBe('ERR_VALUE_TOO_LARGE');
  });

  test('messages that together are longer than a text can be', () => {
    expect(joined(['a', 'b'], 0, 4)).toBe('a\nb');
    expect(joined(['a', 'b'], 3, 7)).toBe('a\nb');
    expect(thrown(() => joined(['a', 'bc'], 0, 4)).code).toBe('ERR_VALUE_TOO_LARGE');
    expect(thrown(() => joined(['a', 'b'], 4, 7)).code).toBe('ERR_VALUE_TOO_LARGE');
  });
});

describe('`unsupported: json` stores what JSON.stringify would', () => {
  const lenient: EncodeOptions = { unsupported: 'json' };

  test.each<[string, () => unknown]>([
    ['toJSON beside a Date', () => ({ a: { toJSON: () => 5, d: new Date(0) } })],
    ['toJSON of a Date', () => [Object.assign(new Date(0), { toJSON: () => 'mine' })]],
    ['toJSON of an array', () => ({ a: Object.assign([new Date(0)], { toJSON: () => [1] }) })],
    ['toJSON of an Error', () => [Object.assign(new Error('e'), { toJSON: () => ({ mine: 1 }), at: new Date(0) })]],
    ['accessors', () => ({ a: { get x() { return undefined; }, get y() { return new Map(); }, d: new Date(0) } })], // prettier-ignore
    ['an accessor in an array', () => [Object.defineProperty([1], 0, { get: () => 'x', enumerable: true })]],
    ['a boxed number that poses as an object', () => [Object.setPrototypeOf(Object(3), Object.prototype)]],
    ['a detached view', () => {
      const view = new Uint8Array(4);
      structuredClone(view.buffer, { transfer: [view.buffer] });
      return { view };
    }], // prettier-ignore
  ])('%s', (_, make) => {
    const { text, types } = encode(make(), lenient);
    expect({ text, types }).toEqual({ text: JSON.stringify(make()), types: null });
  });

  test('functions are left out of Errors', () => {
    expect(Object.keys(again(Object.assign(new Error('e'), { run: () => 1, kept: 1 }), lenient) as object)).toEqual([
      'kept',
    ]);
  });

  test('what its code throws is an error of ours', () => {
    const turtles = (): object => ({
      get below() {
        return turtles();
      },
    });
    const boom = (): never => {
      throw new TypeError('boom');
    };
    const self = {
      get self(): unknown {
        return self;
      },
    };
    expect(thrown(() => encode(turtles(), lenient)).code).toBe('ERR_VALUE_TOO_DEEP');
    for (const value of [
      { toJSON: boom },
      { toJSON: () => 1n },
      Object.defineProperty({}, 'x', { get: boom, enumerable: true }),
      self,
    ]) {
      const error = thrown(() => encode([value], lenient));
      expect(error.code).toBe('ERR_VALUE_UNSUPPORTED');
      expect(error.cause).toMatchObject({ name: 'TypeError' });
    }
  });
});
