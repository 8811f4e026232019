/** A session as it was at the call, written little by little. */
import type { EncodeOptions } from '../../codec.js';
import { Lifted } from '../../codec/lifted.js';
import { joined } from '../../codec/session-shape.js';
import { keepCompiled } from '../../keep-compiled.js';
import { isWide, keptText, refuseOverlooked, weighWide } from '../changes/kept.js';
import { MessageList } from '../changes/message-list.js';

/** Messages, as the binary takes them. */
export interface Lines {
  /** The lines, and behind them the long texts that were lifted out of them. */
  texts: string[];
  /** As many lines with their tables of types. */
  types: string;
}

/** The messages of a list, a piece at a time. */
export class SessionText {
  readonly #messages: MessageList;
  readonly #options: EncodeOptions;
  #at = 0;

  constructor(messages: MessageList, options: EncodeOptions) {
    this.#messages = messages;
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
    const lifted = new Lifted();
    const first = this.#at;
    for (let written = 0; written + lifted.characters < characters && !this.done; this.#at += 1) {
      const kept = this.#messages.kept(this.#at);
      refuseOverlooked(kept, this.#at);
      const encoded = keptText(kept, this.#options, lifted);
      texts.push(encoded.text);
      types.push(encoded.types ?? '');
      written += encoded.text.length;
    }
    const lines = { texts: [joined(texts, lifted.characters), ...lifted.texts], types: joined(types) };
    // Asked of each text, this would take as long as the writing: most pieces have no such message.
    if (lines.texts.some(isWide)) for (let at = first; at < this.#at; at += 1) weighWide(this.#messages.kept(at));
    return lines;
  }
}

keepCompiled(new SessionText(MessageList.inFull([]), {}));
