/**
 * A value laid out flat: the primitives met in a walk, strings by reference. Comparing a living value with its record
 * takes a fraction of the time of writing it, and the text can be written from the record later, as it was at the walk.
 *
 * A record has only what is plain JSON, and Dates; for all else `recordOf` gives null, and the codec decides.
 */
import { types } from 'node:util';
import { isDisguised } from './kinds.js';
import { timeOf } from './originals.js';

/** `OBJECT key value … END`, `ARRAY value … END`, `DATE milliseconds`, or the primitive itself. */
export type Slots = readonly unknown[];

export const OBJECT = Symbol('object');
export const ARRAY = Symbol('array');
export const DATE = Symbol('Date');
export const END = Symbol('end');

/** Deeper values are left to the codec, which knows how to speak about depth. */
const MAX_DEPTH = 100;

/** What did not fit. */
const NO = -1;

const EMPTY: readonly unknown[] = [];

const LONGEST_IDLE = 1_000;

/** Where records are laid out before they are cut to their length; whoever uses it takes it away meanwhile. */
let idle: unknown[] | null = [];

/**
 * The record of an object as it is now; null where it may be more than plain JSON and Dates. In haste an accessor is read like a
 * member, symbols and properties of Dates are overlooked, and `overlookedIn` has to be asked before the record is trusted: that
 * takes longer than the rest. `emptied` is a member of the value itself that is recorded as an empty array, whatever it is.
 *
 * No object of options: with the last one the engine forgets their shape, and compiles this anew after each full collection.
 */
export function recordOf(value: unknown, hasty = false, emptied?: string): Slots | null {
  if (typeof value !== 'object' || value === null || 'toJSON' in Array.prototype) return null;
  const out = idle ?? [];
  idle = null;
  let end = NO;
  try {
    end = layOut(value, { out, hasty, emptied }, 0, 0);
    return end === NO ? null : out.slice(0, end);
  } catch {
    // Only an accessor throws. The codec will refuse it by its name.
    return null;
  } finally {
    // Nothing of the program's stays here, and nobody pays for a large value that came before.
    idle = out.length > LONGEST_IDLE ? [] : out.fill(null, 0, end === NO ? out.length : end);
  }
}

interface Walk {
  out: unknown[];
  hasty: boolean;
  emptied: string | undefined;
}

function layOut(value: object, walk: Walk, at: number, depth: number): number {
  if (types.isProxy(value) || depth > MAX_DEPTH) return NO;
  const prototype = Object.getPrototypeOf(value) as object | null;
  if (prototype === Object.prototype) return layOutMembers(value as Record<string, unknown>, walk, at, depth);
  if (prototype === Array.prototype) return layOutElements(value, walk, at, depth);
  if (prototype !== Date.prototype || !types.isDate(value) || (!walk.hasty && hasStrays(value))) return NO;
  walk.out[at] = DATE;
  walk.out[at + 1] = timeOf(value);
  return at + 2;
}

function layOutMembers(value: Record<string, unknown>, walk: Walk, start: number, depth: number): number {
  const { out, hasty } = walk;
  let at = start;
  let members = 0;
  out[at++] = OBJECT;
  // The fastest way by far to meet every member; what it meets too much or too little shows in their number.
  for (const key in value) {
    if (!hasty && isCode(value, key)) return NO;
    out[at] = key;
    at = layOutOne(depth === 0 && key === walk.emptied ? EMPTY : value[key], walk, at + 1, depth);
    if (at === NO) return NO;
    members += 1;
  }
  if (Object.getOwnPropertyNames(value).length !== members || (members === 0 && isDisguised(value))) return NO;
  if (!hasty && hasSymbols(value)) return NO;
  out[at] = END;
  return at + 1;
}

function layOutElements(value: object, walk: Walk, start: number, depth: number): number {
  if (!Array.isArray(value) || Object.keys(value).length !== value.length) return NO;
  if (!walk.hasty && (hasCode(value) || hasSymbols(value))) return NO;
  let at = start;
  walk.out[at++] = ARRAY;
  for (let index = 0; index < value.length; index += 1) {
    at = layOutOne(value[index], walk, at, depth);
    if (at === NO) return NO;
  }
  walk.out[at] = END;
  return at + 1;
}

function layOutOne(value: unknown, walk: Walk, at: number, depth: number): number {
  if (typeof value === 'object' && value !== null) return layOut(value, walk, at, depth + 1);
  if (!isPlain(value)) return NO;
  walk.out[at] = value;
  return at + 1;
}

/** Whether JSON has this primitive as it is. */
export function isPlain(value: unknown): boolean {
  if (typeof value === 'number') return Number.isFinite(value) && !isMinusZero(value);
  return typeof value === 'string' || typeof value === 'boolean' || value === null;
}

export const isMinusZero = (value: number): boolean => value === 0 && 1 / value < 0;

const hasSymbols = (value: object): boolean => Object.getOwnPropertySymbols(value).length > 0;

/** Whether a Date has properties of its own. */
const hasStrays = (date: object): boolean => Reflect.ownKeys(date).length > 0;

function hasCode(value: readonly unknown[]): boolean {
  if (Object.getOwnPropertyNames(value).length !== value.length + 1) return true;
  for (let at = 0; at < value.length; at += 1) if (isCode(value, at)) return true;
  return false;
}

function isCode(value: object, key: PropertyKey): boolean {
  const property = Object.getOwnPropertyDescriptor(value, key);
  return property?.enumerable !== true || property.get !== undefined || property.set !== undefined;
}
