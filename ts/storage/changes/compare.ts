/** What a store has to do so that it holds the messages as they are now. */
import type { Encoded, EncodeOptions } from '../../codec.js';
import { Lifted } from '../../codec/lifted.js';
import { elementOf } from '../../codec/session-shape.js';
import { keepCompiled } from '../../keep-compiled.js';
import { align, NEW, type Stretch } from './align.js';
import { isAsKept, keep, keptText, weighWide, type Kept } from './kept.js';
import { MessageList, SPACING } from './message-list.js';

/** The way from one list of messages to another. */
export interface Changes {
  /** Ranges of positions whose messages go, first and last in turn, both inclusive. */
  removed: number[];
  /** Where messages are written; one that stands there already is replaced. Grows. */
  positions: number[];
  /** What is written there. */
  written: Encoded[];
  /** The long texts of what is written. */
  lifted: Lifted;
  /** The messages afterwards. */
  list: MessageList;
}

/**
 * Compares messages with what was kept of them: at the front and at the end first, for there is where a conversation
 * changes. null where it is better to save in full: there is no room between two messages, or more than `enough`
 * characters would have to be written. Throws what the codec throws.
 */
export function compareMessages(
  before: MessageList,
  live: readonly unknown[],
  options: EncodeOptions,
  enough: number,
): Changes | null {
  const shorter = Math.min(before.length, live.length);
  let front = 0;
  while (front < shorter && isAsKept(live[front], before.kept(front), front, options)) front += 1;
  let [wasTo, isTo] = [before.length, live.length];
  while (wasTo > front && isTo > front && isAsKept(live[isTo - 1], before.kept(wasTo - 1), isTo - 1, options)) {
    wasTo -= 1;
    isTo -= 1;
  }
  const writer = new Writer(before, live, options, enough);
  return writer.replace({ from: front, to: wasTo }, { from: front, to: isTo });
}

/** Collects what is to be done with one stretch of the list. */
class Writer {
  readonly #before: MessageList;
  readonly #live: readonly unknown[];
  readonly #options: EncodeOptions;
  readonly #removed: number[] = [];
  readonly #positions: number[] = [];
  readonly #written: Encoded[] = [];
  readonly #lifted = new Lifted();
  /** What becomes of the stretch. */
  readonly #kept: Kept[] = [];
  readonly #places: number[] = [];
  readonly #enough: number;
  #characters = 0;

  constructor(before: MessageList, live: readonly unknown[], options: EncodeOptions, enough: number) {
    this.#before = before;
    this.#live = live;
    this.#options = options;
    this.#enough = enough;
  }

  replace(was: Stretch, is: Stretch): Changes | null {
    const partners = align(this.#before, was, this.#live, is);
    let [wasFrom, isFrom] = [was.from, is.from];
    for (const [offset, partner] of partners.entries()) {
      if (partner === NEW) continue;
      const at = is.from + offset;
      if (!this.#gap({ from: wasFrom, to: partner }, { from: isFrom, to: at })) return null;
      this.#again(partner, at);
      [wasFrom, isFrom] = [partner + 1, at + 1];
    }
    if (!this.#gap({ from: wasFrom, to: was.to }, { from: isFrom, to: is.to }) || this.#isTooMuch()) return null;
    return {
      removed: this.#removed,
      positions: this.#positions,
      written: this.#written,
      lifted: this.#lifted,
      list: this.#list(was),
    };
  }

  /** A message that was found again stays where it stands. */
  #again(partner: number, at: number): void {
    const kept = this.#before.kept(partner);
    const position = this.#before.position(partner);
    if (isAsKept(this.#live[at], kept, at, this.#options)) this.#stand(kept, position);
    else this.#write(at, position);
  }

  /** New messages take the places of those that are gone, then places between; false where there is no room. */
  #gap(was: Stretch, is: Stretch): boolean {
    const reused = Math.min(was.to - was.from, is.to - is.from);
    for (let n = 0; n < reused; n += 1) this.#write(is.from + n, this.#before.position(was.from + n));
    const gone = was.from + reused;
    if (gone < was.to) this.#removed.push(this.#before.position(gone), this.#before.position(was.to - 1));
    const first = is.from + reused;
    const places = this.#between(gone, is.to - first);
    for (const [n, place] of places.entries()) this.#write(first + n, place);
    return places.length === is.to - first;
  }

  /** Positions for `count` messages before the one at an index; fewer where there is no room. */
  #between(next: number, count: number): number[] {
    if (count === 0) return [];
    const low = next > 0 ? this.#before.position(next - 1) : undefined;
    const high = next < this.#before.length ? this.#before.position(next) : undefined;
    const room = low === undefined || high === undefined ? Infinity : (high - low) / (count + 1);
    const step = Math.min(SPACING, Math.floor(room));
    // With nothing below they end right before what is above; with nothing at all they begin at 0.
    const start = low ?? (high === undefined ? -step : high - step * (count + 1));
    const end = start + step * count;
    if (step < 1 || !Number.isSafeInteger(start) || !Number.isSafeInteger(end)) return [];
    return Array.from({ length: count }, (_, n) => start + step * (n + 1));
  }

  #write(at: number, position: number): void {
    // Once it is too much, the rest will be written in pieces.
    if (this.#isTooMuch()) return;
    const message = elementOf(this.#live, at, this.#options.unsupported === 'json');
    const kept = keep(message, at, this.#options);
    const encoded = keptText(kept, this.#options, this.#lifted);
    weighWide(kept);
    this.#characters += encoded.text.length;
    this.#positions.push(position);
    this.#written.push(encoded);
    this.#stand(kept, position);
  }

  #isTooMuch(): boolean {
    return this.#characters + this.#lifted.characters > this.#enough;
  }

  #stand(kept: Kept, position: number): void {
    this.#kept.push(kept);
    this.#places.push(position);
  }

  #list(was: Stretch): MessageList {
    const before = this.#before;
    if (was.from === before.length) return before.followedBy(this.#kept, this.#places);
    const kept = [...before.slice(0, was.from), ...this.#kept, ...before.slice(was.to)];
    return new MessageList(kept, [...before.places(0, was.from), ...this.#places, ...before.places(was.to)]);
  }
}

keepCompiled(new Writer(MessageList.inFull([]), [], {}, 0));
