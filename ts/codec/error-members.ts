/** What of an Error is stored, and how its parts come back. */
import { nameOf } from './kinds.js';
import { DOM_EXCEPTION_GETTERS, engineStack } from './originals.js';

/** Members that are not enumerable where Errors have them by nature. */
const NATURAL = ['name', 'message', 'stack', 'code', 'cause', 'errors'] as const;

const BUILT_IN: Readonly<Record<string, new (message?: string) => Error>> = {
  Error,
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
};

/** Hears of a member that cannot be stored. */
type Refuse = (key: string, what: string) => void;

const isNatural = (key: string): boolean => (NATURAL as readonly string[]).includes(key);

/** The members of the stand-in: what every Error has, then its enumerable ones in their own order. */
export function errorMembers(error: Error, refuse: Refuse): [string, unknown][] {
  const members: [string, unknown][] = [];
  const add = (key: string, property: PropertyDescriptor): void => {
    if (property.get === undefined && property.set === undefined) members.push([key, property.value]);
    else accessor(error, key, property.get, members, refuse);
  };
  for (const key of NATURAL) {
    const property = naturalMember(error, key);
    if (property !== undefined) add(key, property);
  }
  for (const [key, property] of Object.entries(Object.getOwnPropertyDescriptors(error))) {
    if (property.enumerable === true) add(key, property);
    else if (!isNatural(key)) refuse(key, 'a property that is not enumerable');
  }
  return members;
}

/** A natural member that is not among the enumerable ones; the class may have some of them for all of its errors. */
function naturalMember(error: Error, key: string): PropertyDescriptor | undefined {
  const own = Object.getOwnPropertyDescriptor(error, key);
  if (own !== undefined) return own.enumerable === true ? undefined : own;
  if (key !== 'name' && key !== 'message' && key !== 'code') return undefined;
  for (let at = Object.getPrototypeOf(error) as object | null; at !== null; at = Object.getPrototypeOf(at) as object) {
    const inherited = Object.getOwnPropertyDescriptor(at, key);
    if (inherited !== undefined) return inherited;
  }
  return undefined;
}

/** Accessors are the program's code and not run, but for those of the engine and of Node. */
function accessor(
  error: Error,
  key: string,
  get: (() => unknown) | undefined,
  members: [string, unknown][],
  refuse: Refuse,
): void {
  const known = key === 'stack' ? engineStack(get) : DOM_EXCEPTION_GETTERS.has(get) ? get : undefined;
  if (get === undefined || known === undefined) {
    refuse(key, 'an accessor');
    return;
  }
  try {
    members.push([key, Reflect.apply(known, error, [])]);
  } catch {
    // Error.prepareStackTrace is the program's, and the getters of DOMException want a real one.
    refuse(key, 'an accessor that throws');
  }
}

/** `Error`, or `Error:TypeError` for a built-in class; then `+name` for each natural member that is enumerable here. */
export function errorTag(error: Error): string {
  const enumerable = NATURAL.filter((key) => Object.getOwnPropertyDescriptor(error, key)?.enumerable === true);
  return [builtInTag(error), ...enumerable].join('+');
}

function builtInTag(error: Error): string {
  const name = nameOf(error);
  const errors: unknown = Object.getOwnPropertyDescriptor(error, 'errors')?.value;
  if (name === 'AggregateError' && Array.isArray(errors)) return 'Error:AggregateError';
  return typeof name === 'string' && name !== 'Error' && Object.hasOwn(BUILT_IN, name) ? `Error:${name}` : 'Error';
}

/** Builds the Error of a stand-in and its tag. */
export function reviveError(standIn: Record<string, unknown>, tag: string): Error {
  const [head = '', ...enumerable] = tag.split('+');
  const className = head.slice('Error:'.length);
  const Class = Object.hasOwn(BUILT_IN, className) ? (BUILT_IN[className] ?? Error) : Error;
  const error = className === 'AggregateError' ? new AggregateError([], undefined) : new Class(undefined);
  // Members come in their order, so nothing may be there before them.
  delete (error as { stack?: unknown }).stack;
  delete (error as { errors?: unknown }).errors;
  for (const key of Object.keys(standIn)) {
    const natural = isNatural(key) && !enumerable.includes(key);
    if (natural && (key === 'name' || key === 'message') && Reflect.get(error, key) === standIn[key]) continue;
    Object.defineProperty(error, key, {
      value: standIn[key],
      enumerable: !natural,
      writable: true,
      configurable: true,
    });
  }
  return error;
}
