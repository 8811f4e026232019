/** The messages of a session as they were at one moment, and where each stands in the store. */
import type { Kept } from './kept.js';

/** Between two messages that follow each other there is room for others: twenty halvings. */
export const SPACING = 2 ** 20;

/**
 * A view that never changes, although what lies behind it grows: a list that goes on from this one shares its memory, so
 * that a thousand saves of one session on their way do not hold a thousand lists.
 */
export class MessageList {
  readonly length: number;
  /** About how many bytes of memory all of it takes. */
  readonly bytes: number;
  readonly #kept: Kept[];
  readonly #positions: number[];

  constructor(kept: Kept[], positions: number[], bytes: number = bytesOf(kept), length = kept.length) {
    this.#kept = kept;
    this.#positions = positions;
    this.length = length;
    this.bytes = bytes;
  }

  /** As a save in full places them. */
  static inFull(kept: Kept[]): MessageList {
    const positions: number[] = [];
    for (let at = 0; at < kept.length; at += 1) positions.push(at * SPACING);
    return new MessageList(kept, positions);
  }

  kept(at: number): Kept {
    return this.#kept[at] as Kept;
  }

  position(at: number): number {
    return this.#positions[at] as number;
  }

  slice(from = 0, to = this.length): Kept[] {
    return this.#kept.slice(from, Math.min(to, this.length));
  }

  places(from = 0, to = this.length): number[] {
    return this.#positions.slice(from, Math.min(to, this.length));
  }

  /** This list with more at its end. */
  followedBy(kept: readonly Kept[], positions: readonly number[]): MessageList {
    const grows = this.#kept.length === this.length;
    const all = grows ? this.#kept : this.slice();
    const places = grows ? this.#positions : this.places();
    const bytes = this.bytes + bytesOf(kept);
    for (const one of kept) all.push(one);
    for (const place of positions) places.push(place);
    return new MessageList(all, places, bytes);
  }

  /** The same messages, weighed anew. */
  weighed(): MessageList {
    return new MessageList(this.#kept, this.#positions, bytesOf(this.#kept, this.length), this.length);
  }
}

function bytesOf(kept: readonly Kept[], length = kept.length): number {
  let bytes = 0;
  for (let at = 0; at < length; at += 1) bytes += (kept[at] as Kept).size;
  return bytes;
}
