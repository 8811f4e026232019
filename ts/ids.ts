import { compiled } from './regular-expressions.js';
import { SmallTalkError } from './errors.js';

/** The longest id or key, in UTF-8 bytes. */
export const MAX_ID_BYTES = 512;

/**
 * Session ids and keys are any text of 1 to 512 UTF-8 bytes without NUL or lone surrogates.
 * Throws a TypeError for what is no text, `ERR_ID_INVALID` for a text that is no id.
 */
export function checkId(id: unknown, what: string): asserts id is string {
  if (known.has(id)) return;
  checkText(id, what);
  const problem = problemWith(id);
  if (problem !== null) throw new SmallTalkError('ERR_ID_INVALID', `${what} ${problem}`);
  if (known.size === MOST_KNOWN) known.clear();
  known.add(copyOf(id));
}

/** To the engine a piece of a text is a view of all of it, which whoever keeps the piece would keep as well; not a short one. */
export const copyOf = (id: string): string => (id.length < SHORTEST_VIEW ? id : Buffer.from(id).toString());

const SHORTEST_VIEW = 13;

/** Throws a TypeError for what is no text. */
export function checkText(text: unknown, what: string): asserts text is string {
  if (typeof text === 'string') return;
  throw new TypeError(`${what} must be a string, not ${text === null ? 'null' : typeof text}`);
}

/** Ids that were looked at come again and again: a question that costs as much as all the rest of a small write. */
const known = new Set<unknown>();
const MOST_KNOWN = 1_024;

const LONE_SURROGATE = compiled(/\p{Surrogate}/u);

function problemWith(id: string): string | null {
  if (id === '') return 'is empty';
  if (id.length > MAX_ID_BYTES || Buffer.byteLength(id) > MAX_ID_BYTES) return `is longer than ${MAX_ID_BYTES} bytes`;
  if (id.includes('\0')) return 'contains a NUL';
  if (LONE_SURROGATE.test(id)) return 'contains a lone surrogate';
  return null;
}
