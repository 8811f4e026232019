/**
 * The short way for what nearly all values are: plain data, with Dates and a few odd primitives. One walk looks and writes
 * at once. At the first sign of anything else it gives up, and the exact way takes the value from the start: this one
 * never refuses, and never writes what that one would not.
 */
import { types } from 'node:util';
import type { Encoded } from '../codec.js';
import { isDisguised } from './kinds.js';
import { isoText } from './iso.js';
import { firstName, followingName, Lead } from './leads.js';
import { needsNoEscape } from './quote.js';
import { isDense } from './strays.js';
import { entryOf, tableOf } from './table.js';

/** Deeper values are left to the exact way, which knows how to speak about depth and cycles. */
const MAX_DEPTH = 100;

/** Longer lists of numbers are written by the engine. */
const FEW_NUMBERS = 8;

/*
 * One walk at a time: what it has in hand stands here rather than in an object, whose private members cost more than all the
 * rest of a small value. Code that is not ours runs in one place, `elementsOf`, which keeps all of it from other walks.
 */
/** Whether what has been written ends within a text, whose quote comes with whatever is next. */
let inText = false;
/** The table's text, a comma before each entry. */
let table = '';
/** How many characters there may still be, counted from below. */
let left = 0;
const path: (string | number)[] = [];

const NOTHING = new Lead('');
const FIRST = new Lead('[');
const FOLLOWING = new Lead(',');
const END_OF_OBJECT = new Lead('}');
const END_OF_ARRAY = new Lead(']');

/**
 * Adds what stands before a value, and the value, to what has been written, in few pieces, as each costs; null where it has to
 * go the exact way.
 */
function write(text: string, lead: Lead, value: unknown, depth: number): string | null {
  left -= 2;
  if (typeof value === 'string') return writeText(text, lead, value);
  if (typeof value === 'number') {
    if (value === 0 ? 1 / value > 0 : Number.isFinite(value)) return add(text, lead, `${value}`);
    return value === 0 ? addNoted(text, lead, '0', depth, '-0') : addNoted(text, lead, 'null', depth, String(value));
  }
  if (typeof value === 'object')
    return value === null ? add(text, lead, 'null') : writeObject(text, lead, value, depth);
  if (typeof value === 'boolean') return add(text, lead, value ? 'true' : 'false');
  return value === undefined ? addNoted(text, lead, 'null', depth, 'undefined') : null;
}

function writeText(text: string, lead: Lead, value: string): string | null {
  left -= value.length;
  if (left < 0) return null;
  if (!needsNoEscape(value)) return add(text, lead, JSON.stringify(value));
  const before = inText ? lead.betweenTexts : lead.text;
  inText = true;
  return text + before + value;
}

/** Adds what is no text without its quotes. */
function add(text: string, lead: Lead, piece: string): string {
  const before = inText ? lead.behindText : lead.plain;
  inText = false;
  return text + before + piece;
}

function writeObject(text: string, lead: Lead, value: object, depth: number): string | null {
  // A value that stands in many places is written as often: its size has to be watched as well.
  if (types.isProxy(value) || depth >= MAX_DEPTH || left < 0) return null;
  const prototype = Object.getPrototypeOf(value) as object | null;
  if (prototype === Object.prototype) return members(text, lead, value as Record<string, unknown>, depth);
  if (prototype === Array.prototype) return Array.isArray(value) ? bareElements(text, lead, value, depth) : null;
  if (prototype !== Date.prototype || !types.isDate(value) || Reflect.ownKeys(value).length > 0) return null;
  const iso = isoText(value);
  return addNoted(text, lead, iso === null ? 'null' : `"${iso}"`, depth, 'Date');
}

function members(before: string, lead: Lead, value: Record<string, unknown>, depth: number): string | null {
  let text: string | null = add(before, lead, '');
  let count = 0;
  // The fastest way by far to meet every member; what it meets too much or too little shows in their number.
  for (const key in value) {
    const property = Object.getOwnPropertyDescriptor(value, key);
    if (property === undefined || property.get !== undefined || property.set !== undefined) return null;
    path[depth] = key;
    left -= key.length;
    text = write(text, count === 0 ? firstName(key) : followingName(key), property.value, depth + 1);
    if (text === null) return null;
    count += 1;
  }
  if (Object.getOwnPropertyNames(value).length !== count || Object.getOwnPropertySymbols(value).length > 0) return null;
  if (count > 0) return add(text, END_OF_OBJECT, '');
  return isDisguised(value) ? null : add(text, NOTHING, '{}');
}

function bareElements(before: string, lead: Lead, value: readonly unknown[], depth: number): string | null {
  // Nothing but the elements and the length; a hole beside another property is met as an element that is not there.
  if (value.length * 2 > left || Reflect.ownKeys(value).length !== value.length + 1) return null;
  if (value.length > FEW_NUMBERS && typeof Object.getOwnPropertyDescriptor(value, 0)?.value === 'number') {
    const elements = elementsOf(value, depth);
    if (elements?.every(isPlainNumber)) return isDense(value) ? addNumbers(before, lead, elements) : null;
  }
  let text: string | null = add(before, lead, '');
  let at = 0;
  for (; at < value.length; at += 1) {
    const property = Object.getOwnPropertyDescriptor(value, at);
    if (property?.enumerable !== true || property.get !== undefined || property.set !== undefined) return null;
    path[depth] = at;
    text = write(text, at === 0 ? FIRST : FOLLOWING, property.value, depth + 1);
    if (text === null) return null;
  }
  // A getter further in may have taken away what was written.
  return endOfArray(text, at);
}

/**
 * The elements, each read once; null where a getter among them throws, which the exact way tells of. It may give something else
 * each time, and may have something encoded itself: a walk within this one.
 */
function elementsOf(value: readonly unknown[], depth: number): unknown[] | null {
  const wasInText = inText;
  const wasTable = table;
  const wasLeft = left;
  const place = path.slice(0, depth);
  try {
    const elements: unknown[] = [];
    // Not by its iterator: that may be anybody's.
    for (let at = 0; at < value.length; at += 1) elements[at] = value[at];
    return elements;
  } catch {
    return null;
  } finally {
    inText = wasInText;
    table = wasTable;
    left = wasLeft;
    for (let at = 0; at < depth; at += 1) path[at] = place[at] as string | number;
  }
}

function addNumbers(text: string, lead: Lead, numbers: readonly number[]): string {
  const piece = JSON.stringify(numbers);
  left -= piece.length;
  return add(text, lead, piece);
}

function endOfArray(text: string, length: number): string {
  return length === 0 ? add(text, NOTHING, '[]') : add(text, END_OF_ARRAY, '');
}

/** Adds what stands for a value that is more than JSON, and notes where. */
function addNoted(text: string, lead: Lead, piece: string, depth: number, tag: string): string | null {
  const entry = entryOf(path, depth, tag);
  table += entry;
  left -= entry.length;
  if (left < 0) return null;
  return add(text, lead, piece);
}

const isPlainNumber = (value: unknown): value is number => Number.isFinite(value) && !Object.is(value, -0);

function begin(limit: number): void {
  inText = false;
  table = '';
  left = limit;
}

function taken(text: string | null): Encoded | null {
  if (text === null) return null;
  return { text: inText ? `${text}"` : text, types: tableOf(table) };
}

/** What `encode` makes of a value, where that is plain to see; null where it is not, or may be more than `limit` bytes. */
export function plainText(value: unknown, limit: number): Encoded | null {
  begin(limit);
  return taken(write('', NOTHING, value, 0));
}

/** The same for a member `name` of something larger, which the pointers say, behind the text `before`. */
export function plainMember(before: string, name: string, value: unknown, limit: number): Encoded | null {
  begin(limit);
  path[0] = name;
  return taken(write(before, NOTHING, value, 1));
}

/** The same for a list that we have made ourselves and nobody else has: nothing hides in it. */
export function plainListMember(before: string, name: string, list: readonly unknown[], limit: number): Encoded | null {
  begin(limit);
  path[0] = name;
  let text: string | null = before;
  for (let at = 0; at < list.length; at += 1) {
    path[1] = at;
    text = write(text, at === 0 ? FIRST : FOLLOWING, list[at], 2);
    if (text === null) return null;
  }
  return taken(endOfArray(text, list.length));
}
