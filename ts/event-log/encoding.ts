/** Events to JSON text and back. The binary adds `seq`, `id` and `sessionId`, and never looks into a payload. */
import {
  checkSize,
  encode,
  encodeListMember,
  encodeMember,
  quoted,
  reviveWhatCan,
  type Encoded,
  type EncodeOptions,
} from '../codec.js';
import { checkId } from '../ids.js';
import { wordOption } from '../options.js';
import { CRITICAL_EVENTS } from '../priorities.js';
import type { Event, EventKind, EventPriority, NewEvent } from '../types.js';
import { timestampOption } from './options.js';
import { timeText } from './time-text.js';

/** An event on its way to the binary. */
export interface EncodedEvent {
  /** One JSON object on one line; it starts with topic, priority and timestamp. */
  body: string;
  id: string | null;
  timestamp: number;
}

const CRITICAL: ReadonlySet<string> = new Set(CRITICAL_EVENTS);

/** What an event may have. The last two come with an event that was replayed; they are given anew. */
function isMember(name: string): boolean {
  switch (name as keyof Event) {
    case 'topic':
    case 'payload':
    case 'priority':
    case 'id':
    case 'timestamp':
    case 'conversationId':
    case 'agentId':
    case 'metadata':
    case 'seq':
    case 'sessionId':
      return true;
    default:
      return false;
  }
}

/**
 * Encodes an event as it is now. Throws what the codec throws, with paths such as `/payload/0`, and a TypeError for a
 * member that an event does not have: it would be lost in silence.
 */
export function encodeEvent(event: NewEvent, options: EncodeOptions): EncodedEvent {
  if (typeof event !== 'object' || (event as unknown) === null) throw new TypeError('event must be an object');
  const { topic, payload, id, metadata, conversationId, agentId } = event;
  checkTopic(topic);
  // Inherited members are none; but whoever has some pays for the exact question.
  for (const name in event) if (!isMember(name)) refuseStranger(event, name);
  if (id !== undefined) checkId(id, 'event id');
  const timestamp = timestampOption(event.timestamp);
  const priority = priorityOf(topic, event.priority);
  checkBelongings(conversationId, agentId, metadata);
  const hasPayload = payload !== undefined || Object.hasOwn(event, 'payload');
  const before = beginning(topic, priority) + timeText(timestamp) + belongings(conversationId, agentId);
  const own = hasPayload ? encodeMember(`${before},"payload":`, 'payload', payload) : { text: before, types: null };
  const all = own === null || metadata === undefined ? own : withMetadata(own, metadata);
  let body: string;
  if (all === null) {
    const record = {
      ...{ topic, priority, timestamp },
      ...(conversationId === undefined ? {} : { conversationId }),
      ...(agentId === undefined ? {} : { agentId }),
      ...(hasPayload ? { payload } : {}),
      ...(metadata === undefined ? {} : { metadata }),
    };
    body = wholeText(record, options);
  } else {
    body = ended(all);
    checkSize({ text: body, types: null }, options);
  }
  return { body, id: id ?? null, timestamp };
}

/** An event with its metadata behind all else; null where those are not plain to see. */
function withMetadata({ text, types }: Encoded, metadata: object): Encoded | null {
  const more = encodeMember(`${text},"metadata":`, 'metadata', metadata);
  if (more === null || types === null) return more;
  return { text: more.text, types: more.types === null ? types : `${types.slice(0, -1)},${more.types.slice(1)}` };
}

function checkTopic(topic: unknown): asserts topic is string {
  if (typeof topic !== 'string') throw new TypeError('topic must be a string');
}

function priorityOf(topic: string, given: unknown): EventPriority {
  return wordOption('priority', given, CRITICAL.has(topic) ? 'critical' : 'normal', ['critical', 'normal']);
}

function checkBelongings(conversationId: unknown, agentId: unknown, metadata: unknown): void {
  if (conversationId !== undefined && typeof conversationId !== 'string')
    throw new TypeError('conversationId must be a string');
  if (agentId !== undefined && typeof agentId !== 'string') throw new TypeError('agentId must be a string');
  if (metadata !== undefined && (typeof metadata !== 'object' || metadata === null))
    throw new TypeError('metadata must be an object');
}

function refuseStranger(event: object, name: string): void {
  if (!Object.hasOwn(event, name) || event[name as keyof typeof event] === undefined) return;
  throw new TypeError(`an event has no member ${JSON.stringify(name)}`);
}

/** Everything up to the timestamp. Events of one topic mostly come together. */
function beginning(topic: string, priority: EventPriority): string {
  if (topic !== lastTopic || priority !== lastPriority) {
    lastBeginning = `{"topic":${quoted(topic)},"priority":"${priority}","timestamp":`;
    lastTopic = topic;
    lastPriority = priority;
  }
  return lastBeginning;
}

let lastTopic = '';
let lastPriority = '';
let lastBeginning = '';

function belongings(conversationId: string | undefined, agentId: string | undefined): string {
  const text = conversationId === undefined ? '' : `,"conversationId":${quoted(conversationId)}`;
  return agentId === undefined ? text : `${text},"agentId":${quoted(agentId)}`;
}

/** An event with the table of what is more than JSON in it, and its end. */
const ended = ({ text, types }: Encoded): string => (types === null ? `${text}}` : `${text},"types":${types}}`);

function wholeText(record: object, options: EncodeOptions): string {
  const { text, types } = encode(record, options);
  return types === null ? text : `${text.slice(0, -1)},"types":${types}}`;
}

/** What the events of a stream have in common, encoded once. */
export class PreparedKind {
  /** Before the timestamp, and between that and the payload. */
  readonly #beginning: string;
  readonly #middle: string;
  /** Behind the payload; null where it may be another one each time. */
  readonly #metadata: string | null;
  #timestamp = NaN;
  #beforePayload = '';
  readonly #event: EventKind;
  readonly #options: EncodeOptions;

  /** Throws a TypeError, `ERR_ID_INVALID` or `ERR_OPTION_INVALID` for what no event can have. */
  constructor(
    readonly sessionId: string,
    event: EventKind,
    options: EncodeOptions,
  ) {
    const { topic, conversationId, agentId, metadata } = event;
    checkId(sessionId, 'sessionId');
    checkTopic(topic);
    checkBelongings(conversationId, agentId, metadata);
    this.#beginning = beginning(topic, priorityOf(topic, event.priority));
    this.#middle = `${belongings(conversationId, agentId)},"payload":`;
    this.#metadata = metadata === undefined ? '' : isFlat(metadata) ? fixedText(metadata) : null;
    this.#event = event;
    this.#options = options;
  }

  /** The body of one of its events. Throws what `encodeEvent` throws. */
  body(payload: readonly unknown[], timestamp: number): string {
    const metadata = this.#metadata;
    const plain = metadata !== null && Number.isFinite(timestamp);
    const encoded = plain ? encodeListMember(this.#before(timestamp), 'payload', payload) : null;
    if (metadata === null || encoded === null) {
      return encodeEvent({ ...this.#event, payload, timestamp }, this.#options).body;
    }
    const body = ended(metadata === '' ? encoded : { text: encoded.text + metadata, types: encoded.types });
    checkSize({ text: body, types: null }, this.#options);
    return body;
  }

  /** Everything before the payload. Many events of a kind have one time. */
  #before(timestamp: number): string {
    if (timestamp !== this.#timestamp) {
      // In this order: a stack that is full may end it between the two.
      this.#beforePayload = this.#beginning + timeText(timestamp) + this.#middle;
      this.#timestamp = timestamp;
    }
    return this.#beforePayload;
  }
}

/** Whether metadata is the same each time, for nobody else can change what is in it. */
const isFlat = (metadata: object): boolean =>
  Object.values(metadata).every((value) => typeof value !== 'object' || value === null);

/** Metadata as a member; null where its text is not all that there is to say. */
function fixedText(metadata: object): string | null {
  const encoded = encodeMember('', 'metadata', metadata);
  return encoded === null || encoded.types !== null ? null : `,"metadata":${encoded.text}`;
}

type Line = Event & { types?: unknown };

/** What an event is known by, and the event itself: a table of types has nothing to say about them. */
const PLAIN: ReadonlySet<string> = new Set([
  '',
  ...['/seq', '/id', '/sessionId', '/topic', '/priority', '/timestamp', '/conversationId', '/agentId'],
]);

/** Decodes a piece of a replay: a JSON array of lines without their checksums. */
export function decodeEvents(piece: string): Event[] {
  return (JSON.parse(piece) as Line[]).map(decodeEvent);
}

/** A line whose checksum holds is an event, also where a later version wrote it: it must not stand in the way of the others. */
function decodeEvent(line: Line): Event {
  const { types } = line;
  if (types === undefined) return line;
  delete line.types;
  if (!reviveWhatCan(line, types, PLAIN)) tellOfStandIns(line);
  return line;
}

let told = false;

function tellOfStandIns({ seq, sessionId }: Event): void {
  if (told) return;
  told = true;
  const where = `event ${seq} of session ${JSON.stringify(sessionId)}`;
  const message = `${where} has values of a type that this version does not know: they come as the JSON that stands for them`;
  process.emitWarning(message, { type: 'SmallTalkWarning', code: 'SMALLTALK_UNKNOWN_TYPE' });
}
