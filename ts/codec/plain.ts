/**
 * The short way for what nearly all values are: plain data, with Dates and a few odd primitives. One walk looks and writes
 * at once. At the first sign of anything else it gives up, and the exact way takes the value from the start: this one
 * never refuses, and never writes what that one would not.
 */
import { types } from 'node:util';
import type { Encoded } from '../codec.js';
import { isDisguised } from './kinds.js';
import { isoText } from './iso.js';
import { firstName, followingName, quoted } from './quote.js';
import { isDense } from './strays.js';
import { entryOf, tableOf } from './table.js';

/** Deeper values are left to the exact way, which knows how to speak about depth and cycles. */
const MAX_DEPTH = 100;

/** Longer lists of numbers are written by the engine. */
const FEW_NUMBERS = 8;

/*
 * One walk at a time, and no code but ours runs within one: what it has in hand stands here rather than in an object,
 * whose private members cost more than all the rest of a small value.
 */
/** The table's text, a comma before each entry. */
let table = '';
/** How many characters there may still be, counted from below. */
let left = 0;
const path: (string | number)[] = [];

/** The text of a value; null where it has to go the exact way. */
function write(value: unknown, depth: number): string | null {
  left -= 2;
  if (typeof value === 'string') {
    left -= value.length;
    return left < 0 ? null : quoted(value);
  }
  if (typeof value === 'number') {
    if (value === 0 ? 1 / value > 0 : Number.isFinite(value)) return `${value}`;
    return value === 0 ? note(depth, '-0', '0') : note(depth, String(value), 'null');
  }
  if (typeof value === 'object') return value === null ? 'null' : writeObject(value, depth);
  if (typeof value === 'boolean') return value ? 'true' : 'false';
  return value === undefined ? note(depth, 'undefined', 'null') : null;
}

function writeObject(value: object, depth: number): string | null {
  // A value that stands in many places is written as often: its size has to be watched as well.
  if (types.isProxy(value) || depth >= MAX_DEPTH || left < 0) return null;
  const prototype = Object.getPrototypeOf(value) as object | null;
  if (prototype === Object.prototype) return members(value as Record<string, unknown>, depth);
  if (prototype === Array.prototype) return Array.isArray(value) ? bareElements(value, depth) : null;
  if (prototype !== Date.prototype || !types.isDate(value) || Reflect.ownKeys(value).length > 0) return null;
  const text = isoText(value);
  return note(depth, 'Date', text === null ? 'null' : `"${text}"`);
}

function members(value: Record<string, unknown>, depth: number): string | null {
  let text = '';
  let count = 0;
  // The fastest way by far to meet every member; what it meets too much or too little shows in their number.
  for (const key in value) {
    const property = Object.getOwnPropertyDescriptor(value, key);
    if (property === undefined || property.get !== undefined || property.set !== undefined) return null;
    path[depth] = key;
    const member = write(property.value, depth + 1);
    if (member === null) return null;
    text += (count === 0 ? firstName(key) : followingName(key)) + member;
    count += 1;
  }
  if (Object.getOwnPropertyNames(value).length !== count || Object.getOwnPropertySymbols(value).length > 0) return null;
  if (count > 0) return `${text}}`;
  return isDisguised(value) ? null : '{}';
}

function bareElements(value: readonly unknown[], depth: number): string | null {
  // Nothing but the elements and the length; a hole beside another property is met as an element that is not there.
  if (value.length * 2 > left || Reflect.ownKeys(value).length !== value.length + 1) return null;
  if (value.length > FEW_NUMBERS && value.every(isPlainNumber)) {
    return isDense(value) ? JSON.stringify(value) : null;
  }
  let text = '';
  for (let at = 0; at < value.length; at += 1) {
    const property = Object.getOwnPropertyDescriptor(value, at);
    if (property?.enumerable !== true || property.get !== undefined || property.set !== undefined) return null;
    path[depth] = at;
    const written = write(property.value, depth + 1);
    if (written === null) return null;
    text += at === 0 ? written : `,${written}`;
  }
  return `[${text}]`;
}

function note(depth: number, tag: string, text: string): string {
  const entry = entryOf(path, depth, tag);
  table += entry;
  left -= entry.length;
  return text;
}

const isPlainNumber = (value: unknown): boolean => Number.isFinite(value) && !Object.is(value, -0);

/** What `encode` makes of a value, where that is plain to see; null where it is not, or may be more than `limit` bytes. */
export function plainText(value: unknown, limit: number): Encoded | null {
  table = '';
  left = limit;
  return taken(write(value, 0));
}

/** The same for a member `name` of something larger, which the pointers say. */
export function plainMember(name: string, value: unknown, limit: number): Encoded | null {
  table = '';
  left = limit;
  path[0] = name;
  return taken(write(value, 1));
}

/** The same for a list that we have made ourselves and nobody else has: nothing hides in it. */
export function plainListMember(name: string, list: readonly unknown[], limit: number): Encoded | null {
  table = '';
  left = limit;
  path[0] = name;
  let text = '';
  for (let at = 0; at < list.length; at += 1) {
    path[1] = at;
    const written = write(list[at], 2);
    if (written === null) return null;
    text += at === 0 ? written : `,${written}`;
  }
  return taken(`[${text}]`);
}

function taken(text: string | null): Encoded | null {
  if (text === null) return null;
  return { text, types: tableOf(table) };
}
