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

/** The pieces so far, joined at the end: an array that grows from nothing is of another kind with its first object. */
export interface Assembly {
  readonly messages: ChatMessage[][];
  /** Null where nothing is to be kept. */
  readonly kept: Kept[][] | null;
  readonly positions: Float64Array[];
  /** How many messages they have. */
  count: number;
}

/** Nothing yet. */
export function assemblyOf({ snapshotBytes }: CheckedOptions): Assembly {
  return { messages: [], kept: snapshotBytes > 0 ? [] : null, positions: [], count: 0 };
}

/** Takes the next piece. Throws `ERR_CORRUPT`. */
export function takePiece(assembly: Assembly, piece: Piece, options: CheckedOptions): void {
  const { messages, kept, positions, count } = assembly;
  const [text, types, places, narrow, wide, ends] = piece;
  const more = decodeMessages(text, types, (all) => putBack(all, { narrow, wide, ends }));
  if (kept !== null) {
    // Each is weighed by its share of the text, of which the engine takes one byte or two for a character.
    const width = Buffer.byteLength(text) === text.length ? 1 : 2;
    const share = Math.ceil((text.length * width + narrow.length + wide.length * 2) / more.length);
    kept.push(keptOf(more, count, options, share));
    positions.push(places);
  }
  messages.push(more);
  assembly.count += more.length;
}

/** The messages that have come. */
export function messagesOf({ messages }: Assembly): ChatMessage[] {
  return joined(messages);
}

/** What is kept of them; null where nothing is. */
export function listOf({ kept, positions }: Assembly): MessageList | null {
  return kept === null ? null : new MessageList(joined(kept), numbersOf(positions));
}

/** A function of its own, as each loop here: what a loop is compiled with is compiled anew when any of it turns out otherwise. */
function keptOf(messages: readonly ChatMessage[], before: number, { encoding }: CheckedOptions, share: number): Kept[] {
  const kept: Kept[] = [];
  for (let at = 0; at < messages.length; at += 1) kept.push(keepParsed(messages[at], before + at, encoding, share));
  return kept;
}

function joined<T>(pieces: readonly T[][]): T[] {
  const [first, ...others] = pieces;
  return first === undefined ? [] : others.length === 0 ? first : first.concat(...others);
}

function numbersOf(pieces: readonly Float64Array[]): number[] {
  const numbers: number[] = [];
  for (const piece of pieces) for (let at = 0; at < piece.length; at += 1) numbers.push(piece[at] as number);
  return numbers;
}
