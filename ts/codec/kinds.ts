/** Tells what a value is, by its internal slots rather than its class, so that values of other realms are told as well. */
import { types } from 'node:util';
import { URL } from 'node:url';
import { bytesOf, typedArrayName, urlText } from './originals.js';

/** How a value is stored; what the codec does not take is `{ refused }`, with the reason. */
export type Kind =
  | 'object'
  | 'null-prototype'
  | 'array'
  | 'Date'
  | 'Map'
  | 'Set'
  | 'RegExp'
  | 'URL'
  | 'ArrayBuffer'
  | 'Buffer'
  | 'TypedArray'
  | 'Error'
  | { refused: string };

const refused = (reason: string): Kind => ({ refused: reason });

/** What a value without its own class is, whose class the codec knows. */
const DISGUISED = 'a built-in object without its methods';

/** The kind of an object. Never runs code of the value's: proxies are told first. */
export function kindOf(value: object): Kind {
  if (types.isProxy(value)) return refused('a proxy');
  const prototype = Object.getPrototypeOf(value) as object | null;
  if (Array.isArray(value)) {
    if (prototype === Array.prototype) return 'array';
    return isOf(value, 'Array', 2) && !('toJSON' in value) ? 'array' : refused(named(value));
  }
  // Asking each plain object for its slots would cost more than writing it: see `isDisguised`.
  if (prototype === Object.prototype) return 'object';
  if (types.isDate(value)) return prototype === Date.prototype ? 'Date' : base('Date', value);
  if (types.isMap(value)) return base('Map', value);
  if (types.isSet(value)) return base('Set', value);
  if (types.isTypedArray(value)) {
    if (isDetached(value)) return refused('a detached ArrayBuffer');
    return Buffer.isBuffer(value) ? base('Buffer', value, 4) : base('TypedArray', value, 3, typedArrayName(value));
  }
  if (types.isArrayBuffer(value)) {
    return isDetached(value) ? refused('a detached ArrayBuffer') : base('ArrayBuffer', value);
  }
  if (types.isRegExp(value)) return isIndex(value.lastIndex) ? base('RegExp', value) : refused('a strange lastIndex');
  return prototype === null ? withoutPrototype(value) : classed(value, prototype);
}

/**
 * Whether a value that looks like a plain object is a built-in one with its prototype taken away. Only asked of objects
 * without members: what hides in one loses everything there, and the questions cost 100 ns together.
 */
export function isDisguised(value: object): boolean {
  return (
    types.isDate(value) ||
    types.isMap(value) ||
    types.isSet(value) ||
    types.isAnyArrayBuffer(value) ||
    ArrayBuffer.isView(value) ||
    types.isBoxedPrimitive(value)
  );
}

/** Whether `JSON.stringify` would run code of the value's own: its `toJSON`, or an accessor. */
export function runsCode(value: object, kind: Kind): boolean {
  const toJson = Object.getOwnPropertyDescriptor(value, 'toJSON');
  if (toJson !== undefined && (toJson.get !== undefined || typeof toJson.value === 'function')) return true;
  if (kind === 'array') {
    return (value as unknown[]).some((element, at) => typeof element !== 'number' && isAccessor(value, at));
  }
  if (kind !== 'object' && kind !== 'null-prototype' && kind !== 'Error') return false;
  return Object.keys(value).some((key) => isAccessor(value, key));
}

function isAccessor(value: object, key: PropertyKey): boolean {
  const property = Object.getOwnPropertyDescriptor(value, key);
  return property?.get !== undefined || property?.set !== undefined;
}

function withoutPrototype(value: object): Kind {
  return isDisguised(value) || types.isNativeError(value) ? refused(DISGUISED) : 'null-prototype';
}

function classed(value: object, prototype: object): Kind {
  if (prototypes(value) === Infinity) return refused('an object whose prototype is a proxy');
  if (isError(value)) return 'Error';
  if (isUrl(value)) return base('URL', value);
  const plain = prototypes(value) === 1 && Object.hasOwn(prototype, 'propertyIsEnumerable') && !('toJSON' in prototype);
  return plain && !isDisguised(value) ? 'object' : refused(named(value));
}

function isError(value: object): boolean {
  return types.isNativeError(value) || value instanceof Error || value instanceof DOMException;
}

function isUrl(value: object): value is URL {
  if (!(value instanceof URL)) return false;
  try {
    urlText(value);
    return true;
  } catch {
    return false;
  }
}

function isDetached(value: object): boolean {
  try {
    bytesOf(value);
    return false;
  } catch {
    return true;
  }
}

/** What a `lastIndex` comes back as; it may have been set to anything. */
function isIndex(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0 && !Object.is(value, -0);
}

/** How many prototypes stand above a value: one more than its kind has means that it is an instance of a subclass. */
function prototypes(value: object): number {
  let count = 0;
  for (let at: unknown = Object.getPrototypeOf(value); at !== null; at = Object.getPrototypeOf(at)) {
    if (types.isProxy(at)) return Infinity;
    count += 1;
  }
  return count;
}

function isOf(value: object, className: string, depth: number): boolean {
  return prototypes(value) === depth && className === nameOf(value);
}

function base(kind: Kind & string, value: object, depth = 2, className: string = kind): Kind {
  return isOf(value, className, depth) ? kind : refused(named(value));
}

function named(value: object): string {
  if (Object.getPrototypeOf(value) === null || Object.getPrototypeOf(value) === Object.prototype) return DISGUISED;
  const name = nameOf(value);
  return typeof name === 'string' && name !== '' ? `an instance of ${name}` : 'an instance of a class';
}

/** The name of a value's class. */
export function nameOf(value: object): unknown {
  const prototype = Object.getPrototypeOf(value) as object | null;
  const constructor = prototype === null ? undefined : dataProperty(prototype, 'constructor');
  return typeof constructor === 'function' ? dataProperty(constructor, 'name') : undefined;
}

/** A property's value without running an accessor. */
function dataProperty(object: object, key: string): unknown {
  return types.isProxy(object) ? undefined : (Object.getOwnPropertyDescriptor(object, key)?.value as unknown);
}
