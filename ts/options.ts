/** Options are checked once, where they come in. */
import { SmallTalkError } from './errors.js';

/** A range for a number. */
export interface Range {
  min: number;
  max: number;
  integer?: boolean;
}

/** A number option: TypeError for what is no number, `ERR_OPTION_INVALID` outside of its range. */
export function numberOption(name: string, value: unknown, fallback: number, range: Range): number {
  if (value === undefined) return fallback;
  if (typeof value !== 'number') throw new TypeError(`${name} must be a number`);
  const fits = value >= range.min && value <= range.max && (range.integer !== true || Number.isInteger(value));
  if (fits) return value;
  const kind = range.integer === true ? 'an integer' : 'a number';
  throw new SmallTalkError('ERR_OPTION_INVALID', `${name} must be ${kind} from ${range.min} to ${range.max}`);
}

/** How long an answer may take, in milliseconds. */
export function timeoutOption(value: unknown): number {
  return numberOption('timeoutMs', value, 30_000, { min: 1, max: 2 ** 31 - 1 });
}

/** One of several words: TypeError for what is no text, `ERR_OPTION_INVALID` for another word. */
export function wordOption<T extends string>(name: string, value: unknown, fallback: T, words: readonly T[]): T {
  if (value === undefined) return fallback;
  if (typeof value !== 'string') throw new TypeError(`${name} must be a string`);
  if ((words as readonly string[]).includes(value)) return value as T;
  throw new SmallTalkError('ERR_OPTION_INVALID', `${name} must be one of ${words.join(', ')}`);
}

/** A yes or no: TypeError for anything else. */
export function flagOption(name: string, value: unknown, fallback: boolean): boolean {
  if (value === undefined) return fallback;
  if (typeof value !== 'boolean') throw new TypeError(`${name} must be a boolean`);
  return value;
}

/** A path: TypeError for what is no text, `ERR_OPTION_INVALID` for what can name no file. */
export function pathOption(name: string, value: unknown, fallback: string): string {
  if (value === undefined) return fallback;
  if (typeof value !== 'string') throw new TypeError(`${name} must be a string`);
  if (value === '' || value.includes('\0')) throw new SmallTalkError('ERR_OPTION_INVALID', `${name} is no path`);
  return value;
}

/** The options that there are, each by its name. */
export type Known<T> = Readonly<Record<keyof T, unknown>>;

/** The same without some of them. */
export function knownWithout<T, K extends keyof T & string>(known: Known<T>, names: readonly K[]): Known<Omit<T, K>> {
  const left = Object.entries(known).filter(([name]) => !(names as readonly string[]).includes(name));
  return Object.fromEntries(left) as Known<Omit<T, K>>;
}

/** An options object: TypeError for anything else, and for an option that is not among those `known`. */
export function optionsObject<T extends object>(name: string, value: T | undefined, known?: Known<T>): Partial<T> {
  if (value === undefined) return {};
  if (typeof value !== 'object' || (value as unknown) === null) throw new TypeError(`${name} must be an object`);
  if (known !== undefined) refuseUnknown(name, value, known);
  return value;
}

/** An option with another name than ours would go unheard, and what it was meant for to its default. */
function refuseUnknown<T extends object>(name: string, value: T, known: Known<T>): void {
  for (const [key, given] of Object.entries(value)) {
    if (given === undefined || Object.hasOwn(known, key)) continue;
    throw new TypeError(`${name} has no member "${key}"; it can have ${Object.keys(known).join(', ')}`);
  }
}

/** A list of names: TypeError for anything else. */
export function namesOption(name: string, value: unknown, fallback: readonly string[]): readonly string[] {
  if (value === undefined) return fallback;
  const names: readonly unknown[] | null = Array.isArray(value) ? value : null;
  if (names?.every((member) => typeof member === 'string') === true) return names;
  throw new TypeError(`${name} must be an array of strings`);
}

/** What ends something: TypeError for what is no AbortSignal. */
export function signalOption(value: unknown): AbortSignal | undefined {
  // By what it can do: a signal may be of another realm.
  const { throwIfAborted, addEventListener } = (value ?? {}) as Partial<AbortSignal>;
  const isSignal = typeof throwIfAborted === 'function' && typeof addEventListener === 'function';
  if (value === undefined || isSignal) return value as AbortSignal | undefined;
  throw new TypeError('signal must be an AbortSignal');
}

/** Somebody who is to hear of something: TypeError for what cannot be called. */
export function callbackOption<F>(name: string, value: F | undefined): F | undefined {
  if (value === undefined || typeof value === 'function') return value;
  throw new TypeError(`${name} must be a function`);
}
