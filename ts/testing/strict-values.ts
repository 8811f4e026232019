/** What a strict adapter must do with values that are more than JSON, or that nobody can store. */
import { encode } from '../codec.js';
import { placesOf } from './strict-places.js';
import { failureOf, type Chapter } from './subject.js';

/** Values that a store may give back equal, or refuse; never change. */
export const values: Readonly<Record<string, () => unknown>> = {
  'odd texts': () => ['', '\0', '\ud800', 'a\u2028b', '\ufeff', '🙂', 'e\u0301', '"\\/', '\r\n', "'; --", '%s $1'],
  'odd numbers': () => [-0, 0, 5e-324, 1.7976931348623157e308, 2 ** 53, NaN, Infinity, -Infinity],
  'names that objects have': () => JSON.parse('{"__proto__":{"a":1},"constructor":1,"toString":null}') as unknown,
  'members in an order of their own': () => ({ b: 1, a: 2, '': 3, 'x.y': 4, $set: 5, '10': 6, '9': 7 }),
  dates: () => [new Date(0), new Date(-1), new Date(8.64e15), new Date(NaN)],
  'undefined and holes': () => ({ gone: undefined, list: Object.assign(new Array<unknown>(3), { 1: undefined }) }),
  'maps and sets': () =>
    new Map<unknown, unknown>([
      [1, new Set([NaN, '1'])],
      ['1', new Map([[{}, []]])],
    ]),
  bigints: () => [0n, -1n, 2n ** 200n],
  bytes: () => [Buffer.from([0, 255]), new Uint8Array([1, 2]), new Float64Array([-0, NaN]), new ArrayBuffer(3)],
  'expressions and addresses': () => [/a+\/b/giu, new URL('https://example.com/a?b=c#d')],
  errors: () => Object.assign(new RangeError('too far', { cause: new Error('why') }), { code: 'E_FAR' }),
  'objects without a prototype': () => Object.assign(Object.create(null) as object, { a: 1 }),
  'an array in an array, deep': () => nested(400),
  'what is too deep': () => nested(100_000),
  'a function': () => ({ call: () => 1 }),
  'a symbol': () => [Symbol('s')],
  'a member named by a symbol': () => ({ [Symbol('s')]: 1 }),
  'a cycle': () => {
    const cycle: Record<string, unknown> = {};
    return Object.assign(cycle, { again: [cycle] });
  },
  'an instance of a class': () =>
    new (class Point {
      x = 1;
    })(),
  'a boxed number': () => Object(1) as unknown,
  'an accessor that throws': () => Object.defineProperty({}, 'x', { get: fail, enumerable: true }),
  'a proxy that throws': () => new Proxy({}, { ownKeys: fail, get: fail, getOwnPropertyDescriptor: fail }),
  'a promise': () => Promise.resolve(1),
};

function nested(depth: number): unknown {
  let value: unknown = 'deep';
  for (let level = 0; level < depth; level += 1) value = [value];
  return value;
}

function fail(): never {
  throw new Error('nobody was to ask for this');
}

/** Whether two values are equal at every depth, in their order; of whatever realm they are. */
function isSame(one: unknown, other: unknown): boolean {
  const [first, second] = [one, other].map((value) => {
    const { text, types } = encode(value, { unsupported: 'refuse' });
    return `${types ?? ''}\n${text}`;
  });
  return first === second;
}

/** Whether it is the value that was stored. */
export function comesBack(back: unknown, value: unknown): boolean {
  try {
    return isSame(back, value);
  } catch {
    // It could not be stored, and something was.
    return false;
  }
}

/** Values. */
export const hostileValues: Chapter = ({ describe, it, expect }, subject, has) => {
  describe('Hostile Values', () => {
    it('should give every value back equal, or refuse it and keep what was there', async () => {
      const wrong: string[] = [];
      // Made once: no two errors have the same stack.
      const made = Object.entries(values).map(([name, make]) => ({ name, value: make() }));
      for (const [place, { prepare, write, read }] of Object.entries(placesOf(subject, has))) {
        const all = <T>(call: (id: string, value: unknown) => Promise<T>): Promise<T[]> =>
          Promise.all(made.map(({ name, value }) => call(`${name} in ${place}`, value)));
        await all(prepare);
        await all((id) => write(id, 'what was there'));
        const refused = await all(async (id, value) => (await failureOf(write(id, value))) !== null);
        const back = await all(read);
        for (const [index, { name, value }] of made.entries()) {
          if (!comesBack(back[index], refused[index] === true ? 'what was there' : value))
            wrong.push(`${name} in ${place}`);
        }
      }
      expect(wrong).toEqual([]);
    });

    it('should store a value as it is at the call, and give everybody one of their own', async () => {
      const wrong: string[] = [];
      for (const [place, { prepare, write, read }] of Object.entries(placesOf(subject, has))) {
        await prepare(place);
        const value = { list: [[1]], when: new Date(1), bytes: Buffer.from([1]) };
        const expected = { list: [[1]], when: new Date(1), bytes: Buffer.from([1]) };
        const writing = write(place, value);
        change(value);
        // What cannot be stored was refused by the test above.
        if ((await failureOf(writing)) !== null) continue;
        const first = (await read(place)) as typeof value;
        if (!comesBack(first, expected)) wrong.push(`stored later, in ${place}`);
        else change(first);
        if (!comesBack(await read(place), expected)) wrong.push(`shared, in ${place}`);
      }
      expect(wrong).toEqual([]);
    });
  });
};

function change({ list, when, bytes }: { list: number[][]; when: Date; bytes: Uint8Array }): void {
  list[0]?.push(2);
  when.setTime(2);
  bytes.fill(2);
}
