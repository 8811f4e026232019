/** The text of a record: what `encode` would have made of the value when the record was made. */
import type { Encoded } from '../codec.js';
import { ARRAY, DATE, END, type Slots } from './record.js';
import { isoText } from './originals.js';
import { setMember, toPointer } from './pointer.js';

/** What nearly every message has, ready made. */
const ONLY_TIMESTAMP = ',"/timestamp":"Date"';

/** Writes a record as JSON, with its table of types. */
export function textOf(slots: Slots): Encoded {
  const copy = new Copy(slots);
  const text = JSON.stringify(copy.next());
  return { text, types: copy.table === '' ? null : `{${copy.table.slice(1)}}` };
}

/** Builds the value of a record anew, Dates as text, and notes where they stand. */
class Copy {
  /** The table's text, a comma before each entry. */
  table = '';
  readonly #slots: Slots;
  readonly #path: (string | number)[] = [];
  #at = 0;

  constructor(slots: Slots) {
    this.#slots = slots;
  }

  next(): unknown {
    const slot = this.#slots[this.#at++];
    if (typeof slot !== 'symbol') return slot;
    if (slot === DATE) return this.#date();
    return slot === ARRAY ? this.#array() : this.#object();
  }

  #object(): object {
    const object: Record<string, unknown> = {};
    const depth = this.#path.length;
    for (let key = this.#slots[this.#at++]; key !== END; key = this.#slots[this.#at++]) {
      this.#path[depth] = key as string;
      if (key === '__proto__') setMember(object, key, this.next());
      else object[key as string] = this.next();
    }
    this.#path.length = depth;
    return object;
  }

  #array(): unknown[] {
    const array: unknown[] = [];
    const depth = this.#path.length;
    while (this.#slots[this.#at] !== END) {
      this.#path[depth] = array.length;
      array.push(this.next());
    }
    this.#at += 1;
    this.#path.length = depth;
    return array;
  }

  #date(): string | null {
    const path = this.#path;
    this.table +=
      path.length === 1 && path[0] === 'timestamp' ? ONLY_TIMESTAMP : `,${JSON.stringify(toPointer(path))}:"Date"`;
    return isoText(new Date(this.#slots[this.#at++] as number));
  }
}
