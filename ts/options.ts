/** Options are checked once, where they come in. */
import { types } from 'node:util';

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

/** The options that there are, each by its name; `METHOD` for one that is called. */
export type Known<T> = Readonly<Record<keyof T, unknown>>;

/** The same options without some of them. */
export function knownWithout<T, K extends keyof T & string>(known: Known<T>, names: readonly K[]): Known<Omit<T, K>> {
  const left = Object.entries(known).filter(([name]) => !(names as readonly string[]).includes(name));
  return Object.fromEntries(left) as Known<Omit<T, K>>;
}

/** An option that is called as a method of the options that it came with, wherever they are handed on to. */
export const METHOD = Symbol('method');

/**
 * An options object: TypeError for anything else, and for an option that is not among those `known`. Of these it gives a
 * plain object of those that are given, inherited ones too: the getters and methods of a class are no members of a copy.
 */
export function optionsObject<T extends object>(name: string, value: T | undefined, known?: Known<T>): Partial<T> {
  if (value === undefined) return {};
  if (typeof value !== 'object' || (value as unknown) === null) throw new TypeError(`${name} must be an object`);
  refuseStranger(name, value);
  if (known === undefined) return value;
  refuseUnknown(name, value, known);
  return read(value, known);
}

const STRANGERS: readonly ((value: unknown) => boolean)[] = [
  ...[Array.isArray, types.isMap, types.isSet, types.isDate, types.isNativeError, types.isBoxedPrimitive],
  ...[types.isAnyArrayBuffer, (value: unknown): boolean => ArrayBuffer.isView(value)],
  (value) => value instanceof AbortSignal,
  (value) => Object.prototype.toString.call(value) === '[object URL]',
];

/** Whether it is a collection, bytes or something of the kind, which options never are. */
export const isStranger = (value: unknown): boolean => STRANGERS.some((is) => is(value));

/** What is handed over by mistake has no members of its own, and would pass for options of which none is given. */
function refuseStranger(name: string, value: object): void {
  // What most are: a literal has no other members than its own.
  if (Object.getPrototypeOf(value) === Object.prototype) return;
  if (typeof (value as { then?: unknown }).then === 'function')
    throw new TypeError(`${name} must be an object of options, and is a promise of something: await that`);
  if (isStranger(value))
    throw new TypeError(`${name} must be an object of options, and is ${Object.prototype.toString.call(value)}`);
}

/** An option with another name than ours would go unheard, and what it was meant for to its default. */
function refuseUnknown<T extends object>(name: string, value: T, known: Known<T>): void {
  for (const key of Object.keys(value)) {
    if (Object.hasOwn(known, key) || value[key as keyof T] === undefined) continue;
    throw new TypeError(`${name} has no member "${key}"; it can have ${Object.keys(known).join(', ')}`);
  }
}

/** Each is asked for once: a getter may give something else the next time. */
function read<T extends object>(value: T, known: Known<T>): Partial<T> {
  const given: Partial<T> = {};
  for (const key of Object.keys(known) as (keyof T)[]) {
    const option = value[key];
    if (option === undefined) continue;
    given[key] = known[key] === METHOD && typeof option === 'function' ? (option.bind(value) as typeof option) : option;
  }
  return given;
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
  const { throwIfAborted, addEventListener, removeEventListener } = (value ?? {}) as Partial<AbortSignal>;
  const isSignal = [throwIfAborted, addEventListener, removeEventListener].every((can) => typeof can === 'function');
  if (value === undefined || isSignal) return value as AbortSignal | undefined;
  throw new TypeError('signal must be an AbortSignal');
}

/** Somebody who is to hear of something: TypeError for what cannot be called. */
export function callbackOption<F>(name: string, value: F | undefined): F | undefined {
  if (value === undefined || typeof value === 'function') return value;
  throw new TypeError(`${name} must be a function`);
}

/** Those of the methods that it lacks, each as it is called. */
export function lackingMethods(value: unknown, names: readonly string[]): string[] {
  const members = value as Readonly<Record<string, unknown>> | null | undefined;
  return names.filter((name) => typeof members?.[name] !== 'function').map((name) => `${name}()`);
}

/** A log, of which these methods are called: TypeError for what lacks one. */
export function logOption<T>(value: T | undefined, methods: readonly string[]): T | undefined {
  const lacking = value === undefined ? [] : lackingMethods(value, methods);
  if (lacking.length === 0) return value;
  throw new TypeError(`log must have the methods of an EventReplayStorage, and lacks ${lacking.join(', ')}`);
}
