/** What a walk over a value has come to: how long its text is at the least, and where it is more than JSON. */
import { tooLarge } from './failures.js';
import { toPointer } from './pointer.js';
import { entryOf, tableOf } from './table.js';

/** What an entry of the table has beside its pointer and its tag. */
const ENTRY = ',"":""'.length;

/** Counts one value. `keeps`: without it there is no table, and of each entry only what it has at the least is counted. */
export class Tally {
  /** Where the walk is: at a depth, as many steps of it. */
  readonly path: (string | number)[] = [];
  /** A lower bound of the text's and the table's bytes; a value counts with the comma after it, which the last has not. */
  #bytes = -1;
  /** The table's text, a comma before each entry: an object of millions of pointers takes three times as long. */
  #table = '';
  readonly #limit: number;
  readonly #keeps: boolean;

  constructor(limit: number, keeps: boolean) {
    this.#limit = limit;
    this.#keeps = keeps;
  }

  /** As JSON, JSON Pointer → tag, children before their parents; null where everything is plain JSON. */
  get types(): string | null {
    return tableOf(this.#table);
  }

  count(bytes: number): void {
    this.#bytes += bytes;
  }

  /** Throws where there is no room for so many bytes more. */
  room(bytes: number): void {
    if (this.#bytes + bytes > this.#limit) throw tooLarge(this.#limit);
  }

  /** Notes what stands at a depth. */
  note(depth: number, tag: string): void {
    if (this.#keeps) {
      const entry = entryOf(this.path, depth, tag);
      this.#table += entry;
      this.#bytes += entry.length;
    } else {
      this.#bytes += ENTRY + depth + tag.length;
    }
    this.room(0);
  }

  pointer(depth: number): string {
    return toPointer(this.path.slice(0, depth));
  }
}
