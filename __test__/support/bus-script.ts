/** Scripts for processes of their own, that have the compiled bus. */
import { join } from 'node:path';

import { runNode, type Ended } from './child.js';
import { temporaryDirectory } from './temporary.js';

const PACKAGE = JSON.stringify(join(__dirname, '../../dist/index.js'));

/** Runs a script that has these classes of the package by their names. */
export function runBusScript(work: string, flags: string[] = []): Promise<Ended> {
  const script = `const { SmallTalkEventBus, JsonlEventReplayStorage, SQLiteStorageAdapter } = require(${PACKAGE});\n${work}`;
  return runNode([...flags, '-e', script], { cwd: temporaryDirectory(), timeoutMs: 60_000 });
}

/** What the script printed last, as JSON; anything else it said, and any other end, is an error. */
export async function reportOf(work: string, flags: string[] = []): Promise<unknown> {
  const { code, output } = await runBusScript(work, flags);
  try {
    if (code === 0) return JSON.parse(output);
  } catch {
    // Said below.
  }
  throw new Error(`the script ended with ${code} and said: ${output}`);
}
