'use strict';

/**
 * Loads the package into realms of their own, as test runners do, uses one part of it in each, and says how many of the realms
 * are never collected: `node --expose-gc realms-child.cjs <directory> <use>`.
 */
const { AsyncLocalStorage } = require('node:async_hooks');
const { mkdtempSync, readFileSync } = require('node:fs');
const { dirname, join, resolve } = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const vm = require('node:vm');

const smalltalk = require('../../dist/index.js');
// What is made once for the process holds on to whatever it was made in.
require('../../index.js');

const dist = resolve(__dirname, '../../dist');
const binary = resolve(dist, '../index.js');

const [directory, use] = process.argv.slice(2);
const REALMS = 3;
/** Much longer than anything takes; nothing waits for its end but what is never collected. */
const PATIENCE_MS = 20_000;

/** What looks after answers looks seldom. */
const timeoutMs = 2 ** 31 - 1;

/** Loads `dist/index.js` so that all its code belongs to the realm; the binary is the process's. */
function load(realm) {
  const loaded = new Map();
  const requireFrom = (from) => (name) => {
    if (!name.startsWith('.')) return require(name);
    const file = resolve(dirname(from), name);
    if (file === binary) return require(binary);
    if (loaded.has(file)) return loaded.get(file).exports;
    const module = { exports: {} };
    loaded.set(file, module);
    const text = `(function (exports, require, module, __filename, __dirname) {${readFileSync(file, 'utf8')}\n})`;
    vm.runInContext(text, realm, { filename: file })(module.exports, requireFrom(file), module, file, dirname(file));
    return module.exports;
  };
  return requireFrom(join(dist, 'index.js'))('./index.js');
}

/** No more globals than jsdom has. */
function newRealm() {
  const realm = vm.createContext({
    Buffer,
    DOMException,
    AbortController,
    AbortSignal,
    EventTarget,
    Event,
    URL,
    queueMicrotask,
  });
  realm.process = Object.create(process);
  return realm;
}

const uses = {
  async nothing() {},
  async sqlite({ SQLiteStorageAdapter }, path) {
    const store = new SQLiteStorageAdapter({ path: join(path, 's.db'), timeoutMs });
    await store.set('key', 1);
    await store.close();
  },
  async file({ FileStorageAdapter }, path) {
    const store = new FileStorageAdapter({ path, timeoutMs });
    await store.set('key', 1);
    await store.close();
  },
  async log({ JsonlEventReplayStorage }, path) {
    const log = new JsonlEventReplayStorage({ directory: path, timeoutMs });
    await log.append('s', { topic: 't' });
    await log.close();
  },
  async monitor({ AgentHealthMonitor }) {
    for (let count = 0; count < 2; count += 1) {
      const monitor = new AgentHealthMonitor();
      monitor.registerAgent({ id: 'agent' });
      await monitor.close();
    }
  },
  async 'monitor that was forgotten'({ AgentHealthMonitor }) {
    new AgentHealthMonitor().registerAgent({ id: 'agent' });
  },
  /** So busy that a thread counts its time; twice, with a pause in which that thread goes to sleep. */
  async 'busy bus'({ SmallTalkEventBus }) {
    const bus = new SmallTalkEventBus();
    for (let round = 0; round < 2; round += 1) {
      const end = Date.now() + 20;
      while (Date.now() < end) {
        for (let count = 0; count < 100; count += 1) bus.emit('event', count);
        await null;
      }
      await sleep(40);
    }
  },
};

/** In a function of its own: nothing of it is on the stack when it is looked for. */
async function useRealm() {
  const realm = newRealm();
  // As the functions of a test hold it.
  realm.held = load(realm);
  await uses[use](realm.held, mkdtempSync(join(directory, 'realm-')));
  return new WeakRef(realm);
}

/** What an operation was asked for in is the program's; it may be large. */
async function useContext() {
  const context = { large: true };
  await new AsyncLocalStorage().run(context, () => uses[use](smalltalk, directory));
  return new WeakRef(context);
}

async function main() {
  const held = [await useContext()];
  for (let count = 0; count < REALMS; count += 1) held.push(await useRealm());
  const alive = () => held.filter((reference) => reference.deref() !== undefined).length;
  const end = Date.now() + PATIENCE_MS;
  do {
    await sleep(10);
    globalThis.gc();
  } while (alive() > 0 && Date.now() < end);
  process.stdout.write(`alive: ${alive()}\n`);
}

void main();
