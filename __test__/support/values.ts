/** Every value that the codec takes, for property tests; and everything that it refuses. */
import fc from 'fast-check';

/** Text of all kinds: lone surrogates, NULs, line separators. */
const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)), maxLength: 8 }),
  fc.constantFrom('', '\u2028', '\ud800', 'a\0b', '__proto__', 'constructor', '~1/0', '—🙂漢字', 'line\nbreak'),
);

const key = fc.oneof(text, fc.constantFrom('__proto__', 'constructor', 'toJSON', 'length', '0', '-1', ''));

const bytes = fc.uint8Array({ maxLength: 16 });

const leaf: fc.Arbitrary<unknown> = fc.oneof(
  text,
  fc.boolean(),
  fc.constant(null),
  fc.constant(undefined),
  fc.double(),
  fc.constantFrom(NaN, Infinity, -Infinity, -0, 0),
  fc.bigInt(),
  // Node's own deep equality tells invalid dates from one another, so they have a test of their own.
  fc.date({ noInvalidDate: true }),
  fc.constantFrom(/a+\/b/giu, new RegExp('', 's'), sticky()),
  fc.constantFrom('https://example.com/a?b=c#d', 'file:///tmp/x').map((href) => new URL(href)),
  bytes.map((view) => Buffer.from(view)),
  bytes.map((view) => view.slice().buffer),
  bytes,
  bytes.map((view) => new Uint8ClampedArray(view)),
  fc.float32Array({ maxLength: 4 }),
  fc.float64Array({ maxLength: 4 }),
  fc.int8Array({ maxLength: 4 }),
  fc.int16Array({ maxLength: 4 }),
  fc.uint16Array({ maxLength: 4 }),
  fc.int32Array({ maxLength: 4 }),
  fc.uint32Array({ maxLength: 4 }),
  fc.bigInt64Array({ maxLength: 4 }),
  fc.bigUint64Array({ maxLength: 4 }),
);

function sticky(): RegExp {
  const expression = /x/y;
  expression.lastIndex = 3;
  return expression;
}

const errorClass = fc.constantFrom(
  Error,
  TypeError,
  RangeError,
  SyntaxError,
  ReferenceError,
  EvalError,
  URIError,
) as fc.Arbitrary<new (message?: string, options?: { cause?: unknown }) => Error>;

interface ErrorPlan {
  Class: new (message?: string, options?: { cause?: unknown }) => Error;
  message: string | undefined;
  cause: unknown;
  own: [string, unknown][];
  name: string | undefined;
}

/** Builds the value each time it is asked for, so that no test sees what another has touched. */
function buildError({ Class, message, cause, own, name }: ErrorPlan): Error {
  const error = cause === undefined ? new Class(message) : new Class(message, { cause });
  for (const [member, value] of own) {
    Object.defineProperty(error, member, { value, enumerable: true, configurable: true, writable: true });
  }
  if (name !== undefined) error.name = name;
  return error;
}

/** An object whose keys are all data, `__proto__` too. */
export function objectOf(entries: [string, unknown][], prototype: object | null = Object.prototype): object {
  const object = Object.create(prototype) as object;
  for (const [member, value] of entries) {
    Object.defineProperty(object, member, { value, enumerable: true, configurable: true, writable: true });
  }
  return object;
}

/** An array with the holes that `present` leaves. */
function sparse(values: unknown[], present: boolean[]): unknown[] {
  const array: unknown[] = new Array(values.length);
  for (const [at, value] of values.entries()) if (present[at] !== false) array[at] = value;
  return array;
}

const { value } = fc.letrec<{ value: unknown }>((tie) => {
  const entries = fc.uniqueArray(fc.tuple(key, tie('value')), { selector: ([name]) => name, maxLength: 4 });
  const list = fc.array(tie('value'), { maxLength: 4 });
  return {
    value: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      { arbitrary: leaf, weight: 4 },
      entries.map((members) => objectOf(members)),
      entries.map((members) => objectOf(members, null)),
      list,
      fc.tuple(list, fc.array(fc.boolean(), { maxLength: 4 })).map(([values, present]) => sparse(values, present)),
      fc.array(fc.tuple(tie('value'), tie('value')), { maxLength: 3 }).map((pairs) => new Map(pairs)),
      list.map((values) => new Set(values)),
      fc
        .record({
          Class: errorClass,
          message: fc.option(text, { nil: undefined }),
          cause: fc.option(tie('value'), { nil: undefined }),
          own: entries.map((members) => members.filter(([name]) => name !== 'stack' && name !== 'name')),
          name: fc.option(fc.constantFrom('AbortError', 'ToolError'), { nil: undefined }),
        })
        .map(buildError),
      fc.tuple(list, text).map(([errors, message]) => new AggregateError(errors, message)),
    ),
  };
});

/** Any value of the codec, nested. */
export const anyValue = value;

class Point {
  x = 1;
}

function cycle(): object {
  const object: Record<string, unknown> = { deep: {} };
  (object['deep'] as Record<string, unknown>)['again'] = object;
  return object;
}

function accessor(): object {
  return Object.defineProperty({}, 'x', {
    enumerable: true,
    get: () => {
      throw new Error('an accessor was run');
    },
  });
}

/** A value that was given to another thread. */
function detached(): ArrayBuffer {
  const buffer = new ArrayBuffer(8);
  structuredClone(buffer, { transfer: [buffer] });
  return buffer;
}

class Failing extends Error {
  get code(): string {
    throw new Error('an accessor was run');
  }
}

const hidden = (key: string, property: PropertyDescriptor): unknown =>
  Object.defineProperty(new Error('e'), key, { ...property, enumerable: false });

/** What the codec refuses, by name. Made anew for each use. */
export const refusals: Readonly<Record<string, () => unknown>> = {
  'a function': () => () => 1,
  'a symbol': () => Symbol('s'),
  'a cycle': cycle,
  'an accessor': accessor,
  'an accessor in an array': () => Object.defineProperty([1], 0, { get: () => 'x', enumerable: true }),
  'a proxy': () => new Proxy({}, {}),
  'a boxed number': () => Object(1) as unknown,
  'a boxed string': () => Object('s') as unknown,
  'an instance of a class': () => new Point(),
  'an object with a strange prototype': () => Object.create({ inherited: 1 }) as unknown,
  'a subclass of Map': () => new (class Mine extends Map {})(),
  'a subclass of Date': () => new (class Mine extends Date {})(),
  'a subclass of Array': () => new (class Mine extends Array {})(),
  'a symbol-named member': () => ({ [Symbol('s')]: 1 }),
  'a hidden member': () => Object.defineProperty({}, 'x', { value: 1, enumerable: false }),
  'a named property of an array': () => Object.assign([1], { name: 2 }),
  'a named property of an array with as many holes': () => Object.assign([1, , 'x'], { name: 2 }),
  'a named property of many numbers with as many holes': () => Object.assign([1, 2, 3, , 5, 6, 7, 8, 9], { name: 2 }),
  'a property on a Date': () => Object.assign(new Date(0), { zone: 'UTC' }),
  'a WeakMap': () => new WeakMap(),
  'a promise': () => Promise.resolve(),
  'a SharedArrayBuffer': () => new SharedArrayBuffer(1),
  'a DataView': () => new DataView(new ArrayBuffer(1)),
  'an accessor on an Error': () => Object.defineProperty(new Error('e'), 'x', { get: () => 1, enumerable: true }),
  'a hidden member of an Error': () => hidden('detail', { value: 1 }),
  'a hidden accessor on an Error': () => hidden('cause', { get: () => (accessor() as { x: unknown }).x }),
  'a stack of the program': () => hidden('stack', { get: () => 'at nowhere' }),
  'an Error whose class computes a member': () => new Failing('e'),
  'a setter in an array': () => Object.defineProperty([1], 0, { set: () => undefined, enumerable: true }),
  'a hidden element of an array': () => Object.defineProperty([1, 2], 0, { value: 1, enumerable: false }),
  'a RegExp that would go on at a text': () => Object.assign(/x/g, { lastIndex: 'x' }),
  'a RegExp that would go on at -0': () => Object.assign(/x/g, { lastIndex: -0 }),
  'a Date without a prototype': () => Object.setPrototypeOf(new Date(7), null) as unknown,
  'a Date that poses as an object': () => Object.setPrototypeOf(new Date(7), Object.prototype) as unknown,
  'a Date that poses as a Map': () => Object.setPrototypeOf(new Date(7), Map.prototype) as unknown,
  'a Map that poses as an object': () => Object.setPrototypeOf(new Map([[1, 2]]), Object.prototype) as unknown,
  'a boxed number that poses as an object': () => Object.setPrototypeOf(Object(1), Object.prototype) as unknown,
  'bytes that pose as an object': () => Object.setPrototypeOf(new ArrayBuffer(1), Object.prototype) as unknown,
  'a Buffer without bytes': () => Object.create(Buffer.prototype) as unknown,
  'a detached ArrayBuffer': detached,
  'an object behind a proxy': () => Object.create(new Proxy({}, {})) as unknown,
  'the arguments of a function': () =>
    (function (...given: unknown[]) {
      void given;
      // eslint-disable-next-line prefer-rest-params -- an arguments object is what is tested
      return arguments;
    })(1),
};

/** Where it stands: at the root, in an object, an array, a Map and a Set, with the path that the error must name. */
export const places: readonly (readonly [path: string, put: (value: unknown) => unknown])[] = [
  ['', (inner) => inner],
  ['/context/tool', (inner) => ({ context: { tool: inner } })],
  ['/1/a~1b', (inner) => [0, { 'a/b': inner }]],
  ['/m/0/1', (inner) => ({ m: new Map([['k', inner]]) })],
  ['/0/s/1', (inner) => [{ s: new Set([1, inner]) }]],
];
