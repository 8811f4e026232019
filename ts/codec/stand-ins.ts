/** The copy of a value that `JSON.stringify` can write: whatever is more than JSON has its readable stand-in. */
import { SmallTalkError } from '../errors.js';
import { kindOf } from './kinds.js';
import { errorMembers } from './error-members.js';
import { setMember } from './pointer.js';

/** A member that `JSON.stringify` would leave out. */
const OMITTED = Symbol('omitted');

/** Copies a value that an inspection has passed. What the codec refuses is stored as `JSON.stringify` would. */
export function withStandIns(value: unknown): unknown {
  const standIn = standInFor(value);
  return standIn === OMITTED ? null : standIn;
}

function standInFor(value: unknown): unknown {
  switch (typeof value) {
    case 'undefined':
      return null;
    case 'bigint':
      return value.toString();
    case 'function':
    case 'symbol':
      return OMITTED;
    case 'object':
      return value === null ? null : objectStandIn(value);
    default:
      return value;
  }
}

function objectStandIn(value: object): unknown {
  const kind = kindOf(value);
  switch (kind) {
    case 'object':
    case 'null-prototype':
      return typeof (value as { toJSON?: unknown }).toJSON === 'function' ? asJson(value) : members(value);
    case 'array':
      return Array.from(value as unknown[], withStandIns);
    case 'Map':
      return Array.from(value as Map<unknown, unknown>, ([key, member]) => [withStandIns(key), withStandIns(member)]);
    case 'Set':
      return Array.from(value as Set<unknown>, withStandIns);
    case 'RegExp':
      return String(value);
    case 'ArrayBuffer':
      return Buffer.from(value as ArrayBuffer).toString('base64');
    case 'Buffer':
    case 'TypedArray': {
      const { buffer, byteOffset, byteLength } = value as Uint8Array;
      return Buffer.from(buffer, byteOffset, byteLength).toString('base64');
    }
    case 'Error':
      return Object.fromEntries(
        errorMembers(value as Error, () => undefined).map(([key, member]) => [key, withStandIns(member)]),
      );
    case 'Date':
    case 'URL':
      return value;
    default:
      return asJson(value);
  }
}

function members(value: object): object {
  const copy = {};
  for (const key of Object.keys(value)) {
    // An accessor gets here only where the caller asked for what JSON.stringify does, which is to run it.
    const standIn = standInFor(Reflect.get(value, key));
    if (standIn !== OMITTED) setMember(copy, key, standIn);
  }
  return copy;
}

function asJson(value: object): unknown {
  const text = stringify(value);
  return text === undefined ? OMITTED : (JSON.parse(text) as unknown);
}

function stringify(value: object): string | undefined {
  try {
    return JSON.stringify(value);
  } catch (cause) {
    throw new SmallTalkError('ERR_VALUE_UNSUPPORTED', 'JSON.stringify refused a value', { cause });
  }
}
