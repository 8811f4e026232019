'use strict';

/** Asks everything that answers for something while the timers of Node, in all modules that have them, never fire. */
const { join } = require('node:path');
const timers = require('node:timers');
const promised = require('node:timers/promises');

const {
  AgentHealthMonitor,
  FileStorageAdapter,
  JsonlEventReplayStorage,
  SQLiteStorageAdapter,
} = require('../../dist/index.js');

const [directory] = process.argv.slice(2);
const { now } = performance;
const { clearInterval: realClear } = timers;

/** Longer than answers are taken in one turn of the loop. */
function work() {
  const end = now.call(performance) + 6;
  while (now.call(performance) < end);
}

function freeze() {
  const never = () => ({ ref() {}, unref: () => ({}) });
  for (const name of ['setImmediate', 'setInterval', 'setTimeout']) timers[name] = globalThis[name] = never;
  for (const name of ['clearImmediate', 'clearInterval', 'clearTimeout']) timers[name] = globalThis[name] = () => {};
  for (const name of ['setImmediate', 'setInterval', 'setTimeout']) promised[name] = () => new Promise(() => {});
  globalThis.queueMicrotask = () => {};
  performance.now = () => 0;
}

/** An agent that hangs, whose restart() does as well the first time, is noticed and brought back. */
async function recovers() {
  const backoff = { initialDelay: 10, jitter: 0 };
  const monitor = new AgentHealthMonitor({ heartbeatInterval: 50, recoveryTimeout: 100, backoff });
  const back = new Promise((resolve) => monitor.once('agent:recovered', resolve));
  let restarts = 0;
  const never = () => new Promise(() => undefined);
  const ping = () => (restarts < 2 ? never() : Promise.resolve());
  const restart = () => ((restarts += 1) < 2 ? never() : Promise.resolve());
  monitor.registerAgent({ id: 'a', ping, restart });
  await back;
  await monitor.close();
}

async function main() {
  // A monitor keeps no process alive.
  const alive = setInterval(() => undefined, 1_000);
  freeze();
  await recovers();
  realClear(alive);
  const log = new JsonlEventReplayStorage({ directory: join(directory, 'log') });
  for (let count = 0; count < 5; count += 1) {
    await log.append('s', { topic: 't' });
    work();
  }
  for await (const event of log.replay('s', { priority: 'all' })) if (event.topic !== 't') throw new Error('another');
  await log.close();
  const at = new Date();
  const messages = Array.from({ length: 2_000 }, (_, id) => ({
    id: `m${id}`,
    role: 'user',
    content: 'x'.repeat(500),
    timestamp: at,
  }));
  for (const store of [
    new SQLiteStorageAdapter({ path: join(directory, 'sessions.db') }),
    new FileStorageAdapter({ path: join(directory, 'files') }),
  ]) {
    await store.saveSession('s', { id: 's', activeAgent: 'a', messages, createdAt: at, updatedAt: at });
    for (let count = 0; count < 3; count += 1) {
      await store.set('key', count);
      work();
    }
    const { messages: read } = await store.getSession('s');
    if (read.length !== messages.length) throw new Error('some are missing');
    // For longer than is read in one turn of the loop.
    for (let count = 0; count < 100; count += 1) {
      if ((await store.get('key')) !== 2) throw new Error('another value');
      if (count % 10 === 0) work();
    }
    await store.close();
  }
  process.stdout.write('all came\n');
}

void main();
