/** Tells what a value is, by its internal slots rather than its class, so that values of other realms are told as well. */
import { types } from 'node:util';
import { URL } from 'node:url';

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

/** The kind of an object. Never runs code of the value's: proxies are told first. */
export function kindOf(value: object): Kind {
  if (types.isProxy(value)) return refused('a proxy');
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Object.prototype) return Array.isArray(value) ? refused('an array without its methods') : 'object';
  if (Array.isArray(value))
    return prototype === Array.prototype || prototypes(value) === 2 ? 'array' : refused(named(value));
  if (prototype === null) return 'null-prototype';
  if (types.isDate(value)) return base('Date', value, 2);
  if (types.isMap(value)) return base('Map', value, 2);
  if (types.isSet(value)) return base('Set', value, 2);
  if (isError(value)) return 'Error';
  if (Buffer.isBuffer(value)) return base('Buffer', value, 4);
  if (types.isTypedArray(value)) return base('TypedArray', value, 3);
  if (types.isArrayBuffer(value)) return base('ArrayBuffer', value, 2);
  if (types.isRegExp(value)) return base('RegExp', value, 2);
  if (isUrl(value)) return base('URL', value, 2);
  if (prototypes(value) === 1 && Object.hasOwn(prototype as object, 'propertyIsEnumerable')) return 'object';
  return refused(named(value));
}

function isError(value: object): boolean {
  return types.isNativeError(value) || value instanceof Error || value instanceof DOMException;
}

const href = Object.getOwnPropertyDescriptor(URL.prototype, 'href')?.get as () => string;

function isUrl(value: object): boolean {
  if (!(value instanceof URL)) return false;
  try {
    href.call(value);
    return true;
  } catch {
    return false;
  }
}

/** How many prototypes stand above a value: one more than its kind has means that it is an instance of a subclass. */
function prototypes(value: object): number {
  let count = 0;
  for (let at: unknown = Object.getPrototypeOf(value); at !== null; at = Object.getPrototypeOf(at)) count += 1;
  return count;
}

function base(kind: Kind, value: object, depth: number): Kind {
  return prototypes(value) === depth ? kind : refused(named(value));
}

function named(value: object): string {
  const prototype = Object.getPrototypeOf(value) as object | null;
  const constructor: unknown = prototype === null ? undefined : dataProperty(prototype, 'constructor');
  const name: unknown = typeof constructor === 'function' ? dataProperty(constructor, 'name') : undefined;
  return typeof name === 'string' && name !== '' ? `an instance of ${name}` : 'an instance of a class';
}

/** A property's value without running an accessor. */
function dataProperty(object: object, key: string): unknown {
  return Object.getOwnPropertyDescriptor(object, key)?.value as unknown;
}
