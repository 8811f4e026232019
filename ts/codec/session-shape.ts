/** What of a session stores look at themselves, read without running the program's code. */
import { constants } from 'node:buffer';
import { types } from 'node:util';
import { SmallTalkError } from '../errors.js';
import type { ChatMessage, ChatSession } from '../types.js';
import { unsupported } from './failures.js';
import { kindOf } from './kinds.js';
import { timeOf } from './originals.js';

/** The members of a session that are more to a store than contents. */
export interface SessionShape {
  messages: ChatMessage[];
  createdAt: number;
  updatedAt: number;
}

/** Throws a TypeError where it is no session, `ERR_VALUE_UNSUPPORTED` where one could not come back as it is. */
export function sessionShape(session: ChatSession, lenient: boolean): SessionShape {
  if (typeof session !== 'object' || (session as unknown) === null) throw new TypeError('session must be an object');
  if (!lenient) refuseKind(session, '');
  const messages = member(session, 'messages', lenient);
  if (!Array.isArray(messages)) throw new TypeError('session.messages must be an array');
  if (!lenient) refuseKind(messages, '/messages');
  return {
    messages: elements(messages, lenient) as ChatMessage[],
    createdAt: time('createdAt', member(session, 'createdAt', lenient)),
    updatedAt: time('updatedAt', member(session, 'updatedAt', lenient)),
  };
}

function refuseKind(value: object, path: string): void {
  const kind = kindOf(value);
  if (typeof kind === 'object') throw unsupported(kind.refused, path);
}

function member(holder: object, key: string, lenient: boolean): unknown {
  const path = `/${key}`;
  if (lenient) return run(() => Reflect.get(holder, key) as unknown, path);
  const property = Object.getOwnPropertyDescriptor(holder, key);
  if (property?.get !== undefined || property?.set !== undefined) throw unsupported('an accessor', path);
  return property?.value;
}

function elements(messages: unknown[], lenient: boolean): unknown[] {
  const names = run(() => Object.getOwnPropertyNames(messages).length, '/messages');
  const stray = names !== messages.length + 1 || Object.getOwnPropertySymbols(messages).length > 0;
  if (stray) throw unsupported('an array with holes or named properties', '/messages');
  return Array.from({ length: messages.length }, (_, at) => {
    const element = Object.getOwnPropertyDescriptor(messages, at);
    if (lenient) return run(() => messages[at], `/messages/${at}`);
    if (element?.get !== undefined || element?.set !== undefined) throw unsupported('an accessor', `/messages/${at}`);
    return element?.value as unknown;
  });
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

/** The longest text that crosses at once, in UTF-16 units: about 512 MB. */
const LONGEST_TEXT = constants.MAX_STRING_LENGTH;

/** Lines as one text. Throws `ERR_VALUE_TOO_LARGE` where the engine has no text that long. */
export function joined(lines: readonly string[], longest: number = LONGEST_TEXT): string {
  const length = lines.reduce((sum, line) => sum + line.length + 1, 0);
  if (length <= longest) return lines.join('\n');
  throw new SmallTalkError(
    'ERR_VALUE_TOO_LARGE',
    `one save takes at most ${longest} characters of messages as JSON, these have ${length}`,
  );
}
