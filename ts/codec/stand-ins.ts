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

/** The same with an empty list as one member of the object that the value's code gives: nobody looks into what is there. */
export function asJsonWithout(member: string, value: object): unknown {
  let whole: unknown = OMITTED;
  const text = JSON.stringify(value, function emptied(this: unknown, name: string, given: unknown) {
    // The first to come is the value itself, as its toJSON() has it.
    if (whole === OMITTED) whole = given;
    else if (this === whole && name === member) return [];
    return given;
  }) as string | undefined;
  return text === undefined ? OMITTED : (JSON.parse(text) as unknown);
}
