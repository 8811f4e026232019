/**
 * One walk over a value: refuses what cannot come back, writes down where it is more than JSON, and copies it, with stand-ins
 * there. Each part is read once, so that the copy and the table are of one moment, whatever a getter says or does meanwhile.
 */
import { tooDeep, unsupported } from './failures.js';
import { isDisguised, kindOf, runsCode, type Kind } from './kinds.js';
import { errorMembers, errorTag } from './error-members.js';
import { isoText } from './iso.js';
import { bytesOf, elementsIn, entriesOf, membersOf, regExpText, typedArrayName, urlText } from './originals.js';
import { asJson, inList, OMITTED } from './stand-ins.js';
import { isDense, strayName, strayOfArray, straySymbol } from './strays.js';
import { setMember } from './pointer.js';
import { Tally } from './tally.js';

/** Deepest nesting of the stored JSON; the JSON functions of SQLite stop at 1,000. */
export const MAX_DEPTH = 900;

/** Fewest bytes of a hole: `null,` in the text, `"/0":"hole",` in the table. */
const HOLE_BYTES = 17;

/** Stands for the pair of a Map among the ancestors: a container of the stored JSON, and nobody's ancestor. */
const PAIR = Object.freeze({});

/**
 * Walks one value. `lenient` leaves what the codec does not take to `JSON.stringify`; `copies`: without it nothing is made of
 * the value, so that what is too large has been refused before it is copied.
 */
export class Inspection {
  readonly #tally: Tally;
  readonly #lenient: boolean;
  readonly #copies: boolean;
  readonly #path: (string | number)[];
  readonly #ancestors: object[] = [];

  constructor(lenient: boolean, limit: number, copies: boolean) {
    this.#tally = new Tally(limit, copies);
    this.#path = this.#tally.path;
    this.#lenient = lenient;
    this.#copies = copies;
  }

  /** As JSON, JSON Pointer → tag, children before their parents; null where everything is plain JSON. */
  get types(): string | null {
    return this.#tally.types;
  }

  /**
   * Gives the copy, which `JSON.stringify` can write. Throws where the value cannot be stored, or its text would certainly have
   * more than `limit` bytes.
   */
  inspect(value: unknown): unknown {
    const standIn = this.#visit(value, 0);
    this.#tally.room(0);
    return inList(standIn);
  }

  /** Visits a value at a depth, which is the number of containers around it; gives what stands for it in the copy. */
  #visit(value: unknown, depth: number): unknown {
    this.#tally.count(2);
    switch (typeof value) {
      case 'string':
        this.#tally.count(value.length + 1);
        return value;
      case 'boolean':
        return value;
      case 'number':
        if (!Number.isFinite(value) || Object.is(value, -0))
          this.#tally.note(depth, Object.is(value, -0) ? '-0' : String(value));
        return value;
      case 'object':
        return value === null ? null : this.#object(value, depth);
      case 'undefined':
        this.#tally.note(depth, 'undefined');
        return null;
      case 'bigint':
        this.#tally.note(depth, 'BigInt');
        return value.toString();
      default:
        this.#refuse(depth, `a ${typeof value}`);
        this.#tally.count(-2);
        return OMITTED;
    }
  }

  #object(value: object, depth: number): unknown {
    const kind = kindOf(value);
    if (depth >= MAX_DEPTH) this.#tooDeep(value, depth);
    this.#ancestors[depth] = value;
    this.#tally.room(kind === 'array' ? (value as unknown[]).length * 2 : 0);
    if (this.#lenient && runsCode(value, kind)) return this.#json(value, depth, 'code of its own');
    return this.#contents(value, kind, depth);
  }

  #contents(value: object, kind: Kind, depth: number): unknown {
    if (kind === 'object') return this.#members(value, depth);
    if (kind === 'array') return this.#elements(value as unknown[], depth);
    if (kind === 'Map') return this.#map(value, depth);
    if (kind === 'Set') return this.#set(value, depth);
    if (kind === 'Error') return this.#error(value as Error, depth);
    if (kind === 'Date' || kind === 'URL' || kind === 'RegExp') return this.#text(value, kind, depth);
    if (typeof kind === 'object') return this.#json(value, depth, kind.refused);
    if (kind !== 'null-prototype') return this.#binary(value, kind, depth);
    const members = this.#members(value, depth);
    this.#tally.note(depth, kind);
    return members;
  }

  #members(value: object, depth: number): unknown {
    const keys = Object.getOwnPropertyNames(value);
    const copy = {};
    let count = 0;
    for (let at = 0; at < keys.length; at += 1) {
      const key = keys[at] as string;
      const property = Object.getOwnPropertyDescriptor(value, key);
      this.#path[depth] = key;
      // What a getter elsewhere has taken away meanwhile is not there any more.
      if (property === undefined) continue;
      if (property.get !== undefined || property.set !== undefined) this.#refuse(depth + 1, 'an accessor');
      else if (property.enumerable !== true) this.#refuse(depth + 1, 'a property that is not enumerable');
      else {
        const standIn = this.#visit(property.value, depth + 1);
        if (standIn !== OMITTED) this.#tally.count(key.length + 3);
        this.#put(copy, key, standIn);
        count += 1;
      }
    }
    if (count === 0 && isDisguised(value)) return this.#json(value, depth, 'a built-in object without its methods');
    this.#noSymbols(value, depth);
    return copy;
  }

  #elements(value: unknown[], depth: number): unknown[] {
    const names = Object.keys(value);
    const dense = isDense(value, names);
    const copy: unknown[] = [];
    this.#tally.room(names.length * 2 + (value.length - names.length) * HOLE_BYTES);
    if (!dense || Object.getOwnPropertyNames(value).length !== value.length + 1)
      this.#stray(strayOfArray(value), depth, 'a named property of an array');
    for (let at = 0; at < value.length; at += 1) {
      this.#path[depth] = at;
      const isHole = !dense && !Object.hasOwn(value, at);
      if (isHole) this.#tally.note(depth + 1, 'hole');
      this.#add(copy, isHole ? null : this.#element(value, at, depth, dense));
    }
    this.#noSymbols(value, depth);
    return copy;
  }

  #element(value: unknown[], at: number, depth: number, dense: boolean): unknown {
    const element = value[at];
    // Long arrays are arrays of numbers (embeddings); everything else can afford the question.
    const property = typeof element === 'number' && dense ? undefined : Object.getOwnPropertyDescriptor(value, at);
    if (property?.get !== undefined || property?.set !== undefined) this.#refuse(depth + 1, 'an accessor');
    else if (property?.enumerable === false) this.#refuse(depth + 1, 'a property that is not enumerable');
    return this.#visit(element, depth + 1);
  }

  #text(value: object, kind: 'Date' | 'URL' | 'RegExp', depth: number): string | null {
    this.#bare(value, depth, kind === 'RegExp' ? 1 : 0);
    const { lastIndex } = value as RegExp;
    this.#tally.note(depth, kind === 'RegExp' && lastIndex !== 0 ? `RegExp@${lastIndex}` : kind);
    if (kind === 'Date') return isoText(value as Date);
    return kind === 'URL' ? urlText(value as URL) : regExpText(value as RegExp);
  }

  #map(value: object, depth: number): unknown[] {
    const copy: unknown[] = [];
    this.#bare(value, depth);
    for (const [at, pair] of entriesOf(value).entries()) {
      this.#path[depth] = at;
      if (depth + 1 >= MAX_DEPTH) this.#tooDeep(value, depth + 1);
      this.#ancestors[depth + 1] = PAIR;
      this.#path[depth + 1] = 0;
      const key = this.#visit(pair[0], depth + 2);
      this.#path[depth + 1] = 1;
      this.#add(copy, [inList(key), inList(this.#visit(pair[1], depth + 2))]);
    }
    this.#tally.note(depth, 'Map');
    return copy;
  }

  #set(value: object, depth: number): unknown[] {
    const copy: unknown[] = [];
    this.#bare(value, depth);
    for (const [at, member] of membersOf(value).entries()) {
      this.#path[depth] = at;
      this.#add(copy, this.#visit(member, depth + 1));
    }
    this.#tally.note(depth, 'Set');
    return copy;
  }

  #binary(value: object, kind: Kind & string, depth: number): string | null {
    this.#tally.count(Math.ceil(bytesOf(value).length / 3) * 4);
    this.#tally.room(0);
    this.#bare(value, depth, kind === 'ArrayBuffer' ? 0 : elementsIn(value));
    this.#tally.note(depth, kind === 'TypedArray' ? typedArrayName(value) : kind);
    return this.#copies ? bytesOf(value).toString('base64') : null;
  }

  #error(value: Error, depth: number): object {
    const copy = {};
    const members = errorMembers(value, (key, what) => {
      this.#path[depth] = key;
      this.#refuse(depth + 1, what);
    });
    const tag = errorTag(value);
    for (const [key, member] of members) {
      this.#path[depth] = key;
      this.#put(copy, key, this.#visit(member, depth + 1));
    }
    this.#noSymbols(value, depth);
    this.#tally.note(depth, tag);
    return copy;
  }

  #put(copy: object, key: string, standIn: unknown): void {
    if (this.#copies && standIn !== OMITTED) setMember(copy, key, standIn);
  }

  #add(copy: unknown[], standIn: unknown): void {
    if (this.#copies) copy.push(inList(standIn));
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

  #refuse(depth: number, what: string): void {
    if (!this.#lenient) throw unsupported(what, this.#tally.pointer(depth));
  }

  /** Refuses a value that has been counted, or gives what `JSON.stringify` makes of it, which may leave it out. */
  #json(value: object, depth: number, what: string): unknown {
    this.#refuse(depth, what);
    this.#tally.count(-2);
    const json = this.#copies ? asJson(value) : OMITTED;
    // What toJSON() methods gave has not been looked at yet: it may be too deep.
    return json === OMITTED ? OMITTED : this.#visit(json, depth);
  }

  #tooDeep(value: object, depth: number): never {
    const chain = [...this.#ancestors.slice(0, depth), value];
    const cycle = chain.findIndex((ancestor, at) => ancestor !== PAIR && chain.indexOf(ancestor) < at);
    throw cycle === -1
      ? tooDeep(MAX_DEPTH, this.#tally.pointer(1))
      : unsupported('a cycle', this.#tally.pointer(cycle));
  }
}
