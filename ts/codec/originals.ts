/**
 * What values are read with. Programs replace methods of built-in classes (Date.prototype.toJSON is a favourite), and
 * a value may have members of its own that hide them, so these are taken once, when this module is loaded.
 */
import { URL } from 'node:url';
import { types } from 'node:util';
import { runInNewContext } from 'node:vm';

/** Whether it is the engine's own, as far as its text says. */
export const isNative = (method: unknown): boolean =>
  typeof method === 'function' &&
  /^function \S+\(\) \{ \[native code\] \}$/.test(Function.prototype.toString.call(method));

const method = (prototype: object, key: string | symbol): unknown =>
  Object.getOwnPropertyDescriptor(prototype, key)?.value as unknown;

const getter = (prototype: object, key: string | symbol): unknown =>
  Object.getOwnPropertyDescriptor(prototype, key)?.get;

/** Where this realm's Date was changed before we were loaded, that of a new realm. */
const datePrototype = ['toISOString', 'valueOf'].every((key) => isNative(method(Date.prototype, key)))
  ? Date.prototype
  : (runInNewContext('Date.prototype') as Date);

/** What writes a Date as ISO text. */
export const toIsoString = method(datePrototype, 'toISOString') as () => string;
const valueOf = method(datePrototype, 'valueOf') as () => number;

/** Milliseconds since the epoch; NaN where the Date is invalid. */
export const timeOf = (date: Date): number => Reflect.apply(valueOf, date, []);

const href = getter(URL.prototype, 'href') as () => string;

/** The text of a URL. Throws where it only looks like one. */
export const urlText = (url: URL): string => Reflect.apply(href, url, []);

const source = getter(RegExp.prototype, 'source') as () => string;
const flags = getter(RegExp.prototype, 'flags') as () => string;

/** The literal of a regular expression. */
export const regExpText = (value: RegExp): string =>
  `/${Reflect.apply(source, value, [])}/${Reflect.apply(flags, value, [])}`;

const mapEntries = method(Map.prototype, 'entries') as () => MapIterator<[unknown, unknown]>;
const setValues = method(Set.prototype, 'values') as () => SetIterator<unknown>;
const mapSize = getter(Map.prototype, 'size') as () => number;
const setSize = getter(Set.prototype, 'size') as () => number;

/** The entries of a Map, or the members of a Set, one after the other, and how many there are. */
export const listOf = (of: object): { all: Iterable<unknown>; length: number } =>
  types.isMap(of)
    ? { all: Reflect.apply(mapEntries, of, []), length: Reflect.apply(mapSize, of, []) }
    : { all: Reflect.apply(setValues, of, []), length: Reflect.apply(setSize, of, []) };

/** The entries of a Map. */
export const entriesOf = (map: object): [unknown, unknown][] => [...Reflect.apply(mapEntries, map, [])];

/** The members of a Set. */
export const membersOf = (set: object): unknown[] => [...Reflect.apply(setValues, set, [])];

const typedArray = Object.getPrototypeOf(Uint8Array.prototype) as object;
const bufferOf = getter(typedArray, 'buffer') as () => ArrayBuffer;
const offsetOf = getter(typedArray, 'byteOffset') as () => number;
const sizeOf = getter(typedArray, 'byteLength') as () => number;
const lengthOf = getter(typedArray, 'length') as () => number;
const classOf = getter(typedArray, Symbol.toStringTag) as () => string;

/** The bytes of an ArrayBuffer or a typed array, not copied. Throws where they were given away (detached). */
export function bytesOf(value: object): Buffer {
  if (!ArrayBuffer.isView(value)) return bytesOf(new Uint8Array(value as ArrayBuffer));
  return Buffer.from(
    Reflect.apply(bufferOf, value, []),
    Reflect.apply(offsetOf, value, []),
    Reflect.apply(sizeOf, value, []),
  );
}

const byteLengths: readonly (readonly [is: (value: unknown) => boolean, of: () => number])[] = [
  [types.isTypedArray, sizeOf],
  [types.isDataView, getter(DataView.prototype, 'byteLength') as () => number],
  [types.isArrayBuffer, getter(ArrayBuffer.prototype, 'byteLength') as () => number],
  // Whoever switches shared memory off has no such class.
  ...(typeof SharedArrayBuffer === 'undefined'
    ? []
    : ([[types.isSharedArrayBuffer, getter(SharedArrayBuffer.prototype, 'byteLength') as () => number]] as const)),
];

/** Bytes of an ArrayBuffer, shared or not, or of a view of one; nothing of any other object. */
export function bytesIn(value: object): number | undefined {
  const [, byteLength] = byteLengths.find(([is]) => is(value)) ?? [];
  return byteLength === undefined ? undefined : Reflect.apply(byteLength, value, []);
}

const dataViewBuffer = getter(DataView.prototype, 'buffer') as () => ArrayBuffer;

/** What a typed array or a DataView is a view of; nothing of any other object. */
export function bufferIn(value: object): object | undefined {
  if (!ArrayBuffer.isView(value)) return undefined;
  return Reflect.apply(types.isDataView(value) ? dataViewBuffer : bufferOf, value, []);
}

const textOf = method(String.prototype, 'valueOf') as () => string;

/** The text in a String object; nothing of any other object. */
export const textIn = (value: object): string | undefined =>
  types.isStringObject(value) ? Reflect.apply(textOf, value, []) : undefined;

/** How many elements a typed array has. */
export const elementsIn = (value: object): number => Reflect.apply(lengthOf, value, []);

/** The name of a typed array's class. */
export const typedArrayName = (value: object): string => Reflect.apply(classOf, value, []);

/** The accessors by which a DOMException has what other errors have as data. */
export const DOM_EXCEPTION_GETTERS: ReadonlySet<unknown> = new Set(
  ['name', 'message', 'code'].map((key) => getter(DOMException.prototype, key)),
);

/** How newer versions of V8 (Node.js 24 has one) keep an error's `stack`; older ones have it as data. */
const stack = Object.getOwnPropertyDescriptor(new Error(), 'stack')?.get;

/** What reads the `stack` of this accessor, if it is the engine's own: each realm has one, and any of them reads all. */
export function engineStack(accessor: (() => unknown) | undefined): (() => unknown) | undefined {
  if (accessor === undefined || accessor === stack) return stack;
  const text = Function.prototype.toString.call(accessor);
  const bound = Object.getOwnPropertyDescriptor(accessor, 'name')?.value !== '';
  return text === 'function () { [native code] }' && !bound ? stack : undefined;
}
