/** What is kept of a message that was saved or read, to tell whether it has changed since. */
import { types } from 'node:util';
import type { Encoded, EncodeOptions } from '../../codec.js';
import { checkSize, refuseLonger, surelyFits } from '../../codec.js';
import { compiled } from '../../regular-expressions.js';
import type { Lifted } from '../../codec/lifted.js';
import { isAsRecorded } from '../../codec/record-compare.js';
import { unsupported } from '../../codec/failures.js';
import { toPointer } from '../../codec/pointer.js';
import { overlookedIn } from '../../codec/record-overlooked.js';
import { recordOf, type Slots } from '../../codec/record.js';
import { recordOfParsed } from '../../codec/record-parsed.js';
import { textOf } from '../../codec/record-text.js';
import { encodeMessage, ofMessage } from '../../session.js';

/** One message as it was. */
export interface Kept {
  /** Absent where the message is more than plain JSON and Dates: then the text tells. */
  readonly slots: Slots | null;
  /** Only where there are no slots. */
  readonly encoded: Encoded | null;
  /** By which a message is found again when others come and go around it. */
  readonly id: string | undefined;
  /** About how many bytes of memory this takes, the text that it refers to included. */
  size: number;
  /** The message itself where it was looked at in haste, until `refuseOverlooked` has looked closely; else undefined. */
  unproven: unknown;
}

/** A place in an array, and what the engine wants beside the value. */
const SLOT_BYTES = 16;
const OBJECT_BYTES = 120;

/**
 * Keeps a message as it is now. Throws what the codec throws, with the path from the session. `hasty`: `refuseOverlooked`
 * has to be called before its text is.
 */
export function keep(message: unknown, at: number, options: EncodeOptions, hasty = false): Kept {
  const slots = recordOf(message, hasty);
  if (slots === null) {
    const encoded = encodeMessage(message, at, options);
    return { slots, encoded, id: identityOf(message), size: OBJECT_BYTES + textBytes(encoded), unproven: undefined };
  }
  // The texts are weighed when they are written.
  const size = OBJECT_BYTES + (hasty ? slots.length * SLOT_BYTES : slotBytes(slots));
  return { slots, encoded: null, id: recordedId(slots), size, unproven: hasty ? message : undefined };
}

/** Keeps a message that was decoded just now from a text that takes `bytes` in memory. Throws what the codec throws. */
export function keepParsed(message: unknown, at: number, options: EncodeOptions, bytes: number): Kept {
  const slots = recordOfParsed(message);
  if (slots === null) return keep(message, at, options);
  const size = OBJECT_BYTES + slots.length * SLOT_BYTES + bytes;
  return { slots, encoded: null, id: recordedId(slots), size, unproven: undefined };
}

/** Refuses what a hasty record cannot tell from plain data. */
export function refuseOverlooked(kept: Kept, at: number): void {
  if (kept.unproven === undefined || kept.slots === null) return;
  const overlooked = overlookedIn(kept.unproven, kept.slots);
  if (overlooked !== null) throw ofMessage(unsupported(overlooked.what, toPointer(overlooked.path)), at);
  kept.unproven = undefined;
}

/** The text of a message that was kept; its long texts go to `lifted`. Throws `ERR_VALUE_TOO_LARGE`. */
export function keptText(kept: Kept, options: EncodeOptions, lifted: Lifted): Encoded {
  const { slots } = kept;
  if (slots === null) return kept.encoded as Encoded;
  const { characters, texts } = lifted;
  const others = texts.length;
  let encoded = textOf(slots, lifted);
  const taken = lifted.characters - characters;
  kept.size = OBJECT_BYTES + slots.length * SLOT_BYTES + encoded.text.length + taken;
  if (!surelyFits(encoded.text.length + (encoded.types?.length ?? 0) + taken, options)) {
    lifted.returnTo(others, characters);
    // Each character takes a byte at least: of what is far too long the engine may have no text at all.
    refuseLonger(encoded.text.length + taken, options);
    // How long it is can only be told of all of it.
    encoded = textOf(slots);
    checkSize(encoded, options);
  }
  return encoded;
}

const WIDE = compiled(/[\u0100-\uffff]/);

/** Whether the engine takes two bytes for a character of this text; where it takes one, the answer is there at once. */
export const isWide = (text: string): boolean => WIDE.test(text);

/** Weighs a message whose text was written once more: of some of its strings a character takes two bytes. */
export function weighWide(kept: Kept): void {
  for (const slot of kept.slots ?? []) if (typeof slot === 'string' && isWide(slot)) kept.size += slot.length;
}

/** Whether a message is still what was kept. */
export function isAsKept(message: unknown, kept: Kept, at: number, options: EncodeOptions): boolean {
  // What is refused in that one must not be refused in this one.
  if (kept.unproven !== undefined && kept.unproven !== message) return false;
  if (kept.slots !== null) {
    if (!isAsRecorded(message, kept.slots)) return false;
    // What would not be stored, a `toJSON` among it, may say here what is.
    return options.unsupported !== 'json' || overlookedIn(message, kept.slots) === null;
  }
  const { text, types: table } = encodeMessage(message, at, options);
  return text === kept.encoded?.text && table === kept.encoded.types;
}

/** The id of a living message, read without running its code. */
export function identityOf(message: unknown): string | undefined {
  if (typeof message !== 'object' || message === null || types.isProxy(message)) return undefined;
  const id: unknown = Object.getOwnPropertyDescriptor(message, 'id')?.value;
  return typeof id === 'string' ? id : undefined;
}

/** Where messages have their id: first of all. Looking for it elsewhere would cost more than it saves. */
function recordedId(slots: Slots): string | undefined {
  return slots[1] === 'id' && typeof slots[2] === 'string' ? slots[2] : undefined;
}

function slotBytes(slots: Slots): number {
  let bytes = slots.length * SLOT_BYTES;
  for (const slot of slots) if (typeof slot === 'string') bytes += slot.length;
  return bytes;
}

function textBytes({ text }: Encoded): number {
  return isWide(text) ? text.length * 2 : text.length;
}
