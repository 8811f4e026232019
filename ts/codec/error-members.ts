/** What of an Error is stored, and how its parts come back. */

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

/** The members of the stand-in, in order. `accessor` hears of properties that would have to be run to be read. */
export function errorMembers(error: Error, accessor: (key: string) => void): [string, unknown][] {
  const members: [string, unknown][] = [];
  for (const key of NATURAL) {
    const inherited = key === 'name' || key === 'message' || key === 'code';
    if (Object.hasOwn(error, key) || (inherited && key in error)) members.push([key, Reflect.get(error, key)]);
  }
  for (const [key, property] of Object.entries(Object.getOwnPropertyDescriptors(error))) {
    if (property.enumerable !== true || (NATURAL as readonly string[]).includes(key)) continue;
    if (property.get === undefined && property.set === undefined) members.push([key, property.value]);
    else accessor(key);
  }
  return members;
}

/** `Error`, or `Error:TypeError` for a built-in class; then `+name` for each natural member that is enumerable here. */
export function errorTag(error: Error): string {
  const enumerable = NATURAL.filter((key) => Object.getOwnPropertyDescriptor(error, key)?.enumerable === true);
  return [builtInTag(error), ...enumerable].join('+');
}

function builtInTag(error: Error): string {
  const prototype = Object.getPrototypeOf(error) as { constructor?: { name?: unknown } } | null;
  const name = prototype?.constructor?.name;
  if (name === 'AggregateError' && Array.isArray((error as AggregateError).errors)) return 'Error:AggregateError';
  return typeof name === 'string' && name !== 'Error' && Object.hasOwn(BUILT_IN, name) ? `Error:${name}` : 'Error';
}

/** Builds the Error of a stand-in and its tag. */
export function reviveError(standIn: Record<string, unknown>, tag: string): Error {
  const [head = '', ...enumerable] = tag.split('+');
  const className = head.slice('Error:'.length);
  const Class = Object.hasOwn(BUILT_IN, className) ? (BUILT_IN[className] ?? Error) : Error;
  const error = className === 'AggregateError' ? new AggregateError([], undefined) : new Class(undefined);
  delete (error as { stack?: unknown }).stack;
  for (const key of Object.keys(standIn)) {
    const natural = (NATURAL as readonly string[]).includes(key) && !enumerable.includes(key);
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
