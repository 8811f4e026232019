/** The table of a value's types as text, while it is made: entries with a comma before each. */
import { toPointer } from './pointer.js';

/** The table of nearly every message. */
export const ONLY_TIMESTAMP = '{"/timestamp":"Date"}';
const TIMESTAMP = ',"/timestamp":"Date"';

/** The entry of a place, which is the first `depth` steps of a path. */
export function entryOf(path: readonly (string | number)[], depth: number, tag: string): string {
  if (depth === 1 && path[0] === 'timestamp' && tag === 'Date') return TIMESTAMP;
  return `,${JSON.stringify(toPointer(path.slice(0, depth)))}:"${tag}"`;
}

/** The table of these entries; null where there are none. */
export function tableOf(entries: string): string | null {
  if (entries === TIMESTAMP) return ONLY_TIMESTAMP;
  return entries === '' ? null : `{${entries.slice(1)}}`;
}
