/** Text as JSON has it: in a third of the time that `JSON.stringify` takes where nothing has to be escaped. */
import { compiled } from '../regular-expressions.js';

/**
 * Text that JSON writes as it is; lone surrogates are asked for apart. To match all of it takes the engine half the time of
 * looking for a character that is none of these.
 */
const AS_IT_IS = compiled(/^[^\0-\x1f"\\]*$/);

/** Whether nothing in a text has to be escaped. */
export const needsNoEscape = (text: string): boolean => AS_IT_IS.test(text) && text.isWellFormed();

/** The quoted text. It may be a rope, which the engine flattens when it is used. */
export const quoted = (text: string): string => (needsNoEscape(text) ? `"${text}"` : JSON.stringify(text));
