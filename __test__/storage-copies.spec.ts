/** Two copies of the package in one process, as where a dependency has one for itself: two SQLites, that see none of each other's locks. */
import { cpSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

import { runNode } from './support/child.js';
import { ROOT } from './support/consumer.js';
import { skipUnless } from './support/skip.js';
import { temporaryDirectory } from './support/temporary.js';

let directory = '';

beforeEach(() => {
  directory = temporaryDirectory();
  const copy = join(directory, 'copy');
  mkdirSync(copy);
  const binaries = readdirSync(ROOT).filter((name) => name.endsWith('.node'));
  for (const name of ['package.json', 'index.js', 'dist', ...binaries]) {
    cpSync(join(ROOT, name), join(copy, name), { recursive: true });
  }
});

const PREAMBLE = `
  const { readFileSync, unlinkSync, writeFileSync } = require('node:fs');
  const { spawnSync } = require('node:child_process');
  const { once } = require('node:events');
  const { Worker, isMainThread } = require('node:worker_threads');
  const names = { own: ${JSON.stringify(join(ROOT, 'dist', 'index.js'))}, copy: './copy/dist/index.js' };
  const load = (which) => require(require('node:path').resolve(names[which]));
  const open = (which, path) => new (load(which).SQLiteStorageAdapter)({ path });
  const outcome = (call) => call.then(() => 'done', (error) => error.code);
  const say = (what) => console.log('> ' + JSON.stringify(what));
`;

/** Runs a program with two copies beside each other; gives what it says. */
async function told(program: string): Promise<unknown[]> {
  const { code, output } = await runNode(['-e', `${PREAMBLE}(async () => {${program}})();`], { cwd: directory });
  expect({ code, output }).toEqual({ code: 0, output: expect.any(String) as string });
  const lines = output.split('\n').filter((line) => line.startsWith('> '));
  return lines.map((line) => JSON.parse(line.slice(2)) as unknown);
}

const where = skipUnless(process.platform !== 'win32', 'only POSIX gives the locks of a file to a process');

for (const [first, second] of [
  ['own', 'copy'],
  ['copy', 'own'],
]) {
  where(
    `the file that one copy has open is not opened by another until it is closed there (${first} first)`,
    async () => {
      const said = await told(`
    const one = open('${first}', 's.db');
    await one.set('a', 1);
    const other = open('${second}', 's.db');
    const error = await other.set('b', 1).catch((error) => error);
    say([error.code, error.retryable, error.owner === process.pid, error instanceof load('${second}').StorageError]);
    say(['s.db', 'copy/smalltalk-native.', ${JSON.stringify(ROOT)}].map((part) => error.message.includes(part)));
    const elsewhere = open('${second}', 'other.db');
    say(await outcome(elsewhere.set('c', 1)));
    // A process of its own sees the locks.
    const child = ${JSON.stringify(PREAMBLE)} + "(async () => { const s = open('${second}', 's.db'); await s.set('d', 1); await s.close(); })()";
    say(spawnSync(process.execPath, ['-e', child]).status);
    await one.set('e', 1);
    await one.close();
    say(await outcome(other.set('b', 1)));
    const keys = [];
    for await (const key of other.keys()) keys.push(key);
    say(keys);
    say((await other.verify()).damaged);
    await other.close();
    await elsewhere.close();
  `);
      expect(said).toEqual([
        ['ERR_LOCKED', true, true, true],
        [true, true, true],
        'done',
        0,
        'done',
        ['a', 'b', 'd', 'e'],
        [],
      ]);
    },
  );
}

where(
  'of two copies that open a new file at the same moment both at the most are refused, also in a worker',
  async () => {
    const said = await told(`
    const work = "const { parentPort } = require('node:worker_threads');" + ${JSON.stringify(PREAMBLE)} + \`
      (async () => {
        const copy = open('copy', 's.db');
        const acked = [];
        for (let n = 0; n < 40; n += 1) if ((await outcome(copy.set('w' + n, n))) === 'done') acked.push('w' + n);
        await copy.close().catch(() => undefined);
        parentPort.postMessage(acked);
      })();\`;
    const worker = new Worker(work, { eval: true });
    const message = once(worker, 'message');
    await once(worker, 'online');
    const acked = [];
    let store = open('own', 's.db');
    for (let n = 0; n < 40; n += 1) if ((await outcome(store.set('m' + n, n))) === 'done') acked.push('m' + n);
    const [theirs] = await message;
    await store.close().catch(() => undefined);
    store = open('own', 's.db');
    const lost = [];
    for (const key of [...acked, ...theirs]) if (!(await store.has(key))) lost.push(key);
    say([lost, (await store.verify()).damaged]);
    await store.close();
  `);
    expect(said).toEqual([[[], []]]);
  },
);

where('a store whose log another SQLite took away acknowledges nothing more, and spoils nothing', async () => {
  const said = await told(`
    const child = (key) => {
      const source = ${JSON.stringify(PREAMBLE)} + "(async () => { const s = open('own', 's.db'); await s.set('" + key + "', 1); await s.close(); })()";
      return spawnSync(process.execPath, ['-e', source]).status;
    };
    const store = open('own', 's.db');
    await store.set('before', 1);
    // A program has been told that nobody has the file open, as one that does not see this process's locks.
    const log = readFileSync('s.db-wal');
    for (const ending of ['-wal', '-shm']) unlinkSync('s.db' + ending);
    writeFileSync('s.db-wal', log);
    say(child('theirs'));
    for (let n = 0; n < 2; n += 1) say(await outcome(store.set('refused', 1)));
    say(await outcome(open('own', 's.db').set('beside', 1)));
    say(await outcome(store.get('before')));
    say(await outcome(store.close()));
    const anew = open('own', 's.db');
    await anew.set('anew', 1);
    const keys = [];
    for await (const key of anew.keys()) keys.push(key);
    say(keys);
    say((await anew.verify()).damaged);
    await anew.close();
  `);
  const refused = ['ERR_IO', 'ERR_IO', 'ERR_IO', 'ERR_IO', 'ERR_IO'];
  expect(said).toEqual([0, ...refused, ['anew', 'before', 'theirs'], []]);
});
