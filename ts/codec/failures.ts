/** The errors of the codec, each made in one place. */
import { types } from 'node:util';
import { SmallTalkError } from '../errors.js';
import { isFullStack } from '../stack.js';

/** Something that could not come back. */
export function unsupported(what: string, path: string, cause?: unknown): SmallTalkError {
  const details = cause === undefined ? { path } : { path, cause };
  return new SmallTalkError('ERR_VALUE_UNSUPPORTED', `${what} at "${path}" cannot be stored`, details);
}

/** More text than is allowed. `size` is missing where nobody has counted to the end. */
export function tooLarge(limit: number, size?: number): SmallTalkError {
  const has = size === undefined ? `more than ${limit}` : String(size);
  return new SmallTalkError('ERR_VALUE_TOO_LARGE', `the value has ${has} bytes, ${limit} are allowed`);
}

/** A code of Node's, which is none of ours. */
const TOO_LONG = /^ERR_STRING_TOO_LONG$/;

/** Whether the engine, or Node, says that it has no text of that length. */
export function isTooLong(cause: unknown): boolean {
  if (!types.isNativeError(cause)) return false;
  const isRange = cause.name === 'RangeError' && cause.message.includes('string length');
  return isRange || TOO_LONG.test((cause as NodeJS.ErrnoException).code ?? '');
}

/** More nesting than is allowed. */
export function tooDeep(limit: number, path: string, cause?: unknown): SmallTalkError {
  const details = cause === undefined ? { path } : { path, cause };
  return new SmallTalkError('ERR_VALUE_TOO_DEEP', `the value below "${path}" is deeper than ${limit}`, details);
}

/** What the engine threw, or a program's own code that it ran, as an error of ours. */
export function translated(cause: unknown, limits: { bytes: number; depth: number }): SmallTalkError {
  if (cause instanceof SmallTalkError) return cause;
  if (isFullStack(cause)) return tooDeep(limits.depth, '', cause);
  if (isTooLong(cause)) return tooLarge(limits.bytes);
  return unsupported('something that threw when it was read', '', cause);
}
