/** File names of ids: one each, safe on every file system, told apart on those that ignore case. */
import { createHash, randomBytes } from 'node:crypto';

import { OWNER } from './owner.js';

/** Longest part of a file name that stands for an id; file systems take 255 bytes, and an ending comes after it. */
const LONGEST = 200;
/** What is kept of a longer one, to be recognised by. */
const KEPT = 100;

/** Names that Windows keeps for devices, whatever ending they have. */
const DEVICE = /^(?:con|prn|aux|nul|com\d|lpt\d)$/;

const ENDING = '.json';

/**
 * The file name of an id. Small letters, digits, `_` and `-` are themselves, every other byte of its UTF-8 is `%xx`: so no
 * dot, slash or capital is left, and no two ids share a name. An id that would get too long is its beginning, `~` and
 * its SHA-256; the file tells the whole of it.
 */
export function fileNameOf(id: string): string {
  const escaped = [...Buffer.from(id)].map(escapedByte).join('');
  if (DEVICE.test(escaped)) return percent(id.charCodeAt(0)) + escaped.slice(1) + ENDING;
  if (escaped.length <= LONGEST) return escaped + ENDING;
  return `${escaped.slice(0, KEPT)}~${createHash('sha256').update(id).digest('hex')}${ENDING}`;
}

function escapedByte(byte: number): string {
  const letter = String.fromCharCode(byte);
  return /[a-z0-9_-]/.test(letter) ? letter : percent(byte);
}

const percent = (byte: number): string => `%${byte.toString(16).padStart(2, '0')}`;

/** The id of a file name; null where it does not tell: a shortened name, or not one of ours. */
export function idOfFileName(name: string): string | null {
  if (!name.endsWith(ENDING) || name.includes('~')) return null;
  try {
    const id = decodeURIComponent(name.slice(0, -ENDING.length));
    return fileNameOf(id) === name ? id : null;
  } catch {
    return null;
  }
}

/** Whether a file name can be that of an id. */
export function isOurs(name: string): boolean {
  return idOfFileName(name) !== null || /^[a-z0-9_%-]{100}~[0-9a-f]{64}\.json$/.test(name);
}

/** A name for what is there for a moment only, and tells whose it is. */
export const temporaryName = (): string => `.tmp-${OWNER}-${randomBytes(8).toString('hex')}`;

/** The owner of what has such a name; undefined where it is another kind of name. */
export const ownerOfTemporary = (name: string): string | undefined => /^\.tmp-(.+)-[0-9a-f]{16}$/.exec(name)?.[1];
