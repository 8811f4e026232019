/**
 * What is in the files: JSON of one line a part, one line a message, for people with a text editor.
 *
 * The first line tells what a listing wants to know, has the SHA-256 of all that comes after it, and ends with a check of
 * itself, so that it can be trusted without reading on.
 */
import { createHash } from 'node:crypto';

import type { Encoded } from '../../codec.js';
import { isTooLong } from '../../codec/failures.js';
import { LONGEST_TEXT } from '../../codec/session-shape.js';
import { CorruptionError, SmallTalkError } from '../../errors.js';
import type { EncodedSession } from '../../session.js';
import { countOf, type EncodedMessages } from '../record.js';

/** The first line of a session's file. */
export interface SessionHead {
  id: string;
  version: number;
  activeAgent: string | undefined;
  /** Milliseconds since the epoch. */
  createdAt: number;
  /** Milliseconds since the epoch. */
  updatedAt: number;
  messageCount: number;
}

/** The first line of a key's file. */
export interface KeyHead {
  id: string;
  /** Milliseconds since the epoch; undefined: it stays. */
  expiresAt: number | undefined;
}

const SESSION = 'session/1';
const KEY = 'key/1';

const iso = (at: number): string => new Date(at).toISOString();

/** The file of a session. Throws `ERR_VALUE_TOO_LARGE` where that is longer than can be read again. */
export function sessionFile(id: string, version: number, session: EncodedSession): Buffer {
  const { head, activeAgent, createdAt, updatedAt, messages, messageTypes } = session;
  const first = {
    smalltalk: SESSION,
    id,
    version,
    activeAgent: activeAgent ?? null,
    createdAt: iso(createdAt),
    updatedAt: iso(updatedAt),
    messageCount: countOf(session),
  };
  // Cut at what JSON takes for the end of a line: to a pattern the names of members may have such ends, too.
  const tables = messageTypes.split('\n').map((table) => (table === '' ? 'null' : table));
  const rest = (): string[] => [
    `"session":${head.text},`,
    `"types":${head.types ?? 'null'},`,
    '"messages":[',
    messages.replaceAll('\n', ',\n'),
    '],',
    '"messageTypes":[',
    messages === '' ? '' : tables.join(',\n'),
    ']}',
    '',
  ];
  return file(
    first,
    oneText(() => rest().join('\n')),
  );
}

/** A text that may be longer than the engine has any, which is thrown as `ERR_VALUE_TOO_LARGE`. */
function oneText(make: () => string): string {
  try {
    return make();
  } catch (cause) {
    throw isTooLong(cause) ? tooLong({ cause }) : cause;
  }
}

function tooLong(options?: ErrorOptions): SmallTalkError {
  const message = `the file of a session is read as one text: it has at most ${LONGEST_TEXT} bytes`;
  return new SmallTalkError('ERR_VALUE_TOO_LARGE', message, options);
}

/** The file of a key. */
export function keyFile(id: string, expiresAt: number | undefined, { text, types }: Encoded): Buffer {
  const first = { smalltalk: KEY, id, expiresAt: expiresAt === undefined ? null : iso(expiresAt) };
  return file(first, `"value":${text},\n"types":${types ?? 'null'}}\n`);
}

function file(first: object, rest: string): Buffer {
  const bytes = Buffer.from(rest);
  // So many are not made a text again, however few characters they are.
  if (bytes.length > LONGEST_TEXT) throw tooLong();
  const told = JSON.stringify({ ...first, sha256: digest(bytes) }).slice(0, -1);
  return Buffer.concat([Buffer.from(`${told}${CHECK}${digest(told).slice(0, CHECK_LENGTH)}",\n`), bytes]);
}

const CHECK = ',"check":"';
const CHECK_LENGTH = 16;

function digest(of: string | Buffer): string {
  return createHash('sha256').update(of).digest('hex');
}

/** The first line, taken apart; null where it is not what was written. */
function parseFirst(line: string, kind: string): Record<string, unknown> | null {
  const at = line.lastIndexOf(CHECK);
  if (at < 0 || line.slice(at) !== `${CHECK}${digest(line.slice(0, at)).slice(0, CHECK_LENGTH)}",`) return null;
  const first = JSON.parse(`${line.slice(0, at)}}`) as Record<string, unknown>;
  return first['smalltalk'] === kind ? first : null;
}

/** Gives null where the line is not what was written. */
export function sessionHead(line: string): SessionHead | null {
  const first = parseFirst(line, SESSION);
  if (first === null) return null;
  return {
    id: first['id'] as string,
    version: first['version'] as number,
    activeAgent: (first['activeAgent'] as string | null) ?? undefined,
    createdAt: Date.parse(first['createdAt'] as string),
    updatedAt: Date.parse(first['updatedAt'] as string),
    messageCount: first['messageCount'] as number,
  };
}

/** Gives null where the line is not what was written. */
export function keyHead(line: string): KeyHead | null {
  const first = parseFirst(line, KEY);
  if (first === null) return null;
  const end = first['expiresAt'] as string | null;
  return { id: first['id'] as string, expiresAt: end === null ? undefined : Date.parse(end) };
}

/** The first line of a file, parsed. Throws `ERR_CORRUPT` where it is not what was written, or that of another id. */
export function headOf<H extends { id: string }>(
  what: string,
  id: string,
  line: string,
  parse: (line: string) => H | null,
): H {
  const head = parse(line);
  if (head?.id !== id) throw damaged(`${what} ${JSON.stringify(id)}`);
  return head;
}

/** A session's file, read. Throws `ERR_CORRUPT` where it is not what was written, or that of another session. */
export function readSession(id: string, bytes: Buffer): { head: SessionHead; stored: EncodedSession } {
  const { line, rest } = opened(`session ${JSON.stringify(id)}`, bytes);
  const head = headOf('session', id, line, sessionHead);
  const { activeAgent, createdAt, updatedAt } = head;
  const [session, afterSession] = part(rest, '"session":', ',\n"types":');
  const [types, afterTypes] = part(afterSession, '', ',\n"messages":[\n');
  const [messages, afterMessages] = part(afterTypes, '', '\n],\n"messageTypes":[\n');
  const [tables] = part(afterMessages, '', '\n]}\n');
  const messageTypes = tables.split(',\n').map((table) => (table === 'null' ? '' : table));
  const lines: EncodedMessages = { messages: messages.replaceAll(',\n', '\n'), messageTypes: messageTypes.join('\n') };
  return { head, stored: { head: encoded(session, types), activeAgent, createdAt, updatedAt, ...lines } };
}

/** A key's file, read. Throws `ERR_CORRUPT` where it is not what was written, or that of another key. */
export function readKey(id: string, bytes: Buffer): { head: KeyHead; value: Encoded } {
  const { line, rest } = opened(`key ${JSON.stringify(id)}`, bytes);
  const head = headOf('key', id, line, keyHead);
  const [value, afterValue] = part(rest, '"value":', ',\n"types":');
  const [types] = part(afterValue, '', '}\n');
  return { head, value: encoded(value, types) };
}

/** First line and rest, the rest compared with its checksum. */
function opened(what: string, bytes: Buffer): { line: string; rest: string } {
  const end = bytes.indexOf('\n');
  const line = bytes.toString('utf8', 0, Math.max(end, 0));
  const rest = bytes.subarray(end + 1);
  if (end < 0 || !line.includes(`"sha256":"${digest(rest)}"`)) throw damaged(what);
  return { line, rest: oneText(() => rest.toString()) };
}

function damaged(what: string): CorruptionError {
  return new CorruptionError('ERR_CORRUPT', `the file of ${what} is not what was written`);
}

/** What stands between two marks, and what comes after; the checksum has told that both are there. */
function part(text: string, begin: string, end: string): [string, string] {
  const at = text.indexOf(end, begin.length);
  return [text.slice(begin.length, at), text.slice(at + end.length)];
}

function encoded(text: string, types: string): Encoded {
  return { text, types: types === 'null' ? null : types };
}
