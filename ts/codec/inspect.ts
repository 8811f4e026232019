/** One walk over a value: refuses what cannot come back, and writes down where it is more than JSON. */
import { SmallTalkError } from '../errors.js';
import { kindOf, type Kind } from './kinds.js';
import { errorMembers, errorTag } from './error-members.js';
import { toPointer } from './pointer.js';

/** Deepest nesting of the stored JSON; the JSON functions of SQLite stop at 1,000. */
export const MAX_DEPTH = 900;

/** Typed arrays up to this length are searched for properties that are no elements. */
const LISTED_INDICES = 4096;

/** Stands for the pair of a Map among the ancestors: a container of the stored JSON, and nobody's ancestor. */
const PAIR = Object.freeze({});

/** What an inspection finds. */
export interface Findings {
  /** JSON Pointer → tag, children before their parents; null where everything is plain JSON. */
  types: Record<string, string> | null;
  /** Whether `JSON.stringify` would get it wrong, so that a copy with stand-ins has to be made. */
  copy: boolean;
}

/** Walks one value. `lenient` leaves what the codec does not take to `JSON.stringify`. */
export class Inspection implements Findings {
  types: Record<string, string> | null = null;
  copy = false;
  readonly #lenient: boolean;
  readonly #path: (string | number)[] = [];
  readonly #ancestors: object[] = [];

  constructor(lenient: boolean) {
    this.#lenient = lenient;
  }

  /** Visits a value at a depth, which is the number of containers around it. */
  visit(value: unknown, depth: number): void {
    switch (typeof value) {
      case 'string':
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
        this.#refuse(depth, `a ${typeof value}`);
    }
  }

  #object(value: object, depth: number): void {
    const kind = kindOf(value);
    if (depth >= MAX_DEPTH) this.#tooDeep(value, depth);
    this.#ancestors[depth] = value;
    if (kind === 'object') this.#members(value, depth);
    else if (kind === 'array') this.#elements(value as unknown[], depth);
    else this.#special(value, kind, depth);
  }

  #members(value: object, depth: number): void {
    const keys = Object.getOwnPropertyNames(value);
    for (let at = 0; at < keys.length; at += 1) {
      const key = keys[at] as string;
      const property = Object.getOwnPropertyDescriptor(value, key) as PropertyDescriptor;
      this.#path[depth] = key;
      if (property.get !== undefined || property.set !== undefined) this.#refuse(depth + 1, 'an accessor');
      else if (property.enumerable !== true) this.#refuse(depth + 1, 'a property that is not enumerable');
      else this.visit(property.value, depth + 1);
    }
    this.#noSymbols(value, depth);
  }

  #elements(value: unknown[], depth: number): void {
    const dense = Object.keys(value).length === value.length;
    if (!dense || Object.getOwnPropertyNames(value).length !== value.length + 1) this.#sparse(value, depth);
    for (let at = 0; at < value.length; at += 1) {
      this.#path[depth] = at;
      if (dense || Object.hasOwn(value, at)) this.#element(value, at, depth);
      else this.#note(depth + 1, 'hole');
    }
    this.#noSymbols(value, depth);
  }

  #element(value: unknown[], at: number, depth: number): void {
    const element = value[at];
    // Long arrays are arrays of numbers (embeddings); everything else can afford the question.
    if (typeof element !== 'number' && Object.getOwnPropertyDescriptor(value, at)?.get !== undefined) {
      this.#refuse(depth + 1, 'an accessor');
    } else {
      this.visit(element, depth + 1);
    }
  }

  /** An array whose keys are not just its indices: holes are fine, names are not. */
  #sparse(value: unknown[], depth: number): void {
    for (const key of Object.getOwnPropertyNames(value)) {
      if (key === 'length') continue;
      this.#path[depth] = key;
      const index = Number(key);
      if (!Number.isInteger(index) || index < 0 || String(index) !== key || index >= value.length) {
        this.#refuse(depth + 1, 'a named property of an array');
      }
    }
  }

  #special(value: object, kind: Kind, depth: number): void {
    if (typeof kind === 'object') {
      this.#refuse(depth, kind.refused);
      return;
    }
    switch (kind) {
      case 'null-prototype':
        this.#members(value, depth);
        this.#note(depth, kind);
        return;
      case 'Date':
      case 'URL':
        break;
      case 'RegExp':
        this.copy = true;
        this.#bare(value, depth, 1);
        this.#note(depth, (value as RegExp).lastIndex === 0 ? kind : `RegExp@${(value as RegExp).lastIndex}`);
        return;
      case 'Map':
        this.#map(value as Map<unknown, unknown>, depth);
        break;
      case 'Set':
        this.#list([...(value as Set<unknown>)], depth);
        break;
      case 'TypedArray':
        this.copy = true;
        this.#bare(value, depth, (value as Uint8Array).length);
        this.#note(depth, (value as Uint8Array)[Symbol.toStringTag]);
        return;
      case 'Buffer':
        this.copy = true;
        this.#bare(value, depth, (value as Buffer).length);
        this.#note(depth, kind);
        return;
      case 'Error':
        this.#error(value as Error, depth);
        return;
      default:
        this.copy = true;
    }
    this.#bare(value, depth);
    this.#note(depth, kind);
  }

  #map(value: Map<unknown, unknown>, depth: number): void {
    this.copy = true;
    let at = 0;
    for (const [key, member] of value) {
      this.#path[depth] = at;
      if (depth + 1 >= MAX_DEPTH) this.#tooDeep(value, depth + 1);
      this.#ancestors[depth + 1] = PAIR;
      this.#path[depth + 1] = 0;
      this.visit(key, depth + 2);
      this.#path[depth + 1] = 1;
      this.visit(member, depth + 2);
      at += 1;
    }
  }

  #list(values: unknown[], depth: number): void {
    this.copy = true;
    for (const [at, value] of values.entries()) {
      this.#path[depth] = at;
      this.visit(value, depth + 1);
    }
  }

  #error(value: Error, depth: number): void {
    this.copy = true;
    for (const [key, member] of errorMembers(value, (key) => {
      this.#path[depth] = key;
      this.#refuse(depth + 1, 'an accessor');
    })) {
      this.#path[depth] = key;
      this.visit(member, depth + 1);
    }
    this.#noSymbols(value, depth);
    this.#note(depth, errorTag(value));
  }

  /** A special value has no properties of its own that anybody would miss. */
  #bare(value: object, depth: number, natural = 0): void {
    // The indices of a long typed array are too many to ask for.
    if (natural <= LISTED_INDICES) {
      const names = Object.getOwnPropertyNames(value);
      if (names.length > natural) {
        this.#path[depth] = names.at(-1) as string;
        this.#refuse(depth + 1, 'a property of its own on a built-in object');
      }
    }
    this.#noSymbols(value, depth);
  }

  #noSymbols(value: object, depth: number): void {
    const symbols = Object.getOwnPropertySymbols(value);
    if (symbols.length > 0) {
      this.#path[depth] = String(symbols[0]);
      this.#refuse(depth + 1, 'a property named by a symbol');
    }
  }

  #note(depth: number, tag: string): void {
    this.types ??= {};
    this.types[this.#pointer(depth)] = tag;
  }

  #pointer(depth: number): string {
    return toPointer(this.#path.slice(0, depth));
  }

  #refuse(depth: number, what: string): void {
    if (this.#lenient) {
      this.copy = true;
      return;
    }
    const path = this.#pointer(depth);
    throw new SmallTalkError('ERR_VALUE_UNSUPPORTED', `${what} at "${path}" cannot be stored`, { path });
  }

  #tooDeep(value: object, depth: number): never {
    const chain = [...this.#ancestors.slice(0, depth), value];
    const seen = new Set<object>();
    for (const [at, ancestor] of chain.entries()) {
      if (ancestor !== PAIR && seen.has(ancestor)) {
        const path = this.#pointer(at);
        throw new SmallTalkError('ERR_VALUE_UNSUPPORTED', `a cycle at "${path}" cannot be stored`, { path });
      }
      seen.add(ancestor);
    }
    const path = this.#pointer(1);
    throw new SmallTalkError('ERR_VALUE_TOO_DEEP', `the value below "${path}" is deeper than ${MAX_DEPTH}`, { path });
  }
}
