/**
 * About how many bytes a value keeps in memory: good enough to bound a queue or a history by. No code of the program's
 * runs: it could throw, and emitting must not.
 */
import { types } from 'node:util';

import { bytesIn, listOf } from '../codec/originals.js';

/** Values looked at; what is larger is taken to go on as it began. */
const SAMPLE = 1_000;

const WORD = 8;

/** What an error has beside its enumerable members. Not its stack: the engine writes that when it is asked for it. */
const OF_ERRORS = ['message', 'cause', 'errors'];

/** Estimates a value and all it refers to, at least one word. */
export function sizeOf(value: unknown): number {
  const seen = new Set<object>();
  let budget = SAMPLE;
  const visit = (part: unknown): number => {
    budget -= 1;
    if (typeof part === 'string') return 2 * WORD + part.length * 2;
    if (typeof part !== 'object' || part === null || seen.has(part)) return WORD;
    seen.add(part);
    if (types.isProxy(part)) return 2 * WORD;
    if (types.isMap(part) || types.isSet(part)) return 2 * WORD + listed(part);
    const bytes = bytesIn(part);
    return bytes === undefined ? 2 * WORD + members(part) : 4 * WORD + bytes;
  };
  const members = (part: object): number => {
    const keys = Array.isArray(part) ? null : Object.keys(part);
    if (keys !== null && types.isNativeError(part)) keys.push(...OF_ERRORS);
    const length = keys === null ? (part as unknown[]).length : keys.length;
    let bytes = 0;
    for (let at = 0; at < length; at += 1) {
      if (budget <= 0) return at === 0 ? length * WORD : (bytes / at) * length;
      const key = keys === null ? at : (keys[at] as string);
      const property = Object.getOwnPropertyDescriptor(part, key);
      bytes += WORD + visit(property?.value);
    }
    return bytes;
  };
  const listed = (part: object): number => {
    const { all, length } = listOf(part);
    let bytes = 0;
    let at = 0;
    for (const one of all) {
      if (budget <= 0) return at === 0 ? length * WORD : (bytes / at) * length;
      bytes += WORD + visit(one);
      at += 1;
    }
    return bytes;
  };
  return visit(value);
}
