/** Whether a value is still what its record says. */
import { types } from 'node:util';
import { isDisguised } from './kinds.js';
import { timeOf } from './originals.js';
import { ARRAY, DATE, END, isMinusZero, OBJECT, type Slots } from './record.js';

/** What differs. */
const NO = -1;

/**
 * Whether a living value is as it was when the record was made: every member, its kind, and the order. What has no place
 * in the text is no difference: an accessor that gives just what is stored, a member named by a symbol, a property of a Date,
 * a hidden one of an array, whose names take hundreds of times as long to be listed as its elements do to be counted.
 */
export function isAsRecorded(value: unknown, slots: Slots): boolean {
  return typeof value === 'object' && value !== null && compare(value, slots, 0) === slots.length;
}

function compare(value: object, slots: Slots, at: number): number {
  if (types.isProxy(value)) return NO;
  const prototype = Object.getPrototypeOf(value) as object | null;
  switch (slots[at]) {
    case OBJECT:
      return prototype === Object.prototype ? compareMembers(value as Record<string, unknown>, slots, at + 1) : NO;
    case ARRAY:
      return prototype === Array.prototype && Array.isArray(value) ? compareElements(value, slots, at + 1) : NO;
    case DATE: {
      const isDate = prototype === Date.prototype && types.isDate(value);
      // An invalid Date is as another one.
      return isDate && Object.is(timeOf(value), slots[at + 1]) ? at + 2 : NO;
    }
    default:
      return NO;
  }
}

function compareMembers(value: Record<string, unknown>, slots: Slots, start: number): number {
  let at = start;
  let members = 0;
  for (const key in value) {
    if (slots[at] !== key) return NO;
    at = compareOne(value[key], slots, at + 1);
    if (at === NO) return NO;
    members += 1;
  }
  if (slots[at] !== END || Object.getOwnPropertyNames(value).length !== members) return NO;
  return members === 0 && isDisguised(value) ? NO : at + 1;
}

function compareElements(value: readonly unknown[], slots: Slots, start: number): number {
  let at = start;
  for (let index = 0; index < value.length; index += 1) {
    at = compareOne(value[index], slots, at);
    if (at === NO) return NO;
  }
  return slots[at] === END && Object.keys(value).length === value.length ? at + 1 : NO;
}

function compareOne(value: unknown, slots: Slots, at: number): number {
  if (typeof value === 'object' && value !== null) return compare(value, slots, at);
  return value === slots[at] && !(typeof value === 'number' && isMinusZero(value)) ? at + 1 : NO;
}
