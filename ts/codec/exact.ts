/** The exact way: it takes any value that can come back, and finds what cannot, with its path. */
import type { Encoded } from '../codec.js';
import { Inspection } from './inspect.js';

/** Encodes a value. Throws what the inspection throws; `lenient`: what is refused is as `JSON.stringify` has it. */
export function exactText(value: unknown, lenient: boolean, limit: number): Encoded {
  // What cannot be stored, or is too large, is refused before anything is copied.
  new Inspection(lenient, limit, false).inspect(value);
  // A getter may give something else by now, or have changed what stands beside it: the table is that of the copy.
  const findings = new Inspection(lenient, limit, true);
  const text = JSON.stringify(findings.inspect(value));
  return { text, types: findings.types };
}
