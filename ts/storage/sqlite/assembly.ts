/**
 * A session that comes in pieces, and what is kept of it, as of one that was saved. No class: with the last instance of one
 * goes what the engine has compiled for its shape, and a program that restores now and then would have it compiled anew.
 */
import { decodeMessages } from '../../session.js';
import type { ChatMessage } from '../../types.js';
import { keepParsed, type Kept } from '../changes/kept.js';
import { MessageList } from '../changes/message-list.js';
import type { Piece } from './intake.js';
import { putBack } from './lifted.js';
import type { CheckedOptions } from './options.js';

/** What has come so far. */
export interface Assembly {
  messages: ChatMessage[];
  /** Null where nothing is to be kept. */
  kept: Kept[] | null;
  positions: number[];
}

/** Nothing yet. */
export function assemblyOf({ snapshotBytes }: CheckedOptions): Assembly {
  return { messages: [], kept: snapshotBytes > 0 ? [] : null, positions: [] };
}

/** Takes the next piece. Throws `ERR_CORRUPT`. */
export function takePiece(assembly: Assembly, piece: Piece, options: CheckedOptions): void {
  const { messages, kept, positions } = assembly;
  const [text, types, places, narrow, wide, ends] = piece;
  const more = decodeMessages(text, types, (all) => putBack(all, { narrow, wide, ends }));
  if (kept !== null) {
    // Each is weighed by its share of the text, of which the engine takes one byte or two for a character.
    const width = Buffer.byteLength(text) === text.length ? 1 : 2;
    const share = Math.ceil((text.length * width + narrow.length + wide.length * 2) / more.length);
    assembly.kept = followedBy(kept, keptOf(more, messages.length, options, share));
    addPlaces(positions, places);
  }
  assembly.messages = followedBy(messages, more);
}

/** What is kept of the messages; null where nothing is. */
export function listOf({ kept, positions }: Assembly): MessageList | null {
  return kept === null ? null : new MessageList(kept, positions);
}

// Each loop is a function of its own: what is compiled with it is compiled anew when any of it turns out otherwise.

function keptOf(messages: readonly ChatMessage[], before: number, { encoding }: CheckedOptions, share: number): Kept[] {
  const kept: Kept[] = [];
  for (let at = 0; at < messages.length; at += 1) kept.push(keepParsed(messages[at], before + at, encoding, share));
  return kept;
}

/** The first piece is what the others are added to: an array that grows from nothing is of another kind with its first object. */
function followedBy<T>(all: T[], more: T[]): T[] {
  if (all.length === 0) return more;
  for (let at = 0; at < more.length; at += 1) all.push(more[at] as T);
  return all;
}

function addPlaces(all: number[], more: Float64Array): void {
  for (let at = 0; at < more.length; at += 1) all.push(more[at] as number);
}

/** With more members than that a message is nobody's common one. */
const MOST_MEMBERS = 16;

/**
 * An object of the shape of the first message, with nothing of it inside and nobody's but ours: what a program does with its
 * messages must not hang on it. Parsed, as those are: another way to make it would give another shape.
 */
export function shapeOf({ messages }: Assembly): unknown {
  const first: unknown = messages[0];
  if (typeof first !== 'object' || first === null || Object.getPrototypeOf(first) !== Object.prototype)
    return undefined;
  const names = Object.keys(first);
  if (names.length > MOST_MEMBERS) return undefined;
  return JSON.parse(`{${names.map((name) => emptied(name, (first as Record<string, unknown>)[name])).join(',')}}`);
}

/** A number stays one: the engine keeps those in another way, and would have to change the shape of all. */
function emptied(name: string, value: unknown): string {
  return `${JSON.stringify(name)}:${typeof value === 'number' && Number.isFinite(value) ? value : '""'}`;
}
