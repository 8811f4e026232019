/** What the watching thread reports, read in order: while it is held, nothing is. */
import { monotonic, setImmediate, soon } from '../timers.js';

import type { Report } from './reports.js';

/** Whom the reports are read to. */
export interface Reader {
  loop(news: Report['loops'][number]): void;
  moved(move: Report['moved'][number]): void;
  ping(slot: number, ticket: number): void;
  /** Everybody whom a report asks to be pinged has been, and the thread wants to know that the loop runs. */
  echo(): void;
}

/**
 * So many pings go out before the loop gets its turn, and as many more as are called within so many milliseconds: calling them
 * is cheap, but nobody knows what a `ping()` does. Whoever has to wait is asked late, and the clock stands until then.
 */
const AT_ONCE = { pings: 128, ms: 4 };

/** Reports that nobody has acted upon yet. Whoever reads may hold it at any moment: the rest is read when it goes on. */
export class Inbox {
  readonly #reader: Reader;
  /** One step of each is one piece of news. */
  #unread: Generator<void>[] = [];
  #held = false;
  #reading = false;

  constructor(reader: Reader) {
    this.#reader = reader;
  }

  take(report: Report): void {
    this.#unread.push(this.#stepsOf(report));
    this.#read();
  }

  hold(): void {
    this.#held = true;
  }

  /** Not at once: whoever calls may have no room left on the stack, and what is cut off by that nobody would read again. */
  go(): void {
    soon(() => this.#read());
    this.#held = false;
  }

  /** Nothing is read any more. */
  close(): void {
    this.#held = true;
    this.#unread = [];
  }

  /** A reader who asks for more than it is being read to gets it in its turn. */
  #read(): void {
    if (this.#reading) return;
    this.#reading = true;
    try {
      while (!this.#held) {
        const [first] = this.#unread;
        if (first === undefined) return;
        if (first.next().done === true) this.#unread.shift();
      }
    } finally {
      this.#reading = false;
      // What was thrown must not keep what comes behind it from being read: the thread may wait for its answer.
      if (this.#unread.length > 0 && !this.#held) soon(() => this.#read());
    }
  }

  *#stepsOf({ loops, moved, ping, echo }: Report): Generator<void> {
    try {
      for (const news of loops) {
        this.#reader.loop(news);
        yield;
      }
      for (const move of moved) {
        this.#reader.moved(move);
        yield;
      }
    } finally {
      // What a reader throws must cost nobody a ping, nor the thread its answer: without that its clock would stand for ever.
      this.#ping(ping, 0, echo);
    }
  }

  *#pingsFrom(pairs: readonly number[], from: number, echo: boolean): Generator<void> {
    this.#ping(pairs, from, echo);
  }

  /**
   * Slot and ticket of each, in pieces between which the loop runs. Only then the answer that the thread waits for: time in
   * which nobody has asked an agent yet is not its silence.
   */
  #ping(pairs: readonly number[], from: number, echo: boolean): void {
    const least = from + 2 * AT_ONCE.pings;
    const latest = monotonic() + AT_ONCE.ms;
    let at = from;
    try {
      while (at < pairs.length && !this.#held && (at < least || monotonic() < latest)) {
        this.#reader.ping(pairs[at++] as number, pairs[at++] as number);
      }
    } finally {
      if (at < pairs.length && !this.#held) setImmediate(() => this.#ping(pairs, at, echo));
      else if (at < pairs.length) this.#unread.push(this.#pingsFrom(pairs, at, echo));
      else if (echo) this.#reader.echo();
    }
  }
}
