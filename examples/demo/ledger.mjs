/**
 * What the conversation promised and when: a line for each write that begins and each that is acknowledged, on a pipe to
 * the parent. A line is with the kernel before the call returns, so a kill takes none of them back.
 */
import { writeSync } from 'node:fs';

/** The pipe that the parent opens beside the usual three. */
const PIPE = 3;

function note(line) {
  writeSync(PIPE, `${JSON.stringify(line)}\n`);
}

/** Runs a write between its two lines. */
export async function promised(kind, key, write) {
  note({ begin: kind, key });
  const result = await write();
  note({ done: kind, key });
  return result;
}

/** Tells the parent something else. */
export function tell(news) {
  note(news);
}

/** Reads the lines of a child's pipe into sets: what began, what was acknowledged. */
export class Ledger {
  begun = { message: new Set(), draft: new Set(), event: new Set() };
  done = { message: new Set(), draft: new Set(), event: new Set() };

  record({ begin, done, key }) {
    if (begin !== undefined) this.begun[begin].add(key);
    if (done !== undefined) this.done[done].add(key);
  }

  /** Writes that have begun and are not acknowledged. */
  inFlight() {
    return Object.keys(this.begun).flatMap((kind) => [...this.begun[kind]].filter((key) => !this.done[kind].has(key)));
  }

  toJSON() {
    return Object.fromEntries(Object.entries(this.done).map(([kind, keys]) => [kind, [...keys]]));
  }
}
