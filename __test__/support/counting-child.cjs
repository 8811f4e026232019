'use strict';

/** Counts one up in a session, so many times, each time from what it has read; and appends a message each time. */
const { FileStorageAdapter } = require('../../dist/index.js');
const { countUp } = require('./count-up.cjs');

const [path, rounds] = process.argv.slice(2);

async function main() {
  const store = new FileStorageAdapter({ path, durability: 'process', busyTimeoutMs: 30_000 });
  await store.initialize();
  for (let round = 0; round < Number(rounds); round += 1) {
    await countUp(store);
    await store.appendMessages('log', [
      { id: `${process.pid}/${round}`, role: 'user', content: '', timestamp: new Date() },
    ]);
  }
  await store.close();
}

void main();
