/** A session as it was at the call, written little by little. */
import type { EncodeOptions } from '../../codec.js';
import { joined } from '../../codec/session-shape.js';
import { isWide, keptText, refuseCode, weighWide } from '../changes/kept.js';
import type { MessageList } from '../changes/message-list.js';

/** Messages as lines, and as many lines with their tables of types. */
export interface Lines {
  texts: string;
  types: string;
}

/** The messages of a list, a piece at a time. */
export class SessionText {
  readonly #messages: MessageList;
  /** The messages themselves, where they were kept in haste. */
  readonly #live: readonly unknown[] | null;
  readonly #options: EncodeOptions;
  #at = 0;

  constructor(messages: MessageList, live: readonly unknown[] | null, options: EncodeOptions) {
    this.#messages = messages;
    this.#live = live;
    this.#options = options;
  }

  /** Whether all has been written. */
  get done(): boolean {
    return this.#at >= this.#messages.length;
  }

  /** Whole messages until they have so many characters. Throws what the codec throws. */
  next(characters: number): Lines {
    const texts: string[] = [];
    const types: string[] = [];
    const first = this.#at;
    for (let left = characters; left > 0 && !this.done; this.#at += 1) {
      const kept = this.#messages.kept(this.#at);
      if (this.#live !== null) refuseCode(this.#live[this.#at], kept, this.#at, this.#options);
      const encoded = keptText(kept, this.#options);
      texts.push(encoded.text);
      types.push(encoded.types ?? '');
      left -= encoded.text.length;
    }
    const lines = { texts: joined(texts), types: joined(types) };
    // Asked of each, this would take as long as the writing: most pieces have no such message.
    if (isWide(lines.texts)) for (let at = first; at < this.#at; at += 1) weighWide(this.#messages.kept(at));
    return lines;
  }
}
