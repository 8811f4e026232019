/** The storage adapters. */
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);
const api = require('../../dist/index.js');
const { partsOf, stateOfSession, stateOfValue } = require('../children/states.cjs');

const child = (name) => fileURLToPath(new URL(`../children/${name}`, import.meta.url));

export function storageSubject(kind, adapter, durability) {
  const place = (directory) => path.join(directory, kind === 'file' ? 'files' : 's.db');
  const open = (directory, options = {}) => new api[adapter]({ path: place(directory), durability, ...options });
  return {
    name: `${kind}-${durability}`,
    kind,
    adapter,
    durability,
    open,
    place,
    script: child('writer.cjs'),
    /** One thread does what several would do in an order that nobody can repeat. */
    env: { UV_THREADPOOL_SIZE: '1' },
    words: (directory, options) =>
      Object.entries({
        adapter,
        durability,
        path: place(directory),
        seed: 1,
        first: 0,
        ops: 0,
        lanes: 2,
        ...options,
      }).map(([name, value]) => `${name}=${value}`),
    look: (directory) => look(open(directory)),
    lookAtKeys: (directory, keys) => lookAtKeys(open(directory), keys),
  };
}

async function lookAtKeys(store, keys) {
  try {
    const values = await Promise.all(keys.map((key) => store.get(key)));
    return new Map(keys.map((key, at) => [key, values[at] === null ? 0 : stateOfValue(key, values[at])]));
  } finally {
    await store.close();
  }
}

/** Reads everything, by the adapter's own methods, and has it verified. */
async function look(store) {
  try {
    const found = new Map();
    for await (const key of store.keys()) {
      if (key.includes('/')) continue;
      found.set(key, stateOfValue(key, await store.get(key)));
    }
    await lookAtParts(store, found);
    for (const id of await store.listSessions()) found.set(id, stateOfSession(id, await store.getSession(id)));
    const { damaged } = await store.verify();
    if (damaged.length > 0) throw new Error(`damaged: ${JSON.stringify(damaged)}`);
    return found;
  } finally {
    await store.close();
  }
}

/** What is written as one is there as one. */
async function lookAtParts(store, found) {
  const objects = new Set();
  for await (const key of store.keys()) if (key.includes('/')) objects.add(key.slice(0, key.indexOf('/')));
  for (const object of objects) {
    const states = [];
    for (const part of partsOf(object)) {
      const value = await store.get(part);
      states.push(value === null ? 0 : stateOfValue(part, value));
    }
    if (new Set(states).size > 1) throw new Error(`${object} is half written: ${states.join()}`);
    found.set(object, states[0]);
  }
}
