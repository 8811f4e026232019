/**
 * What a record that was made in haste has overlooked: accessors, symbols, properties of Dates. The value may have changed since;
 * only where it still has what is in the record is anything looked for, so that nothing that came later is taken for it.
 */
import { types } from 'node:util';
import { ARRAY, DATE, END, OBJECT, type Slots } from './record.js';
import { strayName, strayOfArray, straySymbol } from './strays.js';

/** Something that must not be stored, and where. */
export interface Overlooked {
  what: string;
  path: (string | number)[];
}

/** Something was found. */
const FOUND = -1;

/** Looks at a value of which a hasty record was made; null where nothing was overlooked. Runs no code of the value's. */
export function overlookedIn(value: unknown, slots: Slots): Overlooked | null {
  const search: Search = { slots, found: null };
  look(value, search, 0);
  return search.found;
}

interface Search {
  readonly slots: Slots;
  found: Overlooked | null;
}

/** Gives the place behind the value whose record begins at a place. */
function look(value: unknown, search: Search, at: number): number {
  const { slots } = search;
  const slot = slots[at];
  if (typeof slot !== 'symbol') return at + 1;
  if (typeof value !== 'object' || value === null || types.isProxy(value)) return behind(slots, at);
  const prototype = Object.getPrototypeOf(value) as object | null;
  if (slot === OBJECT && prototype === Object.prototype) return lookAtMembers(value, search, at + 1);
  if (slot === ARRAY && prototype === Array.prototype && Array.isArray(value)) {
    return lookAtElements(value, search, at + 1);
  }
  if (slot === DATE && prototype === Date.prototype && types.isDate(value)) {
    if (note(strayName(value, 0), BUILT_IN, search) || note(straySymbol(value), SYMBOL, search)) return FOUND;
  }
  return behind(slots, at);
}

const SYMBOL = 'a property named by a symbol';
const BUILT_IN = 'a property of its own on a built-in object';
const NAMED = 'a named property of an array';
const HIDDEN = 'a property that is not enumerable';

function lookAtMembers(value: object, search: Search, start: number): number {
  const { slots } = search;
  let at = start;
  while (slots[at] !== END) {
    at = lookAtOne(value, slots[at] as string, search, at + 1);
    if (at === FOUND) return FOUND;
  }
  return note(straySymbol(value), SYMBOL, search) ? FOUND : at + 1;
}

function lookAtElements(value: readonly unknown[], search: Search, start: number): number {
  const { slots } = search;
  let at = start;
  let index = 0;
  for (; slots[at] !== END; index += 1) {
    // A getter that gives a number is run and stored.
    at = typeof slots[at] === 'number' ? at + 1 : lookAtOne(value, index, search, at);
    if (at === FOUND) return FOUND;
  }
  const sameLength = value.length === index;
  if (sameLength && Object.getOwnPropertyNames(value).length !== index + 1) {
    if (note(strayOfArray(value), NAMED, search)) return FOUND;
  }
  return note(straySymbol(value), SYMBOL, search) ? FOUND : at + 1;
}

/** Looks at a member whose record begins at a place. */
function lookAtOne(holder: object, key: string | number, search: Search, at: number): number {
  const property = Object.getOwnPropertyDescriptor(holder, key);
  if (property === undefined) {
    // It has gone since, or was inherited: then one that is hidden has made up the number.
    return key in holder && note(hiddenIn(holder), HIDDEN, search) ? FOUND : behind(search.slots, at);
  }
  if (property.get !== undefined || property.set !== undefined) return found(key, 'an accessor', search);
  if (property.enumerable !== true) return found(key, HIDDEN, search);
  const next = look(property.value, search, at);
  if (next === FOUND) search.found?.path.unshift(key);
  return next;
}

function hiddenIn(holder: object): string | undefined {
  return Object.getOwnPropertyNames(holder).find(
    (name) => Object.getOwnPropertyDescriptor(holder, name)?.enumerable === false,
  );
}

function found(key: string | number, what: string, search: Search): number {
  search.found = { what, path: [key] };
  return FOUND;
}

/** Whether there is such a property. */
function note(key: string | undefined, what: string, search: Search): boolean {
  return key !== undefined && found(key, what, search) === FOUND;
}

/** The place behind a value whose record begins at a place. */
function behind(slots: Slots, start: number): number {
  let at = start;
  let depth = 0;
  do {
    const slot = slots[at];
    if (slot === OBJECT || slot === ARRAY) depth += 1;
    else if (slot === END) depth -= 1;
    else if (slot === DATE) at += 1;
    at += 1;
  } while (depth > 0);
  return at;
}
