/** The copy of a value that `JSON.stringify` can write: whatever is more than JSON has its readable stand-in. */
import { kindOf, runsCode } from './kinds.js';
import { errorMembers } from './error-members.js';
import { isoText } from './iso.js';
import { bytesOf, entriesOf, membersOf, regExpText, urlText } from './originals.js';
import { setMember } from './pointer.js';

/** A member that `JSON.stringify` would leave out. */
const OMITTED = Symbol('omitted');

/** Copies a value that an inspection has passed. `lenient`: what the codec refuses is as `JSON.stringify` has it. */
export function withStandIns(value: unknown, lenient: boolean): unknown {
  const standIn = standInFor(value, lenient);
  return standIn === OMITTED ? null : standIn;
}

function standInFor(value: unknown, lenient: boolean): unknown {
  switch (typeof value) {
    case 'undefined':
      return null;
    case 'bigint':
      return value.toString();
    case 'function':
    case 'symbol':
      return OMITTED;
    case 'object':
      return value === null ? null : objectStandIn(value, lenient);
    default:
      return value;
  }
}

function objectStandIn(value: object, lenient: boolean): unknown {
  const kind = kindOf(value);
  if (lenient && runsCode(value, kind)) return asJson(value);
  const inner = (member: unknown): unknown => withStandIns(member, lenient);
  switch (kind) {
    case 'object':
    case 'null-prototype': {
      const entries = Object.entries(value);
      // What only poses as an empty object may be a boxed primitive, which is not `{}` to JSON.stringify.
      return lenient && entries.length === 0 ? asJson(value) : members(entries, lenient);
    }
    case 'array':
      return Array.from(value as unknown[], inner);
    case 'Map':
      return entriesOf(value).map(([key, member]) => [inner(key), inner(member)]);
    case 'Set':
      return membersOf(value).map(inner);
    case 'RegExp':
      return regExpText(value as RegExp);
    case 'ArrayBuffer':
    case 'Buffer':
    case 'TypedArray':
      return bytesOf(value).toString('base64');
    case 'Error':
      return members(
        errorMembers(value as Error, () => undefined),
        lenient,
      );
    case 'Date':
      return isoText(value as Date);
    case 'URL':
      return urlText(value as URL);
    default:
      return asJson(value);
  }
}

function members(entries: [string, unknown][], lenient: boolean): object {
  const copy = {};
  for (const [key, value] of entries) {
    const standIn = standInFor(value, lenient);
    if (standIn !== OMITTED) setMember(copy, key, standIn);
  }
  return copy;
}

function asJson(value: object): unknown {
  const text = JSON.stringify(value) as string | undefined;
  return text === undefined ? OMITTED : (JSON.parse(text) as unknown);
}
