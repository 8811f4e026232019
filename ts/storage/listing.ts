/** Which sessions a listing gives, and in which order, where no database does it. */
import { wellFormed, type ListQuery } from './arguments.js';

/** What a listing looks at. */
export interface Listed {
  activeAgent: string | undefined;
  /** Milliseconds since the epoch. */
  createdAt: number;
  /** Milliseconds since the epoch. */
  updatedAt: number;
}

/** The ids that a query gives of all sessions. */
export function selected(all: Iterable<readonly [string, Listed]>, query: ListQuery): string[] {
  const found = [...all].filter(([id, session]) => matches(id, session, query)).sort(inOrder(query));
  const end = query.limit === undefined ? undefined : query.offset + query.limit;
  return found.slice(query.offset, end).map(([id]) => id);
}

function matches(id: string, session: Listed, query: ListQuery): boolean {
  return (
    (query.activeAgent === undefined || wellFormed(session.activeAgent) === query.activeAgent) &&
    (query.createdAfter === undefined || session.createdAt >= query.createdAfter) &&
    (query.createdBefore === undefined || session.createdAt < query.createdBefore) &&
    (query.updatedAfter === undefined || session.updatedAt >= query.updatedAfter) &&
    (query.updatedBefore === undefined || session.updatedAt < query.updatedBefore) &&
    (query.idPrefix === undefined || id.startsWith(query.idPrefix))
  );
}

type Entry = readonly [string, Listed];

function inOrder({ orderBy, ascending }: ListQuery): (a: Entry, b: Entry) => number {
  const sign = ascending ? 1 : -1;
  return ([idA, a], [idB, b]) => sign * ((orderBy === 'id' ? 0 : a[orderBy] - b[orderBy]) || byCodePoint(idA, idB));
}

/** Ids are ordered by code points, as UTF-8 bytes are; `<` would compare UTF-16 units. */
export function byCodePoint(a: string, b: string): number {
  const shorter = Math.min(a.length, b.length);
  for (let at = 0; at < shorter; at += 1) {
    const left = a.charCodeAt(at);
    const right = b.charCodeAt(at);
    if (left === right) continue;
    // Half of a character beyond U+FFFF comes after every whole one.
    return isHalf(left) === isHalf(right) ? left - right : isHalf(left) ? 1 : -1;
  }
  return a.length - b.length;
}

const isHalf = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdfff;
