/** The end of an environment, a worker's or the process's, while threads of the addon still let go of its callbacks. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { runNode, runProgram } from './support/child.js';
import { skipUnless } from './support/skip.js';
import { temporaryDirectory } from './support/temporary.js';

const dist = join(__dirname, '..', 'dist', 'index.js');

/** A worker that ends with the answer to a close, in a process that lives on. */
const inWorker = (close: string) => `
  const { Worker, isMainThread } = require('node:worker_threads');
  const main = async () => {
    const { JsonlEventReplayStorage, SQLiteStorageAdapter } = require(${JSON.stringify(dist)});
    const directory = process.cwd();
    ${close}
  };
  if (!isMainThread) void main();
  else new Worker(__filename).once('exit', (code) => {
    // What a thread does too late, it does within this time.
    setTimeout(() => console.log('lives on after', code), 500);
  });`;

const CLOSES = {
  'an event log that was replayed': `
    const log = new JsonlEventReplayStorage({ directory });
    await log.append('s', { topic: 't' });
    for await (const event of log.replay('s')) event.seq;
    await log.close();`,
  'an SQLite store': `
    const store = new SQLiteStorageAdapter({ path: directory + '/s.db' });
    await store.set('k', 1);
    await store.close();`,
};

describe.each(Object.entries(CLOSES))('a worker that ends with the close of %s', (_, close) => {
  skipUnless(process.platform === 'linux', 'other systems load nothing before a program')('ends alone', async () => {
    const cwd = temporaryDirectory();
    const library = join(cwd, 'late-locks.so');
    const source = join(__dirname, 'support', 'late-locks.c');
    const compiled = await runProgram('cc', ['-shared', '-fPIC', '-o', library, source, '-ldl'], { cwd });
    expect(compiled).toEqual({ code: 0, output: '' });
    const script = join(cwd, 'script.cjs');
    await writeFile(script, inWorker(close));
    const ended = await runNode([script], { cwd, env: { LD_PRELOAD: library } });
    expect(ended).toEqual({ code: 0, output: 'lives on after 0\n' });
  });
});
