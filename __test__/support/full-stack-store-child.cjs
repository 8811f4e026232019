'use strict';

/**
 * Recursions without end that call a method of a SQLite store at each step back, for the first time in this process: what was
 * not compiled by then needs most of the stack. Prints what calls failed with, and what of the store does not go on, as JSON.
 */
const { join } = require('node:path');
const { setImmediate: turned } = require('node:timers/promises');

const { SQLiteStorageAdapter } = require('../../dist/index.js');

const [directory, name] = process.argv.slice(2);
const CALLS = 300;
const ROUNDS = 30;
/** Frames of so many sizes. */
const SIZES = 7;
/** More than any answer takes on a machine that does something else beside; what hangs is withdrawn then. */
const TIMEOUT_MS = 10_000;

// Node tells of promises that are rejected while the stack is full, also of those that somebody handles a moment later.
process.on('unhandledRejection', () => undefined);

/** Calls `work` while the stack is full, and at each of the steps back. */
function unwind(size, work) {
  const names = Array.from({ length: size }, (_, at) => `p${at}`);
  let left = CALLS;
  const deep = new Function(
    'call',
    `return function deep(${names.join()}) { try { deep(${names.map((_, at) => at).join()}); } catch (error) {} call(); }`,
  )(() => {
    if (left-- > 0) work();
  });
  try {
    deep();
  } catch {
    // The stack is full still.
  }
}

const session = { id: 's', messages: [], createdAt: new Date(), updatedAt: new Date() };
const OPERATIONS = {
  get: (store) => store.get('k'),
  getMany: (store) => store.getMany(['k', 'none']),
  set: (store) => store.set('k', 1),
  deleteMany: (store) => store.deleteMany(['none']),
  getSession: (store) => store.getSession('s'),
  getSessions: (store) => store.getSessions(['s', 't']),
  saveSession: (store, number) => store.saveSession('s', { ...session, number }),
  saveSessions: (store) => store.saveSessions([['q', session]]),
  deleteSession: (store) => store.deleteSession('none'),
  deleteSessions: (store) => store.deleteSessions(['none']),
  listSessions: (store) => store.listSessions(),
  prune: (store) => store.prune({ updatedBefore: new Date(0) }),
  clear: (store) => store.clear(),
};

/** What a promise was rejected with, or that nothing came of it; null where all went well. */
async function failure(promise) {
  let timer;
  const late = new Promise((resolve) => (timer = setTimeout(resolve, 2 * TIMEOUT_MS, 'nothing')));
  const end = promise.then(
    () => null,
    (error) => error.code ?? error.name,
  );
  const said = await Promise.race([end, late]);
  clearTimeout(timer);
  return said;
}

async function main() {
  const store = new SQLiteStorageAdapter({
    path: join(directory, 'a.db'),
    durability: 'process',
    timeoutMs: TIMEOUT_MS,
  });
  await store.set('k', 1);
  await store.saveSession('s', session);
  const codes = new Set();
  for (let round = 0; round < ROUNDS && [...codes].every((code) => code === 'RangeError'); round += 1) {
    const asked = [];
    unwind(round % SIZES, () => {
      try {
        asked.push(OPERATIONS[name](store, asked.length));
      } catch {
        // The stack is full still.
      }
    });
    await turned();
    for (const code of await Promise.all(asked.map(failure))) if (code !== null) codes.add(code);
  }
  const after = {};
  for (const [step, promise] of [
    ['get', store.get('k')],
    ['save', store.saveSession('s', session)],
    ['list', store.listSessions()],
    ['close', store.close()],
  ]) {
    after[step] = await failure(promise);
  }
  console.log(JSON.stringify({ codes: [...codes].sort(), after }));
  process.exit(0);
}

void main();
