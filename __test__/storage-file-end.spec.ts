/** The end of a process that has files under way: what was begun is done, all of it and once. */
import { readdirSync } from 'node:fs';
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

describe('names whose sync nobody waited for are on the disk when the process ends', () => {
  /** Says what is synced, and how: `later` while the program runs, `now` on the way out. */
  const script = (path: string, program: string, before: string): string => `const fs = require('node:fs');
    const { openSync, fsyncSync, open, fsync } = fs;
    const opened = new Map();
    const say = (how, fd) => console.log(how, require('node:path').basename(opened.get(fd)));
    fs.openSync = (file, ...more) => { const fd = openSync(file, ...more); opened.set(fd, file); return fd; };
    fs.fsyncSync = (fd) => { say('now', fd); fsyncSync(fd); };
    fs.open = (file, flags, mode, done) =>
      open(file, flags, mode, (error, fd) => { opened.set(fd, file); done(error, fd); });
    fs.fsync = (fd, done) => fsync(fd, (error) => { say('later', fd); done(error); });
    ${before}
    const { FileStorageAdapter } = require(${JSON.stringify(dist)});
    const path = ${JSON.stringify(path)};
    const adapter = () => new FileStorageAdapter({ path, durability: 'process' });
    (async () => { ${program} })();`;
  const run = async (path: string, program: string, before = ''): Promise<string[]> => {
    const { code, output } = await runNode(['--expose-gc', '-e', script(path, program, before)], { cwd: path });
    expect({ code, output }).toEqual({ code: 0, output });
    return output.trim().split('\n');
  };
  const set = "const store = adapter(); await store.initialize(); await store.set('k', 1);";

  test.each(['', 'process.exit();', 'void store.set("k", 2); process.exit();'])('those of set(): %s', async (end) => {
    expect((await run(temporaryDirectory(), `${set} ${end}`)).at(-1)).toBe('now keys');
  });

  test('unless a close has seen to it', async () => {
    const lines = await run(temporaryDirectory(), `${set} await store.close();`);
    expect(lines.at(-1)).toBe('later keys');
    expect(lines).not.toContain('now keys');
  });

  test.each(['', 'process.exit();'])('those that clear() took away: %s', async (end) => {
    const path = temporaryDirectory();
    await run(path, set);
    const lines = await run(path, `const store = adapter(); await store.initialize(); await store.clear(); ${end}`);
    expect(lines.slice(-2)).toEqual(['now sessions', 'now keys']);
  });

  test('those of a write that was asked for before a sync and lands after it', async () => {
    // The sync that comes within 2 s comes at once, while another thread has the lock of the second key. Then the process ends.
    const before = `const timers = require('node:timers');
      const { setTimeout } = timers;
      timers.setTimeout = (work, ms) => setTimeout(work, ms === 2_000 ? 0 : ms);`;
    const file = join(dist, '..', 'storage', 'file');
    const program = `const { machineClock } = require(${JSON.stringify(join(file, 'clocks.js'))});
      const { OWNER } = require(${JSON.stringify(join(file, 'owner.js'))});
      const lock = require('node:path').join(path, 'keys', 'b.json.lock');
      const store = adapter();
      await store.initialize();
      fs.symlinkSync(OWNER + '-0123456789ab-1-' + machineClock(), lock);
      const { close } = fs;
      fs.close = (fd, done, file = opened.get(fd)) => close(fd, (error) => {
        done(error);
        if (!file.endsWith('keys')) return;
        setImmediate(() => { fs.unlinkSync(lock); process.exit(); });
      });
      const first = store.set('a', 1);
      void store.set('b', 1);
      await first;`;
    const path = temporaryDirectory();
    const lines = await run(path, program, before);
    expect(lines).toContain('later keys');
    expect(lines.at(-1)).toBe('now keys');
    expect(readdirSync(join(path, 'keys')).sort()).toEqual(['a.json', 'b.json']);
  });

  test('those of a store that was forgotten', async () => {
    const program = `let gone = false;
      const registry = new FinalizationRegistry(() => (gone = true));
      registry.register(await (async () => { ${set} return store; })(), 0);
      while (!gone) { global.gc(); await new Promise(setImmediate); }`;
    expect(await run(temporaryDirectory(), program)).toContainEqual(expect.stringMatching(/^(later|now) keys$/));
  });
});

describe('at the end', () => {
  test('closing lets land what was asked for, and is final', async () => {
    const store = open();
    const saves = Array.from({ length: 50 }, (_, n) => store.saveSession(`s${n}`, conversation(`s${n}`)));
    const closed = store.close();
    await expect(store.get('k')).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    await closed;
    expect(readdirSync(join(store.path, 'sessions'))).toHaveLength(50);
    await Promise.all([...saves, store.close()]);
  });

  test.each(['process.exit()', 'setImmediate(() => setImmediate(() => process.exit()))', ''])(
    'what is queued lands although nobody closed anything: %s',
    async (exit) => {
      const path = temporaryDirectory();
      const script = `const { FileStorageAdapter } = require(${JSON.stringify(dist)});
        const store = new FileStorageAdapter({ path: ${JSON.stringify(path)} });
        const at = new Date(0);
        for (let n = 0; n < 30; n += 1) {
          void store.saveSession('s' + n, { id: 's', messages: [], createdAt: at, updatedAt: at });
          void store.appendMessages('s' + n, [{ id: 'm', role: 'user', content: '', timestamp: at }]);
        }
        void store.set('gone', 1);
        void store.delete('gone');
        ${exit}`;
      expect(await runNode(['-e', script], { cwd: path })).toEqual({ code: 0, output: '' });
      const store = open(path);
      expect(await store.getStats()).toMatchObject({ sessions: 30, messages: 30, keys: 0 });
      expect((await store.verify()).damaged).toEqual([]);
      await store.close();
    },
  );

  test('what the end of the process interrupts is done once, whichever step it was at', async () => {
    const last = { sessions: 4, messages: 12 };
    // One after another, and not many: the end of a process waits for so long, and a slow disk has to do for all.
    for (const writes of [1, 5, 11, 20, 30, 40]) {
      const path = temporaryDirectory();
      const script = `const { FileStorageAdapter } = require(${JSON.stringify(dist)});
        const store = new FileStorageAdapter({ path: ${JSON.stringify(path)}, durability: 'process' });
        const at = new Date(0);
        let left = ${writes};
        const done = () => { if (--left === 0) process.exit(); };
        for (let s = 0; s < ${last.sessions}; s += 1) {
          store.saveSession('s' + s, { id: 's', messages: [], createdAt: at, updatedAt: at }).then(done);
          for (let m = 0; m < ${last.messages}; m += 1)
            store.appendMessages('s' + s, [{ id: String(m), role: 'user', content: '', timestamp: at }]).then(done);
        }`;
      expect(await runNode(['-e', script], { cwd: path })).toEqual({ code: 0, output: '' });
      const store = open(path);
      for (let n = 0; n < last.sessions; n += 1) {
        const ids = (await store.getMessages(`s${n}`))?.map(({ id }) => Number(id));
        expect({ writes, ids }).toEqual({ writes, ids: Array.from({ length: last.messages }, (_, at) => at) });
      }
      await store.close();
    }
  });
});
