/** A child that writes and says so, on a pipe that outlives it. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** Longer than anything here takes; a child that is still there then hangs. */
const HUNG_MS = 60_000;

/**
 * Runs a script, perhaps under strace, until it ends or is killed. `hear` gets each line of its journal, and the child:
 * what it says after its death has been said before, and counts.
 */
export async function runChild({ script, words, hear, under = [], env = {}, nodeOptions = [], hungMs = HUNG_MS }) {
  const [program, ...rest] = [...under, process.execPath, ...nodeOptions, script, ...words];
  const child = spawn(program, rest, {
    stdio: ['pipe', 'ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
    detached: true,
  });
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (text) => (complaint += text));
  const ended = new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve(signal ?? code));
  });
  let hung = false;
  const patience = setTimeout(() => {
    hung = true;
    killAll(child);
  }, hungMs);
  try {
    for await (const line of createInterface({ input: child.stdio[3] })) hear?.(line, child);
    const how = await ended;
    if (hung) throw new Error(`the child hung\n${complaint}`);
    return { how, complaint };
  } finally {
    clearTimeout(patience);
    killAll(child);
  }
}

/** The child and what it has started, strace's child too. */
export function killAll(child) {
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}
