'use strict';
/** Counts one key of a store up, and writes into a file how far it has been acknowledged: to a limit, or until it is killed. */
const { openSync, writeSync } = require('node:fs');
const { setTimeout: pass } = require('node:timers/promises');

const { SQLiteStorageAdapter } = require('../../dist/index.js');

const [path, told, limit = 'Infinity'] = process.argv.slice(2);

async function main() {
  const store = new SQLiteStorageAdapter({ path, durability: 'process' });
  const file = openSync(told, 'w');
  for (let count = 1; count <= Number(limit); count += 1) {
    await store.set('count', count);
    writeSync(file, String(count).padStart(10), 0);
    // So that who reads meanwhile has a view for some of the time, and for some has none.
    if (count % 8 !== 0) await pass(count % 3);
  }
  // The store is left open, for its thread to empty the log when it has been idle for a while.
  await pass(600_000);
}

void main();
