/** The end of a process that has files under way: what was begun is done, all of it and once. */
import { join } from 'node:path';

import { conversation, open } from './support/file-store.js';
import { runNode } from './support/child.js';
import { temporaryDirectory } from './support/temporary.js';

const dist = join(__dirname, '..', 'dist', 'index.js');

test.each([
  ['process.exit()', 'process.exit(0)', 0],
  ['an exception', "process.nextTick(() => { throw new Error('uncaught'); })", 1],
])(
  'a clearing that is interrupted by %s clears the rest as well, and nothing that comes later',
  async (_, end, code) => {
    const path = temporaryDirectory();
    const before = open(path);
    await Promise.all(Array.from({ length: 30 }, (__, n) => before.saveSession(`s${n}`, conversation(`s${n}`))));
    await before.set('k', 1);
    await before.close();
    // The end comes as the kernel is asked to remove the fifth file.
    const script = `const { promises } = require('node:fs');
    const { unlink } = promises;
    let left = 5;
    promises.unlink = (file) => {
      const removed = unlink(file);
      if (file.endsWith('.json') && (left -= 1) === 0) ${end};
      return removed;
    };
    const { FileStorageAdapter } = require(${JSON.stringify(dist)});
    const store = new FileStorageAdapter({ path: ${JSON.stringify(path)} });
    void store.clear();
    void store.saveSession('new', { id: 'new', messages: [], createdAt: new Date(0), updatedAt: new Date(0) });`;
    expect((await runNode(['-e', script], { cwd: path })).code).toBe(code);
    const after = open(path);
    expect(await after.listSessions()).toEqual(['new']);
    expect(await after.has('k')).toBe(false);
    await after.close();
  },
);

test('names that are not on the disk yet are when the process ends', async () => {
  const path = temporaryDirectory();
  const script = (end: string): string => `const fs = require('node:fs');
    const { openSync, fsyncSync } = fs;
    const opened = new Map();
    fs.openSync = (file, ...more) => { const fd = openSync(file, ...more); opened.set(fd, file); return fd; };
    fs.fsyncSync = (fd) => { console.log(require('node:path').basename(opened.get(fd))); fsyncSync(fd); };
    const { FileStorageAdapter } = require(${JSON.stringify(dist)});
    const store = new FileStorageAdapter({ path: ${JSON.stringify(path)}, durability: 'process' });
    store.initialize().then(async () => { await store.set('k', 1); ${end} });`;
  for (const end of ['', 'process.exit();', 'void store.set("k", 2); process.exit();']) {
    const { code, output } = await runNode(['-e', script(end)], { cwd: path });
    expect([end, code, output.trim().split('\n').at(-1)]).toEqual([end, 0, 'keys']);
  }
  const { output } = await runNode(['-e', script('await store.close();')], { cwd: path });
  expect(output).toBe('');
});
