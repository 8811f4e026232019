/** What a program asks for in its own `exit` listeners lands as well, whenever they were added. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { openSmallTalk } from '../ts/index.js';
import { runNode, type Ended } from './support/child.js';
import { all, open } from './support/event-log.js';
import { temporaryDirectory } from './support/temporary.js';

const dist = join(__dirname, '..', 'dist');

/** A program that has opened everything in `directory`, and has said in the log that it has. */
function run(script: string, directory: string, storage = 'sqlite', first = ''): Promise<Ended> {
  const before = `
    const { openSmallTalk } = require(${JSON.stringify(join(dist, 'index.js'))});
    ${first}
    const message = (content) => ({ id: content, role: 'user', content, timestamp: new Date(1) });
    const session = { id: 's', messages: [message('first')], createdAt: new Date(1), updatedAt: new Date(2) };
    (async () => {
      const { bus, log, storage } = await openSmallTalk({
        directory: ${JSON.stringify(directory)},
        storage: ${JSON.stringify(storage)},
      });
      await storage.saveSession('s', session);
      bus.emit('opened');
      ${script}
    })();`;
  return runNode(['-e', before], { cwd: temporaryDirectory() });
}

async function topicsOf(directory: string, clean = true): Promise<string[]> {
  const log = open({ directory: join(directory, 'events') });
  const topics = (await all(log, 'default')).map(({ topic }) => topic);
  const { recovery } = await log.getStats();
  expect(recovery).toMatchObject({ clean, torn: [], damaged: [] });
  await log.close();
  return topics;
}

const LISTENER = `
  process.on('exit', () => {
    bus.emit('left');
    void log.append('default', { topic: 'appended' });
    void log.append('default', { topic: 'synced' }, { durability: 'power' });
    session.messages.push(message('last'));
    void storage.saveSession('s', session);
    void storage.set('k', 1);
  });`;

describe.each(['sqlite', 'file'])('what a listener asks for that was added after the opening (%s)', (storage) => {
  test.each([
    ['the loop ends', '', 0],
    ['process.exit() is called', 'setImmediate(() => process.exit());', 0],
    ['an exception is not caught', 'setImmediate(() => { throw new Error(); });', 1],
  ])('lands when %s', async (_, end, code) => {
    const directory = temporaryDirectory();
    const ended = await run(`${LISTENER} ${end}`, directory, storage);
    expect(ended).toMatchObject(code === 0 ? { code, output: '' } : { code });
    expect(await topicsOf(directory)).toEqual(['opened', 'left', 'appended', 'synced']);
    const { storage: left, close } = await openSmallTalk({ directory, storage });
    expect((await left.getSession('s'))?.messages.map(({ content }) => content)).toEqual(['first', 'last']);
    expect(await left.get('k')).toBe(1);
    await close();
  });
});

test('so it does in a worker thread', async () => {
  const directory = temporaryDirectory();
  const { code, output } = await runNode(
    [
      '-e',
      `const { Worker } = require('node:worker_threads');
      new Worker(\`
        const { openSmallTalk } = require(${JSON.stringify(join(dist, 'index.js'))});
        (async () => {
          const { bus } = await openSmallTalk({ directory: ${JSON.stringify(directory)} });
          process.on('exit', () => bus.emit('left'));
          setImmediate(() => process.exit());
        })();\`, { eval: true });`,
    ],
    { cwd: temporaryDirectory() },
  );
  expect({ code, output }).toEqual({ code: 0, output: '' });
  expect(await topicsOf(directory)).toEqual(['left']);
});

test('what was asked for before lands also when a listener ends the process in the midst of its end', async () => {
  const directory = temporaryDirectory();
  const ended = await run(
    `process.on('exit', () => process.kill(process.pid, 'SIGKILL')); await null; process.exit();`,
    directory,
  );
  expect(ended.code).toBe('SIGKILL');
  expect(readFileSync(join(directory, 'events', 'active', 'default.jsonl'), 'utf8')).toContain('"opened"');
});

test.each([
  ['throws', `throw new Error('theirs')`],
  ['ends the process', 'process.exit(3)'],
])('the log is on the disk also where a listener that was added after the opening %s', async (_, end) => {
  const directory = temporaryDirectory();
  const { code, output } = await run(
    `const { native } = require(${JSON.stringify(join(dist, 'native.js'))});
    const binary = native();
    for (const name of ['logFlush', 'logDrain']) {
      const original = binary[name];
      binary[name] = (...words) => { console.log(name); return original(...words); };
    }
    await bus.flush();
    process.on('exit', () => { console.log('exit'); ${end}; });
    setImmediate(() => process.exit());`,
    directory,
  );
  expect(code).not.toBe(0);
  expect(output).toMatch(/^logFlush\nexit\n/);
  // Whoever opens it next looks it over; to close it, and to open it anew for others, may take more time than there is.
  expect(await topicsOf(directory, false)).toEqual(['opened']);
});

describe.each(['sqlite', 'file'])('what was asked for before the exit is on the disk (%s)', (storage) => {
  test.each([
    ['was there before the opening throws', `process.on('exit', theirs);`, ''],
    ['was there before the opening ends the process', `process.on('exit', () => process.exit(3));`, ''],
    ['was put before all others throws', '', `process.prependListener('exit', theirs);`],
    [
      'throws after all others were taken off',
      '',
      `process.removeAllListeners('exit'); await anew(); process.on('exit', theirs);`,
    ],
  ])('also where a listener that %s', async (_, before, after) => {
    const directory = temporaryDirectory();
    const another = JSON.stringify(temporaryDirectory());
    const { code } = await run(
      `${after} await bus.flush(); bus.emit('asked'); void storage.set('k', 1); setImmediate(() => process.exit());`,
      directory,
      storage,
      `const theirs = () => { throw new Error('theirs'); };
      const anew = () => openSmallTalk({ directory: ${another} });
      ${before}`,
    );
    expect(code).not.toBe(0);
    expect(await topicsOf(directory, false)).toEqual(['opened', 'asked']);
    const { storage: left, close } = await openSmallTalk({ directory, storage });
    expect(await left.get('k')).toBe(1);
    await close();
  });
});

test('who needs all of its time leaves some to the others, and has the rest when they are done', async () => {
  // By a clock that goes on only where somebody takes his time.
  const script = `
    let now = 0;
    require('node:perf_hooks').performance.now = () => now;
    const { drainAtExit } = require(${JSON.stringify(join(dist, 'exit.js'))});
    const limits = [];
    const objects = ['slow', 'quick', 'other'].map((name) => ({ name }));
    for (const object of objects) {
      const { name } = object;
      drainAtExit(object, (limitMs) => {
        limits.push([name, Math.round(limitMs)]);
        if (name === 'slow') now += limitMs;
      });
    }
    process.on('exit', () => console.log(JSON.stringify(limits)));
    process.exit();`;
  const { output } = await runNode(['-e', script], { cwd: temporaryDirectory() });
  expect(JSON.parse(output)).toEqual([
    ['slow', 1667],
    ['quick', 1667],
    ['other', 3333],
    ['slow', 3333],
  ]);
});

test('what such a listener acknowledges is remembered', async () => {
  const directory = temporaryDirectory();
  const ended = await run(
    `await bus.flush();
    const consumer = await log.subscribe('default', 'reader');
    for await (const event of consumer) {
      process.on('exit', () => {
        void log.append('default', { topic: 'appended' });
        void consumer.ack(event);
      });
      break;
    }
    setImmediate(() => process.exit());`,
    directory,
  );
  expect(ended).toMatchObject({ code: 0, output: '' });
  expect(await topicsOf(directory)).toEqual(['opened', 'appended']);
  const log = open({ directory: join(directory, 'events') });
  const consumer = await log.subscribe('default', 'reader');
  for await (const { topic } of consumer) {
    expect(topic).toBe('appended');
    break;
  }
});

test('where somebody only says that the process exits, everything goes on', async () => {
  const directory = temporaryDirectory();
  const script = `
    process.emit('exit');
    bus.emit('later');
    await bus.flush();
    for await (const { topic } of log.replay('default', { priority: 'all' })) console.log(topic);
    await log.close();`;
  expect(await run(script, directory)).toMatchObject({ code: 0, output: 'opened\nlater\n' });
  expect(await topicsOf(directory)).toEqual(['opened', 'later']);
});

test('two copies of the package do not make way for each other for ever, and leave nothing behind', async () => {
  const path = JSON.stringify(join(dist, 'exit.js'));
  const script = `
    const names = ['exit', 'newListener'];
    const before = names.map((name) => process.listenerCount(name));
    const copies = [0, 1].map(() => {
      delete require.cache[require.resolve(${path})];
      return require(${path});
    });
    const objects = [{}, {}];
    const said = [];
    const wishes = copies.map(({ drainAtExit }, at) => drainAtExit(objects[at], (_, last) => said.push([at, last])));
    process.on('exit', () => said.push('theirs'));
    setImmediate(() => {
      process.emit('exit');
      for (const wish of wishes) wish.takeBack();
      process.removeAllListeners('exit');
      console.log(JSON.stringify({ said, left: names.map((name, at) => process.listenerCount(name) - before[at]) }));
    });`;
  const { output } = await runNode(['-e', script], { cwd: temporaryDirectory() });
  const said = [[1, false], [0, false], 'theirs', [0, true], [1, true]];
  expect(JSON.parse(output)).toEqual({ said, left: [0, 0] });
});
