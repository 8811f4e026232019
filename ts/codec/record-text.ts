/** The text of a record: what `encode` would have made of the value when the record was made. */
import type { Encoded } from '../codec.js';
import { ARRAY, DATE, END, type Slots } from './record.js';
import { isLiftable, type Lifted } from './lifted.js';
import { isoOf } from './iso.js';
import { firstName, followingName } from './leads.js';
import { quoted } from './quote.js';
import { entryOf, tableOf } from './table.js';

/** Writes a record as JSON, with its table of types. Its long texts go to `lifted`, where there is one. */
export function textOf(slots: Slots, lifted: Lifted | null = null): Encoded {
  return writer.write(slots, lifted);
}

const NOTHING: Slots = [];

/** Writes the slots in their order, Dates as text, and notes where those stand. */
class RecordWriter {
  /** The table's text, a comma before each entry. */
  #table = '';
  #slots = NOTHING;
  #lifted: Lifted | null = null;
  readonly #path: (string | number)[] = [];
  #depth = 0;
  #at = 0;

  write(slots: Slots, lifted: Lifted | null): Encoded {
    this.#slots = slots;
    this.#lifted = lifted;
    this.#at = this.#depth = 0;
    this.#table = '';
    const text = this.#next();
    this.#slots = NOTHING;
    this.#lifted = null;
    return { text, types: tableOf(this.#table) };
  }

  #next(): string {
    const slot = this.#slots[this.#at++];
    if (typeof slot === 'string')
      return this.#lifted !== null && isLiftable(slot) ? this.#lifted.take(slot) : quoted(slot);
    if (typeof slot !== 'symbol') return String(slot);
    if (slot === DATE) return this.#date();
    return slot === ARRAY ? this.#array() : this.#object();
  }

  #object(): string {
    const depth = this.#depth++;
    let text = '';
    for (let key = this.#slots[this.#at++]; key !== END; key = this.#slots[this.#at++]) {
      this.#path[depth] = key as string;
      text += (text === '' ? firstName(key as string) : followingName(key as string)).plain + this.#next();
    }
    this.#depth = depth;
    return text === '' ? '{}' : `${text}}`;
  }

  #array(): string {
    const depth = this.#depth++;
    let text = '';
    for (let at = 0; this.#slots[this.#at] !== END; at += 1) {
      this.#path[depth] = at;
      text += at === 0 ? this.#next() : `,${this.#next()}`;
    }
    this.#at += 1;
    this.#depth = depth;
    return `[${text}]`;
  }

  #date(): string {
    this.#table += entryOf(this.#path, this.#depth, 'Date');
    const time = this.#slots[this.#at++] as number;
    return Number.isNaN(time) ? 'null' : `"${isoOf(time)}"`;
  }
}

/** One for all: with the last instance of a class goes what the engine has compiled for it. */
const writer = new RecordWriter();
