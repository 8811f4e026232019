/** Puts values back where their stand-ins are. */
import { CorruptionError, SmallTalkError } from '../errors.js';
import { reviveError } from './error-members.js';
import { dateOf } from './iso.js';
import { fromPointer, setMember } from './pointer.js';

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- each reviver knows the shape that its tag promises
type Reviver = (standIn: any, tag: string) => unknown;

const bytesOf = (base64: string): Uint8Array<ArrayBuffer> => Uint8Array.from(Buffer.from(base64, 'base64'));

const typedArray =
  (Type: new (buffer: ArrayBuffer) => unknown): Reviver =>
  (standIn: string) =>
    new Type(bytesOf(standIn).buffer);

/** Node has it from version 24 on; a value written there may be read by an older one. */
function float16(standIn: string): unknown {
  const Type = (globalThis as { Float16Array?: new (buffer: ArrayBuffer) => unknown }).Float16Array;
  if (Type !== undefined) return new Type(bytesOf(standIn).buffer);
  throw new SmallTalkError('ERR_VERSION', 'the stored value has a Float16Array, which this Node does not know');
}

const REVIVERS: Readonly<Record<string, Reviver>> = {
  undefined: () => undefined,
  NaN: () => NaN,
  Infinity: () => Infinity,
  '-Infinity': () => -Infinity,
  '-0': () => -0,
  BigInt: (standIn: string) => BigInt(standIn),
  Date: dateOf,
  Map: (standIn: [unknown, unknown][]) => new Map(standIn),
  Set: (standIn: unknown[]) => new Set(standIn),
  RegExp: (standIn: string, tag: string) => {
    const end = standIn.lastIndexOf('/');
    const expression = new RegExp(standIn.slice(1, end), standIn.slice(end + 1));
    expression.lastIndex = Number(tag.split('@')[1] ?? 0);
    return expression;
  },
  URL: (standIn: string) => new URL(standIn),
  ArrayBuffer: (standIn: string) => bytesOf(standIn).buffer,
  Buffer: (standIn: string) => Buffer.from(standIn, 'base64'),
  Int8Array: typedArray(Int8Array),
  Uint8Array: typedArray(Uint8Array),
  Uint8ClampedArray: typedArray(Uint8ClampedArray),
  Int16Array: typedArray(Int16Array),
  Uint16Array: typedArray(Uint16Array),
  Int32Array: typedArray(Int32Array),
  Uint32Array: typedArray(Uint32Array),
  Float16Array: (standIn: string) => float16(standIn),
  Float32Array: typedArray(Float32Array),
  Float64Array: typedArray(Float64Array),
  BigInt64Array: typedArray(BigInt64Array),
  BigUint64Array: typedArray(BigUint64Array),
  Error: (standIn: Record<string, unknown>, tag: string) => reviveError(standIn, tag),
  'null-prototype': (standIn: object) => Object.assign(Object.create(null) as object, standIn),
};

/**
 * Revives a parsed value. `types` maps JSON Pointers to tags, children before their parents.
 * Throws `ERR_CORRUPT` where a table does not fit its value.
 */
export function revive(parsed: unknown, types: Readonly<Record<string, string>>): unknown {
  const root = { value: parsed };
  for (const pointer of Object.keys(types)) put(root, pointer, types[pointer] as string);
  return root.value;
}

/**
 * Revives what can be of a record that a later version, or another program, may have written: the rest stays as the JSON
 * that stands for it, and so does what stands at a pointer that is `kept`. Whether the whole table fitted.
 */
export function reviveWhatCan(record: object, types: unknown, kept: ReadonlySet<string>): boolean {
  if (typeof types !== 'object' || types === null || Array.isArray(types)) return false;
  const root = { value: record };
  let fits = true;
  for (const pointer of Object.keys(types)) {
    try {
      if (kept.has(pointer)) fits = false;
      else put(root, pointer, (types as Record<string, string>)[pointer] as string);
    } catch {
      fits = false;
    }
  }
  return fits;
}

function put(root: { value: unknown }, pointer: string, tag: string): void {
  const path = ['value', ...fromPointer(pointer)];
  const key = path.pop() as string;
  const parent = path.reduce<unknown>(member, root);
  if (tag === 'hole') Reflect.deleteProperty(parent as object, key);
  else setMember(parent as object, key, reviveOne(member(parent, key), tag));
}

function member(parent: unknown, key: string): unknown {
  if (typeof parent !== 'object' || parent === null || !Object.hasOwn(parent, key)) {
    throw new CorruptionError('ERR_CORRUPT', 'the table of types does not fit the stored value');
  }
  return (parent as Record<string, unknown>)[key];
}

function reviveOne(standIn: unknown, tag: string): unknown {
  const name = /^[^:+@]+/.exec(tag)?.[0] ?? '';
  const reviver = Object.hasOwn(REVIVERS, name) ? REVIVERS[name] : undefined;
  if (reviver === undefined) throw new CorruptionError('ERR_CORRUPT', 'the stored value is of an unknown type');
  return reviver(standIn, tag);
}
