/** The record of what was decoded a moment ago and nobody has had in hand: it cannot hide anything from a plain walk. */
import { timeOf } from './originals.js';
import { ARRAY, DATE, END, isPlain, OBJECT, type Slots } from './record.js';

/** The record of a decoded object; null where it is more than plain JSON and Dates. */
export function recordOfParsed(value: unknown): Slots | null {
  const slots: unknown[] = [];
  return typeof value === 'object' && value !== null && layOut(value, slots) ? slots : null;
}

/** No proxies, accessors or symbols come out of a decoder, and its kinds are told by their prototypes alone. */
function layOut(value: object, slots: unknown[]): boolean {
  const prototype = Object.getPrototypeOf(value) as object | null;
  if (prototype === Object.prototype) return layOutMembers(value as Record<string, unknown>, slots);
  if (prototype === Array.prototype) return layOutElements(value as unknown[], slots);
  if (prototype !== Date.prototype) return false;
  slots.push(DATE, timeOf(value as Date));
  return true;
}

function layOutMembers(value: Record<string, unknown>, slots: unknown[]): boolean {
  slots.push(OBJECT);
  for (const key in value) {
    slots.push(key);
    if (!layOutOne(value[key], slots)) return false;
  }
  slots.push(END);
  return true;
}

function layOutElements(value: readonly unknown[], slots: unknown[]): boolean {
  slots.push(ARRAY);
  // By index: a hole gives undefined, which is not plain.
  for (let index = 0; index < value.length; index += 1) if (!layOutOne(value[index], slots)) return false;
  slots.push(END);
  return true;
}

function layOutOne(value: unknown, slots: unknown[]): boolean {
  if (typeof value === 'object' && value !== null) return layOut(value, slots);
  if (!isPlain(value)) return false;
  slots.push(value);
  return true;
}
