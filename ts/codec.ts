/**
 * Values to text and back: one codec for sessions, key-values and events in every adapter.
 *
 * Stored is plain JSON with readable stand-ins (ISO text, base64, arrays of pairs, null), and beside it a small table of
 * the places where the value was more than JSON, named by JSON Pointers (RFC 6901).
 */
import { CorruptionError, SmallTalkError } from './errors.js';
import { exactText } from './codec/exact.js';
import { tooLarge, translated, unsupported } from './codec/failures.js';
import { MAX_DEPTH } from './codec/inspect.js';
import { plainListMember, plainMember, plainText } from './codec/plain.js';
import { quoted } from './codec/quote.js';
import { revive, reviveWhatCan } from './codec/revive.js';
import { isFullStack } from './stack.js';

export { quoted, revive, reviveWhatCan };

/** What happens to functions, symbols, instances of classes and the like: refuse them, or store what JSON would. */
export type Unsupported = 'refuse' | 'json';

/** A value as text. Neither text contains a line break. */
export interface Encoded {
  text: string;
  /** A JSON object, JSON Pointer → tag; null where the value is plain JSON. */
  types: string | null;
}

/** Limits and manners of an encoding. */
export interface EncodeOptions {
  /** Default `refuse`. */
  unsupported?: Unsupported;
  /** Longest text, with its table, in UTF-8 bytes. Default 64 MiB. */
  maxBytes?: number;
}

/** The longest text of one message, one key's value or one event: 64 MiB. */
export const MAX_VALUE_BYTES = 64 * 1024 * 1024;

/**
 * Encodes a value as it is now. Throws `ERR_VALUE_UNSUPPORTED` with the path of what cannot come back,
 * `ERR_VALUE_TOO_DEEP`, `ERR_VALUE_TOO_LARGE`.
 */
export function encode(value: unknown, options: EncodeOptions = {}): Encoded {
  const lenient = options.unsupported === 'json';
  const limit = options.maxBytes ?? MAX_VALUE_BYTES;
  try {
    if ('toJSON' in Array.prototype) throw unsupported('an object while Object or Array has a toJSON() for all', '');
    const encoded = plainText(value, limit) ?? exactText(value, lenient, limit);
    checkSize(encoded, options);
    return encoded;
  } catch (cause) {
    throw translated(cause, { bytes: limit, depth: MAX_DEPTH });
  }
}

/**
 * What `encode` would write for the member `name` of an object, its pointers beginning with that name, behind the text
 * `before`, where the value is plain to see; null where it is not, and the object has to be encoded as a whole.
 */
export function encodeMember(before: string, name: string, value: unknown): Encoded | null {
  return 'toJSON' in Array.prototype ? null : plainMember(before, name, value, MAX_VALUE_BYTES);
}

/** The same for a list that the caller has made and shares with nobody. */
export function encodeListMember(before: string, name: string, list: readonly unknown[]): Encoded | null {
  return 'toJSON' in Array.prototype ? null : plainListMember(before, name, list, MAX_VALUE_BYTES);
}

/** Decodes what `encode` made. Throws `ERR_CORRUPT` for anything else, `ERR_VERSION` for what this Node does not know. */
export function decode(text: string, types: string | null): unknown {
  try {
    const parsed = JSON.parse(text) as unknown;
    return types === null ? parsed : revive(parsed, JSON.parse(types) as Record<string, string>);
  } catch (cause) {
    // At a full stack nothing is wrong with what is stored.
    if (cause instanceof SmallTalkError || isFullStack(cause)) throw cause;
    throw new CorruptionError('ERR_CORRUPT', 'a stored value is not what was written', { cause });
  }
}

/** The most bytes that a character takes: in UTF-8 three, as an escape six. */
const MOST_OF_ONE = 6;

/** Whether so many characters are certainly no more bytes than the options allow, whatever has to be escaped. */
export function surelyFits(characters: number, options: EncodeOptions): boolean {
  return characters * MOST_OF_ONE <= (options.maxBytes ?? MAX_VALUE_BYTES);
}

/** Throws `ERR_VALUE_TOO_LARGE` where so many characters take more than the options allow, whatever they are. */
export function refuseLonger(characters: number, options: EncodeOptions): void {
  const limit = options.maxBytes ?? MAX_VALUE_BYTES;
  if (characters > limit) throw tooLarge(limit);
}

/** Throws `ERR_VALUE_TOO_LARGE` where a value takes more than the options allow. */
export function checkSize({ text, types }: Encoded, options: EncodeOptions): void {
  const limit = options.maxBytes ?? MAX_VALUE_BYTES;
  if ((text.length + (types?.length ?? 0)) * 3 <= limit) return;
  const size = Buffer.byteLength(text) + Buffer.byteLength(types ?? '');
  if (size > limit) throw tooLarge(limit, size);
}
