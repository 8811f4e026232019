/** One stored session as text, and what can be done with it without decoding the whole. */
import type { Encoded, EncodeOptions } from '../codec.js';
import { refuseLongerLines } from '../codec/session-shape.js';
import { ConflictError, StorageError } from '../errors.js';
import { decodeSession, encodeSession, type EncodedSession } from '../session.js';
import type { ChatMessage, ChatSession } from '../types.js';
import type { SessionInfo } from './capabilities.js';

/** Messages as text: one a line, and their tables of types as many lines. */
export type EncodedMessages = Pick<EncodedSession, 'messages' | 'messageTypes'>;

/** How many messages there are. No message is an empty line. */
export function countOf({ messages }: EncodedMessages): number {
  if (messages === '') return 0;
  let count = 1;
  for (let at = messages.indexOf('\n'); at >= 0; at = messages.indexOf('\n', at + 1)) count += 1;
  return count;
}

/** Encodes messages without a session around them; errors name places below `/messages`. */
export function encodeMessages(messages: ChatMessage[], options: EncodeOptions): EncodedMessages {
  const nobody = { id: '', messages, createdAt: new Date(0), updatedAt: new Date(0) };
  return encodeSession(nobody, options);
}

/** The whole session, decoded. */
export function sessionOf({
  head,
  messages,
  messageTypes,
}: Pick<EncodedSession, 'head'> & EncodedMessages): ChatSession {
  return decodeSession({ head, messages: `[${messages.replaceAll('\n', ',')}]`, messageTypes });
}

/** What can be told of a session without its messages. */
export function infoOf(
  stored: Pick<EncodedSession, 'activeAgent' | 'createdAt' | 'updatedAt'> & { version: number },
  messageCount: number,
  sizeBytes: number,
): SessionInfo {
  const { activeAgent, createdAt, updatedAt, version } = stored;
  return {
    messageCount,
    sizeBytes,
    ...(activeAgent === undefined ? {} : { activeAgent }),
    createdAt: new Date(createdAt),
    updatedAt: new Date(updatedAt),
    version,
  };
}

/** The messages between two indexes, the second exclusive. */
export function messagesOf({ messages, messageTypes }: EncodedMessages, begin: number, end: number): ChatMessage[] {
  if (begin >= end) return [];
  const part = (lines: string): string => lines.split('\n').slice(begin, end).join('\n');
  return sessionOf({ head: NO_HEAD, messages: part(messages), messageTypes: part(messageTypes) }).messages;
}

const NO_HEAD: Encoded = { text: '{}', types: null };

/** The session with messages added at its end, and `updatedAt` at least `now`. Throws `ERR_VALUE_TOO_LARGE`. */
export function withMessages(session: EncodedSession, added: EncodedMessages, now: number): EncodedSession {
  const updatedAt = Math.max(session.updatedAt, now);
  const joined = added.messages === '' ? session : addedTo(session, added);
  return { ...session, ...joined, head: updatedHead(session.head, updatedAt), updatedAt };
}

function addedTo(session: EncodedMessages, { messages, messageTypes }: EncodedMessages): EncodedMessages {
  if (session.messages === '') return { messages, messageTypes };
  refuseLongerLines(session.messages.length + 1 + messages.length);
  refuseLongerLines(session.messageTypes.length + 1 + messageTypes.length);
  return {
    messages: `${session.messages}\n${messages}`,
    messageTypes: `${session.messageTypes}\n${messageTypes}`,
  };
}

function updatedHead(head: Encoded, updatedAt: number): Encoded {
  const members = JSON.parse(head.text) as { updatedAt?: unknown };
  // A toJSON() of the program's own may have left it out; then it is not for us to bring it in.
  if (typeof members.updatedAt !== 'string') return head;
  return { ...head, text: JSON.stringify({ ...members, updatedAt: new Date(updatedAt).toISOString() }) };
}

/** Throws where another version is stored than the one that a write wants to find; null: none. */
export function checkVersion(sessionId: string, expected: number | null, actual: number | null): void {
  if (expected === actual) return;
  const told = (version: number | null): string => (version === null ? 'no such session' : `version ${version}`);
  const message = `session ${JSON.stringify(sessionId)}: ${told(expected)} was expected, there is ${told(actual)}`;
  throw new ConflictError('ERR_CONFLICT', message, { expected, actual });
}

/** The error of an operation that needs a session where there is none. */
export function unknownSession(sessionId: string): StorageError {
  return new StorageError('ERR_SESSION_UNKNOWN', `there is no session ${JSON.stringify(sessionId)}`);
}
