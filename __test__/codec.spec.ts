import { runInNewContext } from 'node:vm';
import { inspect, isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';

import { decode, encode } from '../ts/codec.js';
import { LineJoiner } from '../ts/codec/session-shape.js';
import { MAX_DEPTH } from '../ts/codec/inspect.js';
import { CorruptionError, SmallTalkError } from '../ts/index.js';
import { anyValue, objectOf, places, refusals } from './support/values.js';

const again = (value: unknown): unknown => {
  const { text, types } = encode(value);
  return decode(text, types);
};

function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < depth; level += 1) value = [value];
  return value;
}

function thrown(work: () => unknown): SmallTalkError {
  try {
    work();
  } catch (error) {
    return error as SmallTalkError;
  }
  throw new Error('nothing was thrown');
}

describe('values survive', () => {
  test('every value comes back equal, at any depth, in its order', () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        const back = again(value);
        expect(isDeepStrictEqual(back, value)).toBe(true);
        expect(encode(back)).toEqual(encode(value));
      }),
      { numRuns: 2_000 },
    );
  });

  test('the text is one line of plain JSON that others can read', () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        const { text, types } = encode(value);
        expect(`${text}${types ?? ''}`).not.toMatch(/[\n\r]/);
        JSON.parse(text);
      }),
    );
    expect(encode({ at: new Date(0), tags: new Map([['a', 1n]]), none: undefined })).toEqual({
      text: '{"at":"1970-01-01T00:00:00.000Z","tags":[["a","1"]],"none":null}',
      types: '{"/at":"Date","/tags/0/1":"BigInt","/tags":"Map","/none":"undefined"}',
    });
  });

  test('invalid dates come back as invalid dates, wherever they are', () => {
    for (const [, put] of places) {
      const value = put(new Date(NaN));
      // No deep equality takes two invalid dates for equal.
      expect(inspect(again(value), { depth: null })).toBe(inspect(value, { depth: null }));
      expect(inspect(value, { depth: null })).toContain('Invalid Date');
    }
  });

  test('keys that could pollute are data', () => {
    const value = objectOf([
      ['__proto__', { polluted: new Date(1) }],
      ['constructor', undefined],
    ]);
    const back = again(value) as object;
    expect(Object.getPrototypeOf(back)).toBe(Object.prototype);
    expect(Object.getOwnPropertyDescriptor(back, '__proto__')?.value).toEqual({ polluted: new Date(1) });
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  test('shared references come back as copies', () => {
    const shared = { n: 1 };
    const back = again({ a: shared, b: [shared] }) as { a: object; b: object[] };
    expect(back).toEqual({ a: shared, b: [shared] });
    expect(back.a).not.toBe(back.b[0]);
  });

  test('values of other realms are told by what they are', () => {
    const value = runInNewContext(
      '({ at: new Date(5), map: new Map([[1, new Set([2])]]), list: [1, , 3], error: new TypeError("t"), re: /x/g, bytes: new Uint8Array([1, 2]) })',
    ) as Record<string, unknown>;
    const back = again(value) as Record<string, unknown>;
    expect(back['at']).toEqual(new Date(5));
    expect(back['map']).toEqual(new Map([[1, new Set([2])]]));
    expect(back['error']).toBeInstanceOf(TypeError);
    expect(back['re']).toEqual(/x/g);
    expect(back['bytes']).toEqual(new Uint8Array([1, 2]));
    expect(1 in (back['list'] as unknown[])).toBe(false);
  });

  test('errors keep their name, message, code, cause, stack and members', () => {
    class ToolError extends Error {
      override name = 'ToolError';
      code = 'E_TOOL';
      at = new Date(7);
    }
    const error = new ToolError('failed', { cause: new RangeError('why') });
    const back = again(error) as ToolError;
    expect(back).toBeInstanceOf(Error);
    expect(back).not.toBeInstanceOf(ToolError);
    expect({ ...back, message: back.message, stack: back.stack }).toEqual({
      ...error,
      message: 'failed',
      stack: error.stack,
    });
    expect(back.cause).toBeInstanceOf(RangeError);
    expect(again(AbortSignal.abort().reason)).toMatchObject({ name: 'AbortError', code: 20 });
  });
});

describe('what cannot come back is refused', () => {
  test.each(Object.keys(refusals))('%s, with its path', (name) => {
    for (const [path, put] of places) {
      const error = thrown(() => encode(put((refusals[name] as () => unknown)())));
      expect(error.code).toBe('ERR_VALUE_UNSUPPORTED');
      expect(error.path?.startsWith(path)).toBe(true);
      expect(error.message).toContain(path);
    }
  });

  test('what is too deep or too large', () => {
    expect(again(nested(MAX_DEPTH))).toEqual(nested(MAX_DEPTH));
    expect(thrown(() => encode(nested(MAX_DEPTH + 1))).code).toBe('ERR_VALUE_TOO_DEEP');
    expect(thrown(() => encode(nested(100_000))).code).toBe('ERR_VALUE_TOO_DEEP');
    expect(thrown(() => encode('€'.repeat(10), { maxBytes: 31 })).code).toBe('ERR_VALUE_TOO_LARGE');
    expect(encode('€'.repeat(10), { maxBytes: 32 }).text).toHaveLength(12);
  });

  test('or stored as JSON would store it, where that is asked for', () => {
    class Price {
      toJSON(): string {
        return '5 EUR';
      }
    }
    const value = {
      price: new Price(),
      run: () => 1,
      list: [() => 1, Symbol('s')],
      boxed: Object(3) as unknown,
      clock: {
        get now() {
          return 1;
        },
      },
      at: new Date(3),
    };
    const { text, types } = encode(value, { unsupported: 'json' });
    expect(text).toBe(JSON.stringify(value));
    expect(decode(text, types)).toEqual({ ...(JSON.parse(text) as object), at: new Date(3) });
  });
});

test('JSON that JSON.stringify itself refuses is refused, and depth counts there too', () => {
  class Holder {
    inner: unknown = this;
  }
  expect(thrown(() => encode(new Holder(), { unsupported: 'json' })).code).toBe('ERR_VALUE_UNSUPPORTED');
  const deep = { toJSON: () => nested(MAX_DEPTH + 1) };
  expect(thrown(() => encode({ deep }, { unsupported: 'json' })).code).toBe('ERR_VALUE_TOO_DEEP');
  expect(encode({ toJSON: () => 5 }, { unsupported: 'json' }).text).toBe('5');
});

test('texts that the codec did not make are corruption, never a crash', () => {
  const hostile: [string, string | null][] = [
    ['{', null],
    ['1', '{"/a":"Date"}'],
    ['{"a":1}', '{"/a":"Nonsense"}'],
    ['{"a":1}', '{"/a":"constructor"}'],
    ['"x"', '{"":"BigInt"}'],
    ['1', 'null'],
  ];
  for (const [text, types] of hostile) expect(() => decode(text, types)).toThrow(CorruptionError);
});

test('lines that are joined a few at a time make one text', () => {
  for (let count = 0; count < 100; count += 1) {
    const lines = Array.from({ length: count }, (_, at) => (at % 3 === 0 ? '' : `${at}`));
    const joiner = new LineJoiner();
    for (const line of lines) joiner.add(line);
    expect(joiner.text()).toBe(lines.join('\n'));
  }
});
