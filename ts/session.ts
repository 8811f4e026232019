/** Sessions as stores keep them: a head without the messages, and the messages one by one. */
import { checkSize, decode, encode, revive, type Encoded, type EncodeOptions } from './codec.js';
import { unsupported } from './codec/failures.js';
import { dateOf } from './codec/iso.js';
import { textOf } from './codec/record-text.js';
import { recordOf, type Slots } from './codec/record.js';
import { hasToJson, LineJoiner, sessionShape, type SessionTimes } from './codec/session-shape.js';
import { asJsonWithout } from './codec/stand-ins.js';
import { ONLY_TIMESTAMP } from './codec/table.js';
import { CorruptionError, SmallTalkError } from './errors.js';
import type { ChatMessage, ChatSession } from './types.js';

/** What is stored of a session beside its messages. */
export interface SessionHead {
  /** The session with an empty `messages`. */
  head: Encoded;
  activeAgent: string | undefined;
  /** Milliseconds since the epoch. */
  createdAt: number;
  /** Milliseconds since the epoch. */
  updatedAt: number;
}

/** A session as text, as it was at the call. */
export interface EncodedSession extends SessionHead {
  /** The messages, one a line; `''` where there are none. */
  messages: string;
  /** Their tables of types, as many lines; an empty line where a message is plain JSON. */
  messageTypes: string;
}

/** What a store gives back of a session. */
export interface StoredSession {
  head: Encoded;
  /** The messages as one JSON array. */
  messages: string;
  messageTypes: string;
}

/**
 * Encodes a session. Throws a TypeError where it is none, what `encode` throws, with paths from the session, and
 * `ERR_VALUE_TOO_LARGE` where the messages together are more than one text can hold: about 512 MB.
 */
export function encodeSession(session: ChatSession, options: EncodeOptions): EncodedSession {
  const shape = sessionShape(session, options.unsupported === 'json');
  const messages = new LineJoiner();
  const messageTypes = new LineJoiner();
  for (let at = 0; at < shape.messages.length; at += 1) {
    const encoded = encodeMessage(shape.messages[at], at, options);
    messages.add(encoded.text);
    messageTypes.add(encoded.types ?? '');
  }
  return { ...encodeHead(session, shape, options), messages: messages.text(), messageTypes: messageTypes.text() };
}

/** Encodes what a session is beside its messages. Throws what `encode` throws. */
export function encodeHead(session: ChatSession, shape: SessionTimes, options: EncodeOptions): SessionHead {
  const slots = recordOf(session, false, 'messages');
  const head = slots === null ? headOf(session, options) : headOfRecord(slots, options);
  if (!head.text.startsWith('{')) throw unsupported('a session whose toJSON() gives no object', '');
  // Where JSON may have its say, a session is found by what comes back of it.
  const agent = slots === null && options.unsupported === 'json' ? agentIn(head) : agentOf(session);
  return {
    head,
    activeAgent: typeof agent === 'string' ? agent : undefined,
    createdAt: shape.createdAt,
    updatedAt: shape.updatedAt,
  };
}

function agentOf(session: object): unknown {
  return Object.getOwnPropertyDescriptor(session, 'activeAgent')?.value;
}

function agentIn({ text, types }: Encoded): unknown {
  // A text with a type stands for something else.
  if (types !== null && Object.hasOwn(JSON.parse(types) as object, '/activeAgent')) return undefined;
  return agentOf(JSON.parse(text) as object);
}

/** Decodes a session. Throws `ERR_CORRUPT` for what `encodeSession` did not make. */
export function decodeSession(stored: StoredSession): ChatSession {
  return withMessages(stored.head, decodeMessages(stored.messages, stored.messageTypes));
}

/** Decodes a head and gives it its messages. Throws `ERR_CORRUPT`. */
export function withMessages(head: Encoded, messages: ChatMessage[]): ChatSession {
  const session = decode(head.text, head.types) as ChatSession;
  session.messages = messages;
  return session;
}

/**
 * Decodes messages: a JSON array of them, and as many lines with their tables of types. `complete` gets the array first, and
 * puts back what was taken out of it. Throws `ERR_CORRUPT`.
 */
export function decodeMessages(
  text: string,
  tables: string,
  complete?: (messages: readonly unknown[]) => void,
): ChatMessage[] {
  const messages = decode(text, null) as unknown[];
  complete?.(messages);
  const types = tables.split('\n');
  if (types.length !== messages.length && messages.length > 0) {
    throw new CorruptionError('ERR_CORRUPT', 'a stored session does not fit its table of types');
  }
  for (let at = 0; at < messages.length; at += 1) {
    const table = types[at] as string;
    if (table !== '') messages[at] = reviveMessage(messages[at], table);
  }
  return messages as ChatMessage[];
}

function reviveMessage(message: unknown, table: string): unknown {
  if (table !== ONLY_TIMESTAMP) return revive(message, JSON.parse(table) as Record<string, string>);
  const stamped = message as { timestamp: unknown };
  stamped.timestamp = dateOf(stamped.timestamp as string | null);
  return stamped;
}

function headOfRecord(slots: Slots, options: EncodeOptions): Encoded {
  const head = textOf(slots);
  checkSize(head, options);
  return head;
}

function headOf(session: ChatSession, options: EncodeOptions): Encoded {
  if (options.unsupported !== 'json' || !hasToJson(session)) return encode(copyWithoutMessages(session), options);
  // No copy answers for the session: it would have none of its private fields.
  return encode({ toJSON: () => asJsonWithout('messages', session) }, options);
}

/** A copy of the session's own level; accessors stay what they are, for the codec to refuse. */
function copyWithoutMessages(session: ChatSession): object {
  const properties = Object.getOwnPropertyDescriptors(session);
  properties['messages'] = { value: [], enumerable: true, configurable: true, writable: true };
  return Object.create(Object.getPrototypeOf(session) as object | null, properties) as object;
}

/** Encodes the message at an index; what is refused is named by its path from the session. */
export function encodeMessage(message: unknown, at: number, options: EncodeOptions): Encoded {
  try {
    return encode(message, options);
  } catch (error) {
    throw error instanceof SmallTalkError ? ofMessage(error, at) : error;
  }
}

/** What was refused in the message at an index, as an error of the session. */
export function ofMessage(error: SmallTalkError, at: number): SmallTalkError {
  if (error.path === undefined) return error;
  const place = `/messages/${at}`;
  const path = place + error.path;
  return new SmallTalkError(error.code, `below "${place}": ${error.message}`, { path, cause: error });
}
