/** Running a tool: its output is shown as it comes and kept for whoever counts in it. */
import { spawn } from 'node:child_process';

/** npm and npx are scripts that only a shell can start on Windows. */
const NEEDS_SHELL = process.platform === 'win32' ? new Set(['npm', 'npx']) : new Set();

/**
 * `{ code, output, words }`, the last what was run. Never rejects: a tool that is not there ends with the code 127. `quiet` shows nothing of it; `mute` keeps
 * one of its streams off the screen.
 */
export function run(command, words, { env = {}, quiet = false, mute, cwd } = {}) {
  const all = [command, ...words];
  if (!quiet) console.log(`$ ${all.join(' ')}`);
  return new Promise((resolve) => {
    const options = { cwd, env: { ...process.env, ...env }, shell: NEEDS_SHELL.has(command) };
    const child = spawn(command, words, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const name of ['stdout', 'stderr']) {
      child[name].setEncoding('utf8').on('data', (text) => {
        output += text;
        if (!quiet && mute !== name) process[name].write(text);
      });
    }
    child.on('error', (error) => resolve({ code: 127, output: error.message, words: all }));
    child.on('close', (code) => resolve({ code: code ?? 1, output, words: all }));
  });
}

/** Runs a script that a package in node_modules brings, without asking npm where it is. */
export function runTool(script, words, options) {
  return run(process.execPath, [`node_modules/${script}`, ...words], options);
}
