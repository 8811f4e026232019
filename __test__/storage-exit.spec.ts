/** What was asked for lands at the end of the process, also where the store answers "not on this state" by then. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { Calls } from '../ts/calls.js';
import { StorageError } from '../ts/errors.js';
import { SQLiteStorageAdapter } from '../ts/index.js';
import { native } from '../ts/native.js';
import type { Handle } from '../ts/storage/sqlite/connection.js';
import { drainOf } from '../ts/storage/sqlite/drain.js';
import { Pace } from '../ts/storage/sqlite/pace.js';
import { UnsettledSaves } from '../ts/storage/sqlite/unsettled-saves.js';
import { Turns } from '../ts/storage/turns.js';
import { monotonic } from '../ts/timers.js';
import { runNode, type Ended } from './support/child.js';
import { temporaryDirectory } from './support/temporary.js';

const dist = join(__dirname, '..', 'dist', 'index.js');

/** The store that a program has left, which is to print nothing. */
async function afterChild(script: string, code = 0): Promise<SQLiteStorageAdapter> {
  const path = join(temporaryDirectory(), 's.db');
  const { code: ended, output } = await run(script, path);
  expect({ ended, output: code === 0 ? output : '' }).toEqual({ ended: code, output: '' });
  return new SQLiteStorageAdapter({ path });
}

const outputOfChild = async (script: string): Promise<string> =>
  (await run(script, join(temporaryDirectory(), 's.db'))).output;

/** Runs a program that has saved the session `s`, of which another adapter has then saved something else. */
function run(script: string, path: string): Promise<Ended> {
  const before = `
    const { SQLiteStorageAdapter } = require(${JSON.stringify(dist)});
    const [adapter, other] = [0, 1].map(() => new SQLiteStorageAdapter({ path: ${JSON.stringify(path)} }));
    const conversation = (count, text = 'text') =>
      Array.from({ length: count }, (_, n) => ({ id: 'm' + n, role: 'user', content: text + n, timestamp: new Date(n) }));
    const sessionOf = (messages) => ({ id: 's', messages, createdAt: new Date(1), updatedAt: new Date(2) });
    const session = sessionOf(conversation(3));
    const say = (content) => session.messages.push({ ...conversation(1)[0], id: content, content });
    const go = async () => {
      await adapter.saveSession('s', session);
      await other.saveSession('s', sessionOf(conversation(4, 'other')));
      ${script}
    };
    void go();`;
  return runNode(['-e', before], { cwd: temporaryDirectory() });
}

async function contentsOf(adapter: SQLiteStorageAdapter, id = 's'): Promise<string | undefined> {
  const session = await adapter.getSession(id);
  await adapter.close();
  return session?.messages.map(({ content }) => content).join();
}

test.each([
  ['process.exit()', `process.exit(0);`, 0],
  ['an exception', `setImmediate(() => { throw new Error('uncaught'); });`, 1],
])('a save of what somebody else has changed lands at %s', async (_, end, code) => {
  const adapter = await afterChild(`say('last'); void adapter.saveSession('s', session); ${end}`, code);
  expect(await contentsOf(adapter)).toBe('text0,text1,text2,last');
});

test('so do several, the last of them last, and a large one', async () => {
  const adapter = await afterChild(`
    for (let n = 0; n < 50; n += 1) { say('more' + n); void adapter.saveSession('s', session); }
    session.messages[0].content = 'x'.repeat(100_000);
    void adapter.saveSession('s', session);
    session.messages.splice(1, 51);
    void adapter.saveSession('s', session);
    process.exit(0);`);
  expect(await contentsOf(adapter)).toBe(`${'x'.repeat(100_000)},more49`);
});

test('as many as are too much for the queue together land one after another', async () => {
  const adapter = await afterChild(`
    const tight = new SQLiteStorageAdapter({ path: adapter.path, maxQueueBytes: 70_000 });
    session.messages = conversation(10, 'x'.repeat(6_000));
    await tight.saveSession('s', session);
    await other.saveSession('s', sessionOf([]));
    for (let n = 0; n < 20; n += 1) { say('more' + n); void tight.saveSession('s', session); }
    process.exit(0);`);
  expect(await contentsOf(adapter)).toMatch(/more0,.*,more19$/);
});

test('what was asked for behind such a save comes after it', async () => {
  const adapter = await afterChild(`
    await adapter.saveSession('d', session);
    await other.saveSession('d', sessionOf([]));
    say('last');
    void adapter.saveSession('d', session);
    void adapter.deleteSession('d');
    void adapter.saveSession('s', session);
    void adapter.appendMessages('s', conversation(1, 'appended'));
    void adapter.saveSessions([['t', session]]);
    process.exit(0);`);
  expect((await adapter.listSessions({ orderBy: 'id', order: 'asc' })).join('')).toBe('st');
  expect(await contentsOf(adapter)).toBe('text0,text1,text2,last,appended0');
});

test('a save behind one of the same session that fails lands as well', async () => {
  const adapter = await afterChild(`
    say('lost');
    adapter.saveVersioned('s', session, { ifVersion: 1 }).catch(() => undefined);
    say('last');
    void adapter.saveSession('s', session);
    process.exit(0);`);
  expect(await contentsOf(adapter)).toBe('text0,text1,text2,lost,last');
});

/** From here on it is counted how often the way out waits, which the program prints. */
const countDrains = `
  const binary = require(${JSON.stringify(join(__dirname, '..', 'dist', 'native.js'))}).native();
  const drain = binary.storageDrain;
  let drains = 0;
  binary.storageDrain = (...words) => { drains += 1; return drain(...words); };
  process.on('exit', () => process.stdout.write(String(drains)));`;

test('what waits behind a save that has landed is waited for together', async () => {
  const output = await outputOfChild(`
    await adapter.saveSession('s', session);
    ${countDrains}
    await other.close();
    say('last');
    void adapter.saveSession('s', session);
    adapter.saveVersioned('s', session, { ifVersion: 1 }).catch(() => undefined);
    for (let n = 0; n < 50; n += 1) void adapter.appendMessages('s', conversation(1));
    process.exit(0);`);
  expect(Number(output)).toBeLessThan(5);
});

test('values that nobody hears of any more are not decoded, and what is written lands', async () => {
  const adapter = await afterChild(`
    const keys = Array.from({ length: 60 }, (_, at) => 'k' + at);
    await adapter.setMany(keys.map((key) => [key, 'x'.repeat(70_000)]));
    const { parse } = JSON;
    let parsed = 0;
    JSON.parse = (...words) => { parsed += 1; return parse(...words); };
    void adapter.getMany(keys);
    for (const key of keys) void adapter.get(key);
    while (parsed === 0) await new Promise((resolve) => setImmediate(resolve));
    say('last');
    void adapter.saveSession('s', session);
    parsed = 0;
    process.on('exit', () => require('node:fs').writeFileSync(adapter.path + '.parsed', String(parsed)));
    process.exit(0);`);
  expect(await contentsOf(adapter)).toBe('text0,text1,text2,last');
  expect(readFileSync(`${adapter.path}.parsed`, 'utf8')).toBe('0');
});

const reads = [
  "getSession('s')",
  "getSessionInfo('s')",
  "getMessages('s')",
  "getSessions(['s', 't'])",
  'listSessions()',
];

test.each(reads)('so are saves of changes with a read between any two of them: %s', async (read) => {
  const output = await outputOfChild(`
    await adapter.saveSession('s', session);
    ${countDrains}
    await other.close();
    for (let n = 0; n < 50; n += 1) { say('more' + n); void adapter.saveSession('s', session); void adapter.${read}; }
    process.exit(0);`);
  expect(Number(output)).toBeLessThan(5);
});

test('these land in their order also where somebody else has changed the session', async () => {
  const adapter = await afterChild(`
    for (let n = 0; n < 50; n += 1) {
      say('more' + n);
      void adapter.saveSession('s', session);
      void adapter.getSession('s');
      if (n === 30) void adapter.saveSessions([['t', session]]);
    }
    process.exit(0);`);
  expect(await contentsOf(adapter)).toMatch(/^text0,text1,text2,more0,.*,more49$/);
});

test('and also where they are too much for the queue together', async () => {
  const adapter = await afterChild(`
    const tight = new SQLiteStorageAdapter({ path: adapter.path, maxQueueBytes: 70_000 });
    await tight.saveSession('s', session);
    for (let n = 0; n < 40; n += 1) {
      say('more' + n + 'x'.repeat(6_000));
      void tight.saveSession('s', session);
      void tight.getSession('s');
    }
    process.exit(0);`);
  expect(await contentsOf(adapter)).toMatch(/more0x.*,more39x+$/);
});

test('what waits behind a batch that is refused lands', async () => {
  const adapter = await afterChild(`
    const batch = ['a', 'b'].map((id) => [id, sessionOf(conversation(200))]);
    adapter.saveSessions(batch).catch(() => undefined);
    void adapter.set('key', 1);
    void adapter.saveSession('behind', sessionOf(conversation(2)));
    batch[1][1].messages[0][Symbol('observed')] = true;
    process.exit(0);`);
  expect(await adapter.get('key')).toBe(1);
  expect(await contentsOf(adapter, 'behind')).toBe('text0,text1');
});

test('of a session that somebody else has changed only the newest state is sent again', async () => {
  const output = await outputOfChild(`
    ${countDrains}
    for (let n = 0; n < 50; n += 1) { say('more' + n); void adapter.saveSession('s', session); }
    process.exit(0);`);
  expect(Number(output)).toBeLessThan(5);
});

test.each([
  ['process.exit()', 'process.exit(0);', 0],
  ['an exception', "setImmediate(() => { throw new Error('uncaught'); });", 1],
  ['the natural end', '', 0],
])('what is there is synced once all of it has landed, at %s', async (_, end, code) => {
  const { code: ended, output } = await run(
    `
    const binary = require(${JSON.stringify(join(__dirname, '..', 'dist', 'native.js'))}).native();
    const drain = binary.storageDrain;
    const lasts = [];
    binary.storageDrain = (handle, limitMs, last) => { lasts.push(last); return drain(handle, limitMs, last); };
    process.on('exit', () => console.log(lasts.join()));
    await other.close();
    say('last');
    await adapter.saveSession('s', session);
    ${end}`,
    join(temporaryDirectory(), 's.db'),
  );
  expect(ended).toBe(code);
  expect(output.split('\n')).toContain('true');
});

const unsettledSave = { session: 's', unconditional: true, refused: false, awaited: true, characters: 1 };

test('a save on the condition of a version replaces none before it, and none of another session', () => {
  const unsettled = new UnsettledSaves();
  const sent: string[] = [];
  const refuse = (name: string, session: string, unconditional: boolean): void => {
    const sendInFull = async (): Promise<void> => void sent.push(name);
    const save = { ...unsettledSave, session, unconditional, sendInFull };
    unsettled.add(save);
    unsettled.heard(save, null);
  };
  refuse('replaced', 's', true);
  refuse('of another session', 't', true);
  refuse('replaced, too', 's', false);
  refuse('the newest', 's', true);
  refuse('on a condition', 's', false);
  unsettled.sendAgain(() => undefined);
  expect(sent).toEqual(['of another session', 'the newest', 'on a condition']);
  expect(unsettled.any).toBe(false);
});

test('half of the time is kept for all that would have to be waited for one by one', () => {
  const turns = new Turns();
  const unsettled = new UnsettledSaves();
  unsettled.add({ ...unsettledSave, sendInFull: () => Promise.resolve() });
  void turns.take('s', 'changes', () => new Promise(() => undefined));
  let begun = 0;
  for (let n = 0; n < 30; n += 1) {
    void turns.take('s', 'other', (turn) => {
      begun += 1;
      turn.sent();
      return Promise.resolve();
    });
  }
  const limits: number[] = [];
  const draining = jest.spyOn(native(), 'storageDrain').mockImplementation((_, limitMs) => {
    limits.push(limitMs);
    // A slow disk.
    const end = monotonic() + 100;
    while (monotonic() < end);
    return true;
  });
  const parts = { handle: {} as Handle, calls: new Calls(StorageError), watch: () => [], pace: new Pace() };
  drainOf({ ...parts, turns, unsettled, maxQueueBytes: 1_000 })(600);
  draining.mockRestore();
  expect(begun).toBe(30);
  expect(limits.length).toBeLessThan(6);
  expect(limits.at(-1)).toBeGreaterThan(0);
});

test.each([
  ['answered: not at all', '', '0'],
  ['given up: what keeps it may still land', 'binary.storageClose = () => undefined;', '1'],
])('the way out waits after a close that was %s', async (_, mock, drains) => {
  const output = await outputOfChild(`
    await other.close();
    const closing = new SQLiteStorageAdapter({ path: adapter.path, timeoutMs: 3_000 });
    await closing.initialize();
    await adapter.close();
    ${countDrains}
    ${mock}
    const alive = setInterval(() => undefined, 1000);
    await closing.close().catch(({ code }) => code === 'ERR_TIMEOUT' || console.log(code));
    process.exit(0);`);
  expect(output).toBe(drains);
});

test('a save that was made on the condition of a version is not made without it', async () => {
  const adapter = await afterChild(`
    say('lost');
    adapter.saveVersioned('s', session, { ifVersion: 1 }).catch(() => undefined);
    process.exit(0);`);
  expect(await contentsOf(adapter)).toBe('other0,other1,other2,other3');
});

test('who was given up once and asked again is forgotten with its object', async () => {
  const script = `
    const { drainAtExit } = require(${JSON.stringify(join(__dirname, '..', 'dist', 'exit.js'))});
    const before = process.listenerCount('exit');
    let object = {};
    const first = drainAtExit(object, () => undefined);
    drainAtExit(object, () => undefined);
    first.takeBack();
    object = null;
    const look = (left) => {
      global.gc();
      if (left === 0 || process.listenerCount('exit') === before) console.log(process.listenerCount('exit') - before);
      else setImmediate(look, left - 1);
    };
    setImmediate(look, 100);`;
  const { output } = await runNode(['--expose-gc', '-e', script], { cwd: temporaryDirectory() });
  expect(output.trim()).toBe('0');
});

test('nothing is saved twice: what somebody else saves afterwards stays', async () => {
  const adapter = await afterChild(`
    say('mine');
    await adapter.saveSession('s', session);
    await other.saveSession('s', sessionOf(conversation(1, 'theirs')));
    void adapter.set('k', 1);
    process.exit(0);`);
  expect(await contentsOf(adapter)).toBe('theirs0');
});

test('it does not matter how far the answer has come', async () => {
  for (let ticks = 0; ticks < 12; ticks += 1) {
    const adapter = await afterChild(`
      say('last');
      const answered = adapter.set('k', 1);
      void adapter.saveSession('s', session);
      await answered;
      for (let tick = 0; tick < ${ticks}; tick += 1) await null;
      process.exit(0);`);
    expect([ticks, await contentsOf(adapter)]).toEqual([ticks, 'text0,text1,text2,last']);
  }
});
