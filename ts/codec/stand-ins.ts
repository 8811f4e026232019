/** What stands in the copy of a value for what only `JSON.stringify` has something to say about. */

/** A member that `JSON.stringify` would leave out. */
export const OMITTED = Symbol('omitted');

/** What stands for a value in a list, where nothing can be left out. */
export const inList = (standIn: unknown): unknown => (standIn === OMITTED ? null : standIn);

/** What comes back of the JSON that a value's own code, or its class, makes of it. */
export function asJson(value: object): unknown {
  const text = JSON.stringify(value) as string | undefined;
  return text === undefined ? OMITTED : (JSON.parse(text) as unknown);
}
