/**
 * The short way for what nearly all values are: plain data, with Dates and a few odd primitives. One walk looks and writes
 * at once. At the first sign of anything else it gives up, and the exact way takes the value from the start: this one
 * never refuses, and never writes what that one would not.
 */
import { types } from 'node:util';
import type { Encoded } from '../codec.js';
import { isDisguised } from './kinds.js';
import { isoText } from './originals.js';
import { toPointer } from './pointer.js';
import { firstName, followingName, quoted } from './quote.js';

/** Deeper values are left to the exact way, which knows how to speak about depth and cycles. */
const MAX_DEPTH = 100;

/** Longer lists of numbers are written by the engine. */
const FEW_NUMBERS = 8;

/** One walk; its texts are null where the value has to go the exact way. */
class PlainWriter {
  /** The table's text, a comma before each entry. */
  #table = '';
  /** How many characters there may still be, counted from below. */
  #left = 0;
  readonly #path: (string | number)[] = [];

  text(value: unknown, limit: number): Encoded | null {
    this.#table = '';
    this.#left = limit;
    const text = this.#write(value, 0);
    return text === null ? null : { text, types: this.#table === '' ? null : `{${this.#table.slice(1)}}` };
  }

  #write(value: unknown, depth: number): string | null {
    this.#left -= 2;
    switch (typeof value) {
      case 'string':
        this.#left -= value.length;
        return this.#left < 0 ? null : quoted(value);
      case 'number':
        return this.#number(value, depth);
      case 'boolean':
        return value ? 'true' : 'false';
      case 'undefined':
        return this.#note(depth, 'undefined', 'null');
      case 'object':
        return value === null ? 'null' : this.#object(value, depth);
      default:
        return null;
    }
  }

  #number(value: number, depth: number): string {
    if (value === 0 ? 1 / value > 0 : Number.isFinite(value)) return `${value}`;
    return value === 0 ? this.#note(depth, '-0', '0') : this.#note(depth, String(value), 'null');
  }

  #object(value: object, depth: number): string | null {
    // A value that stands in many places is written as often: its size has to be watched as well.
    if (types.isProxy(value) || depth >= MAX_DEPTH || this.#left < 0) return null;
    const prototype = Object.getPrototypeOf(value) as object | null;
    if (prototype === Object.prototype) return this.#members(value as Record<string, unknown>, depth);
    if (prototype === Array.prototype) return Array.isArray(value) ? this.#elements(value, depth) : null;
    if (prototype !== Date.prototype || !types.isDate(value) || Reflect.ownKeys(value).length > 0) return null;
    const text = isoText(value);
    return this.#note(depth, 'Date', text === null ? 'null' : `"${text}"`);
  }

  #members(value: Record<string, unknown>, depth: number): string | null {
    let text = '';
    let members = 0;
    // The fastest way by far to meet every member; what it meets too much or too little shows in their number.
    for (const key in value) {
      const property = Object.getOwnPropertyDescriptor(value, key);
      if (property === undefined || property.get !== undefined || property.set !== undefined) return null;
      this.#path[depth] = key;
      const member = this.#write(property.value, depth + 1);
      if (member === null) return null;
      text += (members === 0 ? firstName(key) : followingName(key)) + member;
      members += 1;
    }
    if (Object.getOwnPropertyNames(value).length !== members || Object.getOwnPropertySymbols(value).length > 0)
      return null;
    if (members > 0) return `${text}}`;
    return isDisguised(value) ? null : '{}';
  }

  #elements(value: readonly unknown[], depth: number): string | null {
    // Nothing but the elements and the length; a hole beside another property is met as an element that is not there.
    if (value.length * 2 > this.#left || Reflect.ownKeys(value).length !== value.length + 1) return null;
    if (value.length > FEW_NUMBERS && value.every(isPlainNumber)) {
      return Object.keys(value).length === value.length ? JSON.stringify(value) : null;
    }
    let text = '';
    for (let at = 0; at < value.length; at += 1) {
      const property = Object.getOwnPropertyDescriptor(value, at);
      if (property?.enumerable !== true || property.get !== undefined || property.set !== undefined) return null;
      this.#path[depth] = at;
      const written = this.#write(property.value, depth + 1);
      if (written === null) return null;
      text += at === 0 ? written : `,${written}`;
    }
    return `[${text}]`;
  }

  #note(depth: number, tag: string, text: string): string {
    const pointer = toPointer(this.#path.slice(0, depth));
    this.#table += `,${JSON.stringify(pointer)}:"${tag}"`;
    this.#left -= pointer.length + tag.length;
    return text;
  }
}

const isPlainNumber = (value: unknown): boolean => Number.isFinite(value) && !Object.is(value, -0);

/** What `encode` makes of a value, where that is plain to see; null where it is not, or may be more than `limit` bytes. */
export function plainText(value: unknown, limit: number): Encoded | null {
  return writer.text(value, limit);
}

/** One for all: no code of the program's runs in a walk, and with the last instance goes what the engine has compiled. */
const writer = new PlainWriter();
