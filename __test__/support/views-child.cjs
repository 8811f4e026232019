'use strict';
/** Counts one key of a store up, and writes into a file how far it has been acknowledged, until it is killed. */
const { openSync, writeSync } = require('node:fs');
const { setTimeout: pass } = require('node:timers/promises');

const { SQLiteStorageAdapter } = require('../../dist/index.js');

const [path, told] = process.argv.slice(2);

async function main() {
  const store = new SQLiteStorageAdapter({ path, durability: 'process' });
  const file = openSync(told, 'w');
  for (let count = 1; ; count += 1) {
    await store.set('count', count);
    writeSync(file, String(count).padStart(10), 0);
    // So that who reads meanwhile has a view for some of the time, and for some has none.
    if (count % 8 !== 0) await pass(count % 3);
  }
}

void main();
