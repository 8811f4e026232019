/** The exact way: it takes any value that can come back, and finds what cannot, with its path. */
import type { Encoded } from '../codec.js';
import { Inspection } from './inspect.js';
import { withStandIns } from './stand-ins.js';

/** Encodes a value. Throws what the inspection throws; `lenient`: what is refused is as `JSON.stringify` has it. */
export function exactText(value: unknown, lenient: boolean, limit: number): Encoded {
  const findings = new Inspection(lenient, limit);
  findings.inspect(value);
  const text = JSON.stringify(findings.copy ? copied(value, lenient, limit) : value);
  return { text, types: findings.types };
}

function copied(value: unknown, lenient: boolean, limit: number): unknown {
  const copy = withStandIns(value, lenient);
  // What toJSON() methods gave has not been looked at yet: it may be too deep.
  if (lenient) new Inspection(true, limit).inspect(copy);
  return copy;
}
