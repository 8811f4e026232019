/** What of a session stores look at themselves, read without running the program's code. */
import { constants } from 'node:buffer';
import { types } from 'node:util';
import { SmallTalkError } from '../errors.js';
import type { ChatMessage, ChatSession } from '../types.js';
import { unsupported } from './failures.js';
import { kindOf } from './kinds.js';
import { timeOf } from './originals.js';
import { isDense } from './strays.js';

/** Milliseconds since the epoch. */
export interface SessionTimes {
  createdAt: number;
  updatedAt: number;
}

/** The members of a session that are more to a store than contents. */
export interface SessionShape extends SessionTimes {
  messages: ChatMessage[];
}

/** Throws a TypeError where it is no session, `ERR_VALUE_UNSUPPORTED` where one could not come back as it is. */
export function sessionShape(session: ChatSession, lenient: boolean): SessionShape {
  if (typeof session !== 'object' || (session as unknown) === null) throw new TypeError('session must be an object');
  if (!lenient) refuseKind(session, '');
  const messages = member(session, 'messages', lenient);
  if (!Array.isArray(messages)) throw new TypeError('session.messages must be an array');
  return { messages: listed(messages, lenient), ...sessionTimes(session, lenient) };
}

/** Messages as an array of nothing else. Throws `ERR_VALUE_UNSUPPORTED` where it could not come back as it is. */
export function listed(messages: readonly unknown[], lenient: boolean): ChatMessage[] {
  if (!lenient) refuseKind(messages, '/messages');
  return elements(messages, lenient) as ChatMessage[];
}

/** The times of a session. Throws a TypeError where they are no valid Dates. */
export function sessionTimes(session: ChatSession, lenient: boolean): SessionTimes {
  return {
    createdAt: time('createdAt', member(session, 'createdAt', lenient)),
    updatedAt: time('updatedAt', member(session, 'updatedAt', lenient)),
  };
}

/** Whether `JSON.stringify` would ask the session itself. Throws `ERR_VALUE_UNSUPPORTED` where that cannot be told. */
export function hasToJson(session: ChatSession): boolean {
  return typeof member(session, 'toJSON', true) === 'function';
}

/**
 * The messages of a session where that takes no code of the program's and nothing is odd: the array itself. null where
 * `sessionShape` has to look closer.
 */
export function plainMessages(session: ChatSession): readonly unknown[] | null {
  if (typeof session !== 'object' || (session as unknown) === null || types.isProxy(session)) return null;
  if (Object.getPrototypeOf(session) !== Object.prototype) return null;
  const messages: unknown = Object.getOwnPropertyDescriptor(session, 'messages')?.value;
  if (!Array.isArray(messages) || types.isProxy(messages)) return null;
  return Object.getPrototypeOf(messages) === Array.prototype && isDense(messages) ? messages : null;
}

function refuseKind(value: object, path: string): void {
  const kind = kindOf(value);
  if (typeof kind !== 'object') return;
  // A wrong type of argument, not a value of a kind that cannot be stored.
  if (types.isPromise(value))
    throw new TypeError('session must be an object, and is a promise of something: await that');
  throw unsupported(kind.refused, path);
}

function member(holder: object, key: string, lenient: boolean): unknown {
  const path = `/${key}`;
  if (lenient) return run(() => Reflect.get(holder, key) as unknown, path);
  const property = Object.getOwnPropertyDescriptor(holder, key);
  if (property?.get !== undefined || property?.set !== undefined) throw unsupported('an accessor', path);
  return property?.value;
}

/** In longer lists properties that are no elements are looked for among the enumerable ones only: the others cost too much. */
const LISTED_INDICES = 1_000;

function elements(messages: readonly unknown[], lenient: boolean): unknown[] {
  const names = run(namesIn.bind(null, messages), '/messages');
  if (names !== messages.length || Object.getOwnPropertySymbols(messages).length > 0) throw noList();
  const all: unknown[] = [];
  for (let at = 0; at < messages.length; at += 1) all.push(elementOf(messages, at, lenient));
  return all;
}

/** One of the messages. Throws `ERR_VALUE_UNSUPPORTED` where none is there, or, if that is refused, where code gives it. */
export function elementOf(messages: readonly unknown[], at: number, lenient: boolean): unknown {
  const element = Object.getOwnPropertyDescriptor(messages, at);
  // A hole beside a name has the right count.
  if (element === undefined) throw noList();
  if (element.get === undefined && element.set === undefined) return element.value;
  if (!lenient) throw unsupported('an accessor', `/messages/${at}`);
  return run(() => messages[at], `/messages/${at}`);
}

const noList = (): Error => unsupported('an array with holes or named properties', '/messages');

function namesIn(messages: readonly unknown[]): number {
  if (messages.length > LISTED_INDICES) return Object.keys(messages).length;
  return Object.getOwnPropertyNames(messages).length - 1;
}

/** Runs what may be the program's own code. */
function run<T>(read: () => T, path: string): T {
  try {
    return read();
  } catch (cause) {
    throw unsupported('something that threw when it was read', path, cause);
  }
}

function time(name: string, date: unknown): number {
  const at = types.isDate(date) ? timeOf(date) : NaN;
  if (Number.isNaN(at)) throw new TypeError(`session.${name} must be a valid Date`);
  return at;
}

/** The longest text that there is, and that crosses at once, in UTF-16 units: about 512 MB. */
export const LONGEST_TEXT = constants.MAX_STRING_LENGTH;

/** What is put around lines that are read as a list. */
const BRACKETS = 2;

/** Throws `ERR_VALUE_TOO_LARGE` where lines of so many characters together could not be kept, and read again, as one text. */
export function refuseLongerLines(characters: number): void {
  if (characters + BRACKETS <= LONGEST_TEXT) return;
  throw new SmallTalkError(
    'ERR_VALUE_TOO_LARGE',
    `a session is kept as one text: at most ${LONGEST_TEXT} characters, this one would have ${characters + BRACKETS}`,
  );
}

/**
 * Lines as one text; `beside` characters go with them on their own. Throws `ERR_VALUE_TOO_LARGE` where the engine would have
 * no text as long as all of it.
 */
export function joined(lines: readonly string[], beside = 0, longest: number = LONGEST_TEXT): string {
  const length = lines.reduce((sum, line) => sum + line.length + 1, beside);
  if (length <= longest) return lines.join('\n');
  throw new SmallTalkError(
    'ERR_VALUE_TOO_LARGE',
    `one save takes at most ${longest} characters of messages as JSON, these have ${length}`,
  );
}

/** So many lines are joined at a time. */
const TOGETHER = 32;

/**
 * Lines on their way to one text. A few are joined as soon as they are there: while all of a large session's waited for it,
 * the engine would move them to and fro, and have none of them at hand any more.
 */
export class LineJoiner {
  readonly #joined: string[] = [];
  #lines: string[] = [];

  add(line: string): void {
    this.#lines.push(line);
    if (this.#lines.length === TOGETHER) this.#join();
  }

  /** All of them. Throws `ERR_VALUE_TOO_LARGE` where the engine has no text that long. */
  text(): string {
    if (this.#lines.length > 0) this.#join();
    return joined(this.#joined, BRACKETS);
  }

  #join(): void {
    this.#joined.push(joined(this.#lines));
    this.#lines = [];
  }
}
