/** What the watching thread reports, read in order: while it is held, nothing is. */
import { setImmediate } from '../timers.js';

import type { Report } from './reports.js';

/** Whom the reports are read to. */
export interface Reader {
  loop(news: Report['loops'][number]): void;
  moved(move: Report['moved'][number]): void;
  ping(slot: number, ticket: number): void;
}

/** So many pings go out before the loop gets its turn: calling them is cheap, but nobody knows what a `ping()` does. */
const AT_ONCE = 128;

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

  go(): void {
    this.#held = false;
    this.#read();
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
    }
  }

  *#stepsOf({ loops, moved, ping }: Report): Generator<void> {
    for (const news of loops) {
      this.#reader.loop(news);
      yield;
    }
    for (const move of moved) {
      this.#reader.moved(move);
      yield;
    }
    this.#ping(ping, 0);
  }

  *#pingsFrom(pairs: readonly number[], from: number): Generator<void> {
    this.#ping(pairs, from);
  }

  /** Slot and ticket of each, in pieces between which the loop runs. */
  #ping(pairs: readonly number[], from: number): void {
    const end = Math.min(pairs.length, from + 2 * AT_ONCE);
    let at = from;
    for (; at < end && !this.#held; at += 2) this.#reader.ping(pairs[at] as number, pairs[at + 1] as number);
    if (at >= pairs.length) return;
    if (this.#held) this.#unread.push(this.#pingsFrom(pairs, at));
    else setImmediate(() => this.#ping(pairs, at));
  }
}
