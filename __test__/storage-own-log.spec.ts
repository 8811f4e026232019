/** What is beside the file of a SQLite store, taken away or emptied while it is open: noticed, said, and nothing is written. */
import { existsSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { SQLiteStorageAdapter, type Durability } from '../ts/index.js';
import { runNode } from './support/child.js';
import { skipUnless } from './support/skip.js';
import { temporaryDirectory } from './support/temporary.js';

const dist = join(__dirname, '..', 'dist', 'index.js');
const where = skipUnless(process.platform !== 'win32', 'only POSIX gives the locks of a file to a process');

let path = '';

beforeEach(() => {
  path = join(temporaryDirectory(), 's.db');
});

const open = (durability: Durability = 'power'): SQLiteStorageAdapter => new SQLiteStorageAdapter({ path, durability });

const outcome = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => 'done',
    (error: unknown) => String((error as { code: string }).code),
  );

/** Another process opens the file and stores so many keys, of which it gives the outcomes. */
async function elsewhere(keys: number): Promise<string[]> {
  const { output } = await runNode(
    [
      '-e',
      `const { SQLiteStorageAdapter } = require(${JSON.stringify(dist)});
       const store = new SQLiteStorageAdapter({ path: ${JSON.stringify(path)} });
       const said = [];
       (async () => {
         for (let n = 0; n < ${keys}; n += 1)
           said.push(await store.set('theirs' + n, 'y'.repeat(500 + n * 7)).then(() => 'done', (error) => error.code));
         await store.close().catch(() => undefined);
         console.log(JSON.stringify(said));
       })();`,
    ],
    { cwd: join(path, '..') },
  );
  return JSON.parse(output) as string[];
}

async function fill(store: SQLiteStorageAdapter, keys = 50): Promise<void> {
  for (let n = 0; n < keys; n += 1) await store.set(`ours${n}`, 'x'.repeat(1000));
}

/** How many of these keys are there. */
async function count(store: SQLiteStorageAdapter, kind: string): Promise<number> {
  let found = 0;
  for await (const key of store.keys()) if (key.startsWith(kind)) found += 1;
  return found;
}

for (const durability of ['power', 'process'] as const) {
  where(`a store whose memory was removed writes nothing over what others write (${durability})`, async () => {
    const store = open(durability);
    await fill(store);
    rmSync(`${path}-shm`);
    expect(await elsewhere(30)).toEqual(Array(30).fill('done'));
    for (let n = 0; n < 3; n += 1) expect(await outcome(store.set('refused', 'z'.repeat(3000)))).toBe('ERR_IO');
    expect(await outcome(open().set('beside', 1))).toBe('ERR_IO');
    expect(await outcome(store.has('ours0'))).toBe('ERR_IO');
    expect(await outcome(store.close())).toBe('ERR_IO');
    const anew = open();
    expect([await count(anew, 'ours'), await count(anew, 'theirs'), await anew.has('refused')]).toEqual([
      50,
      30,
      false,
    ]);
    expect((await anew.verify()).damaged).toEqual([]);
    await anew.close();
    expect([existsSync(`${path}-wal`), existsSync(`${path}-shm`)]).toEqual([false, false]);
  });

  for (const length of [0, 20_000]) {
    where(`a log that was cut off to ${length} bytes is not written on into, nor folded (${durability})`, async () => {
      const store = open(durability);
      await fill(store);
      truncateSync(`${path}-wal`, length);
      const before = readFileSync(path);
      for (let n = 0; n < 3; n += 1) expect(await outcome(store.set('refused', 1))).toBe('ERR_IO');
      expect(await outcome(store.clear())).toBe('ERR_IO');
      expect(await elsewhere(1)).toEqual(['ERR_IO']);
      expect(await outcome(open().set('beside', 1))).toBe('ERR_IO');
      expect(await outcome(store.close())).toBe('ERR_IO');
      expect(statSync(`${path}-wal`).size).toBe(length);
      expect(readFileSync(path).equals(before)).toBe(true);
      const anew = open();
      await anew.set('anew', 1);
      expect(await anew.get('anew')).toBe(1);
      expect((await anew.verify()).damaged).toEqual([]);
      await anew.close();
    });
  }

  where(`a log that has nothing but its length is not folded (${durability})`, async () => {
    const store = open(durability);
    await fill(store);
    writeFileSync(`${path}-wal`, Buffer.alloc(statSync(`${path}-wal`).size));
    const before = readFileSync(path);
    let last = '';
    // What is not synced is trusted for some moments.
    while (last !== 'ERR_IO') last = await outcome(store.set('lost', 1));
    expect(await outcome(store.close())).toBe('ERR_IO');
    expect(readFileSync(path).equals(before)).toBe(true);
  });
}

where('a log that others empty in order is written on into', async () => {
  const stores = [open(), open('process'), open()];
  for (let round = 0; round < 2; round += 1) {
    for (const [n, store] of stores.entries()) await store.set(`${round}/${n}`, 'x'.repeat(50_000));
    const isEmpty = (): boolean =>
      readFileSync(`${path}-wal`)
        .subarray(0, 32)
        .every((byte) => byte === 0);
    while (!isEmpty()) await new Promise((resolve) => setTimeout(resolve, 20));
  }
  expect(await elsewhere(3)).toEqual(['done', 'done', 'done']);
  for (const store of stores) expect(await outcome(store.set('last', 1))).toBe('done');
  expect(await count(open(), '')).toBe(10);
  for (const store of stores) expect(await outcome(store.close())).toBe('done');
});
