/** One walk over a value: refuses what cannot come back, and writes down where it is more than JSON. */
import { tooDeep, tooLarge, unsupported } from './failures.js';
import { isDisguised, kindOf, runsCode, type Kind } from './kinds.js';
import { errorMembers, errorTag } from './error-members.js';
import { bytesOf, elementsIn, entriesOf, membersOf, typedArrayName, writesItself } from './originals.js';
import { isDense, strayName, strayOfArray, straySymbol } from './strays.js';
import { toPointer } from './pointer.js';
import { entryOf, tableOf } from './table.js';

/** Deepest nesting of the stored JSON; the JSON functions of SQLite stop at 1,000. */
export const MAX_DEPTH = 900;

/** Fewest bytes of a hole: `null,` in the text, `"/0":"hole",` in the table. */
const HOLE_BYTES = 17;

/** Stands for the pair of a Map among the ancestors: a container of the stored JSON, and nobody's ancestor. */
const PAIR = Object.freeze({});

/** Walks one value. `lenient` leaves what the codec does not take to `JSON.stringify`. */
export class Inspection {
  /** Whether `JSON.stringify` would get it wrong, so that a copy with stand-ins has to be made. */
  copy = false;
  /** A lower bound of the text's and the table's bytes; a value counts with the comma after it, which the last has not. */
  #bytes = -1;
  /** The table's text, a comma before each entry: an object of millions of pointers takes three times as long. */
  #table = '';
  readonly #lenient: boolean;
  readonly #limit: number;
  readonly #path: (string | number)[] = [];
  readonly #ancestors: object[] = [];

  constructor(lenient: boolean, limit: number) {
    this.#lenient = lenient;
    this.#limit = limit;
  }

  /** As JSON, JSON Pointer → tag, children before their parents; null where everything is plain JSON. */
  get types(): string | null {
    return tableOf(this.#table);
  }

  /** Throws where the value cannot be stored, or its text would certainly have more than `limit` bytes. */
  inspect(value: unknown): void {
    this.#visit(value, 0);
    this.#room(0);
  }

  /** Visits a value at a depth, which is the number of containers around it. */
  #visit(value: unknown, depth: number): void {
    this.#bytes += 2;
    switch (typeof value) {
      case 'string':
        this.#bytes += value.length + 1;
        return;
      case 'boolean':
        return;
      case 'number':
        if (!Number.isFinite(value) || Object.is(value, -0))
          this.#note(depth, Object.is(value, -0) ? '-0' : String(value));
        return;
      case 'object':
        if (value !== null) this.#object(value, depth);
        return;
      case 'undefined':
        this.copy = true;
        this.#note(depth, 'undefined');
        return;
      case 'bigint':
        this.copy = true;
        this.#note(depth, 'BigInt');
        return;
      default:
        this.#refuseWhole(depth, `a ${typeof value}`);
    }
  }

  #object(value: object, depth: number): void {
    const kind = kindOf(value);
    if (depth >= MAX_DEPTH) this.#tooDeep(value, depth);
    this.#ancestors[depth] = value;
    this.#room(kind === 'array' ? (value as unknown[]).length * 2 : 0);
    if (this.#lenient && runsCode(value, kind)) this.#refuseWhole(depth, 'code of its own');
    else this.#contents(value, kind, depth);
  }

  #contents(value: object, kind: Kind, depth: number): void {
    if (kind === 'object') this.#members(value, depth);
    else if (kind === 'array') this.#elements(value as unknown[], depth);
    else if (kind === 'Map') this.#map(value, depth);
    else if (kind === 'Set') this.#set(value, depth);
    else if (kind === 'Error') this.#error(value as Error, depth);
    else if (kind === 'Date' || kind === 'URL' || kind === 'RegExp') this.#text(value, kind, depth);
    else if (typeof kind === 'object') this.#refuseWhole(depth, kind.refused);
    else if (kind === 'null-prototype') {
      this.#members(value, depth);
      this.#note(depth, kind);
    } else this.#binary(value, kind, depth);
  }

  #members(value: object, depth: number): void {
    const keys = Object.getOwnPropertyNames(value);
    if (keys.length === 0 && isDisguised(value)) this.#refuse(depth, 'a built-in object without its methods');
    for (let at = 0; at < keys.length; at += 1) {
      const key = keys[at] as string;
      const property = Object.getOwnPropertyDescriptor(value, key) as PropertyDescriptor;
      this.#path[depth] = key;
      if (property.get !== undefined || property.set !== undefined) this.#refuse(depth + 1, 'an accessor');
      else if (property.enumerable !== true) this.#refuse(depth + 1, 'a property that is not enumerable');
      else this.#visit(property.value, depth + 1);
    }
    this.#noSymbols(value, depth);
  }

  #elements(value: unknown[], depth: number): void {
    const names = Object.keys(value);
    const dense = isDense(value, names);
    this.#room(names.length * 2 + (value.length - names.length) * HOLE_BYTES);
    if (!dense || Object.getOwnPropertyNames(value).length !== value.length + 1)
      this.#stray(strayOfArray(value), depth, 'a named property of an array');
    for (let at = 0; at < value.length; at += 1) {
      this.#path[depth] = at;
      if (dense || Object.hasOwn(value, at)) this.#element(value, at, depth, dense);
      else this.#note(depth + 1, 'hole');
    }
    this.#noSymbols(value, depth);
  }

  #element(value: unknown[], at: number, depth: number, dense: boolean): void {
    const element = value[at];
    // Long arrays are arrays of numbers (embeddings); everything else can afford the question.
    const property = typeof element === 'number' && dense ? undefined : Object.getOwnPropertyDescriptor(value, at);
    if (property?.get !== undefined || property?.set !== undefined) this.#refuse(depth + 1, 'an accessor');
    else if (property?.enumerable === false) this.#refuse(depth + 1, 'a property that is not enumerable');
    else this.#visit(element, depth + 1);
  }

  #text(value: object, kind: 'Date' | 'URL' | 'RegExp', depth: number): void {
    this.#bare(value, depth, kind === 'RegExp' ? 1 : 0);
    if (kind !== 'Date' || !writesItself(value as Date)) this.copy = true;
    const { lastIndex } = value as RegExp;
    this.#note(depth, kind === 'RegExp' && lastIndex !== 0 ? `RegExp@${lastIndex}` : kind);
  }

  #map(value: object, depth: number): void {
    this.copy = true;
    this.#bare(value, depth);
    for (const [at, pair] of entriesOf(value).entries()) {
      this.#path[depth] = at;
      if (depth + 1 >= MAX_DEPTH) this.#tooDeep(value, depth + 1);
      this.#ancestors[depth + 1] = PAIR;
      this.#path[depth + 1] = 0;
      this.#visit(pair[0], depth + 2);
      this.#path[depth + 1] = 1;
      this.#visit(pair[1], depth + 2);
    }
    this.#note(depth, 'Map');
  }

  #set(value: object, depth: number): void {
    this.copy = true;
    this.#bare(value, depth);
    for (const [at, member] of membersOf(value).entries()) {
      this.#path[depth] = at;
      this.#visit(member, depth + 1);
    }
    this.#note(depth, 'Set');
  }

  #binary(value: object, kind: Kind & string, depth: number): void {
    this.copy = true;
    this.#bytes += Math.ceil(bytesOf(value).length / 3) * 4;
    this.#room(0);
    this.#bare(value, depth, kind === 'ArrayBuffer' ? 0 : elementsIn(value));
    this.#note(depth, kind === 'TypedArray' ? typedArrayName(value) : kind);
  }

  #error(value: Error, depth: number): void {
    this.copy = true;
    const members = errorMembers(value, (key, what) => {
      this.#path[depth] = key;
      this.#refuse(depth + 1, what);
    });
    for (const [key, member] of members) {
      this.#path[depth] = key;
      this.#visit(member, depth + 1);
    }
    this.#noSymbols(value, depth);
    this.#note(depth, errorTag(value));
  }

  /** A special value has no properties of its own that anybody would miss. */
  #bare(value: object, depth: number, natural = 0): void {
    this.#stray(strayName(value, natural), depth, 'a property of its own on a built-in object');
    this.#noSymbols(value, depth);
  }

  #noSymbols(value: object, depth: number): void {
    this.#stray(straySymbol(value), depth, 'a property named by a symbol');
  }

  #stray(key: string | undefined, depth: number, what: string): void {
    if (key === undefined) return;
    this.#path[depth] = key;
    this.#refuse(depth + 1, what);
  }

  #note(depth: number, tag: string): void {
    const entry = entryOf(this.#path, depth, tag);
    this.#table += entry;
    this.#bytes += entry.length;
    this.#room(0);
  }

  #room(bytes: number): void {
    if (this.#bytes + bytes > this.#limit) throw tooLarge(this.#limit);
  }

  #pointer(depth: number): string {
    return toPointer(this.#path.slice(0, depth));
  }

  #refuse(depth: number, what: string): void {
    if (this.#lenient) {
      this.copy = true;
      return;
    }
    throw unsupported(what, this.#pointer(depth));
  }

  /** Refuses a value that has been counted: `JSON.stringify` may leave it out. */
  #refuseWhole(depth: number, what: string): void {
    this.#refuse(depth, what);
    this.#bytes -= 2;
  }

  #tooDeep(value: object, depth: number): never {
    const chain = [...this.#ancestors.slice(0, depth), value];
    const cycle = chain.findIndex((ancestor, at) => ancestor !== PAIR && chain.indexOf(ancestor) < at);
    throw cycle === -1 ? tooDeep(MAX_DEPTH, this.#pointer(1)) : unsupported('a cycle', this.#pointer(cycle));
  }
}
