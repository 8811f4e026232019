import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { runNode } from './support/child.js';
import { temporaryDirectory } from './support/temporary.js';

const declarations = readFileSync(join(__dirname, '..', 'index.d.ts'), 'utf8');
const exported = [...declarations.matchAll(/^export declare function (\w+)/gm)].map(([, name]) => name as string);

const dist = join(__dirname, '..', 'dist', 'index.js');

async function withPanicAt(point: string, words: string[], times?: number): Promise<string> {
  const env = {
    SMALLTALK_FAULT_PANIC: point,
    RUST_BACKTRACE: '0',
    ...(times === undefined ? {} : { SMALLTALK_FAULT_TIMES: String(times) }),
  };
  const { code, output } = await runNode(words, { cwd: temporaryDirectory(), env });
  expect(code).toBe(0);
  // Rust tells of every panic on stderr; what the script printed comes first.
  return output;
}

test('the generated declarations name the exports', () => {
  expect(exported.length).toBeGreaterThan(30);
});

test.each(exported)('a panic in %s is ERR_PANIC, and the process lives', async (name) => {
  const child = join(__dirname, 'support', 'panicking-export.cjs');
  expect(await withPanicAt(name, [child, name, temporaryDirectory()])).toMatch(/^ERR_PANIC/);
});

test.each(['storageOpen', 'logOpen', 'healthOpen', 'clockOpen', 'clockWake'])(
  'a panic in %s reaches users of the classes as an error, or not at all',
  async (point) => {
    const script = `
      const api = require(${JSON.stringify(dist)});
      const code = (error) => error.code + (error instanceof api.SmallTalkError);
      (async () => {
        const told = [];
        const store = new api.SQLiteStorageAdapter({ path: 's.db' });
        await store.initialize().catch((error) => told.push(code(error)));
        await store.set('k', 1).catch((error) => told.push(code(error)));
        const log = new api.JsonlEventReplayStorage({ directory: 'events' });
        await log.append('s', { topic: 't' }).catch((error) => told.push(code(error)));
        try { new api.AgentHealthMonitor(); } catch (error) { told.push(code(error)); }
        const bus = new api.SmallTalkEventBus();
        for (let n = 0; n < 10_000; n += 1) { bus.emit('e', n); if (n % 1_000 === 0) await new Promise(setImmediate); }
        await Promise.all([store.close(), log.close()]);
        process.stdout.write([...new Set(told)].join() + ';');
      })();`;
    const expected = point.startsWith('clock') ? /^;/ : /^ERR_PANICtrue;/;
    expect(await withPanicAt(point, ['-e', script])).toMatch(expected);
  },
);

/** What runs on each thread of a room, and goes on being refused after a panic there. */
const threads: Record<string, string> = {
  'smalltalk-sqlite': `
    const room = new api.SQLiteStorageAdapter({ path: 's.db' });
    const use = () => room.set('k', 1);`,
  'smalltalk-reader': `
    const room = new api.SQLiteStorageAdapter({ path: 's.db', readers: 'async' });
    await room.initialize();
    const use = () => room.get('k');`,
  'smalltalk-upkeep': `
    const room = new api.SQLiteStorageAdapter({ path: 's.db' });
    await room.initialize();
    const use = () => room.verify();`,
  'smalltalk-log': `
    const room = new api.JsonlEventReplayStorage({ directory: 'events' });
    const use = () => room.append('s', { topic: 't' });`,
  'smalltalk-log-reader': `
    const room = new api.JsonlEventReplayStorage({ directory: 'events' });
    await room.append('s', { topic: 't' });
    const use = async () => { for await (const event of room.replay('s', { priority: 'all' })) void event; };`,
  'smalltalk-log-positions': `
    const room = new api.JsonlEventReplayStorage({ directory: 'events' });
    await room.append('s', { topic: 't' });
    await (await room.subscribe('s', 'c')).ack(1);
    const use = () => room.flush();`,
};

test.each(Object.keys(threads))(
  'a panic in the thread %s rejects what it had and what comes, and nothing hangs',
  async (thread) => {
    const script = `
    const api = require(${JSON.stringify(dist)});
    (async () => {
      ${threads[thread]}
      const outcome = (promise) => promise.then(() => 'fine', (error) => error.code + (error instanceof api.SmallTalkError));
      const first = await Promise.all([outcome(use()), outcome(use())]);
      const later = await outcome(use());
      const closed = await outcome(room.close());
      process.stdout.write([...first, later, closed].join());
    })();`;
    expect(await withPanicAt(thread, ['-e', script])).toMatch(/^ERR_PANICtrue,ERR_PANICtrue,ERR_PANICtrue,/);
  },
);

test('a panic in the thread smalltalk-log-index costs no event, and the next indexes are kept all the same', async () => {
  const script = `
    const api = require(${JSON.stringify(dist)});
    const open = () => new api.JsonlEventReplayStorage({ directory: 'events', maxFileBytes: 300_000 });
    (async () => {
      const log = open();
      for (let n = 0; n < 6; n += 1) await log.append('s', { topic: 't', payload: 'x'.repeat(200_000) });
      await log.close();
      const again = open();
      const seqs = [];
      for await (const { seq } of again.replay('s', { priority: 'all' })) seqs.push(seq);
      await again.close();
      process.stdout.write([...seqs, require('node:fs').readdirSync('events/index').length].join());
    })();`;
  const output = await withPanicAt('smalltalk-log-index', ['-e', script]);
  // The one at which it panicked is kept at the end, and so are those after it.
  expect(output).toMatch(/^1,2,3,4,5,6,3\n/);
  expect(output).toContain('injected at smalltalk-log-index');
});

test.each(['smalltalk-sqlite', 'smalltalk-reader', 'smalltalk-upkeep'])(
  'after a panic in the thread %s a store is opened anew in the same process, with all that was acknowledged',
  async (thread) => {
    const script = `
    const api = require(${JSON.stringify(dist)});
    const open = () => new api.SQLiteStorageAdapter({ path: 's.db', readers: 'async' });
    (async () => {
      const before = open();
      const told = [];
      const outcome = (promise) => promise.then(() => told.push('fine'), (error) => told.push(error.code));
      for (let n = 0; n < 3; n += 1) await outcome(before.set('k' + n, n));
      await outcome(before.get('k0'));
      await outcome(before.verify());
      await before.close().catch(() => undefined);
      const after = open();
      await after.set('later', 1);
      const found = [];
      for (let n = 0; n < 3; n += 1) if (told[n] === 'fine') found.push(await after.get('k' + n));
      const { damaged } = await after.verify();
      await after.close();
      const expected = [0, 1, 2].filter((n) => told[n] === 'fine');
      const same = JSON.stringify(found) === JSON.stringify(expected);
      process.stdout.write([told.filter((code) => code === 'ERR_PANIC').length > 0, same, damaged.length].join());
    })();`;
    expect(await withPanicAt(thread, ['-e', script], 1)).toMatch(/^true,true,0/);
  },
);
