'use strict';

/**
 * Fills a store with so many keys and sessions, at first with a tenth of them, goes through all of it each time, and
 * prunes half of the sessions. Prints, as one line of JSON, what it has found and the memory that it takes.
 */
const { SQLiteStorageAdapter } = require('../../dist/index.js');

const [path, allKeys, allSessions] = process.argv.slice(2).map((word, at) => (at === 0 ? word : Number(word)));
const BATCH = 1_000;

const numbers = (from, to) => Array.from({ length: Math.min(BATCH, to - from) }, (_, n) => from + n);

function session(n) {
  const id = `session/${n}`;
  const messages = [{ id: 'm', role: 'user', content: `text of ${n}`, timestamp: new Date(n) }];
  return [id, { id, messages, createdAt: new Date(n), updatedAt: new Date(n) }];
}

async function fill(store, from, to) {
  for (let n = from.keys; n < to.keys; n += BATCH) {
    await store.setMany(numbers(n, to.keys).map((key) => [`key/${key}`, { key }]));
  }
  for (let n = from.sessions; n < to.sessions; n += BATCH) {
    await store.saveSessions(numbers(n, to.sessions).map(session));
  }
}

/** How many there are; they must come in order, each once. */
async function iterated(ids) {
  let count = 0;
  let before = '';
  for await (const id of ids) {
    if (id <= before) throw new Error(`${id} came behind ${before}`);
    before = id;
    count += 1;
  }
  return count;
}

async function look(store) {
  const { sessions, keys } = await store.getStats();
  const byId = { orderBy: 'id', order: 'asc' };
  const found = {
    counted: [keys, sessions],
    iterated: [await iterated(store.keys()), await iterated(store.sessions(byId))],
    listed: (await store.listSessions(byId)).length,
  };
  for (let n = 0; n < 5; n += 1) {
    globalThis.gc();
    await new Promise(setImmediate);
  }
  return { ...found, megabytes: process.memoryUsage.rss() / 2 ** 20 };
}

async function main() {
  // What is remembered of saved sessions has a bound of its own, which is far from reached with a tenth of them.
  const store = new SQLiteStorageAdapter({ path, durability: 'process', snapshotBytes: 0 });
  const tenth = { keys: allKeys / 10, sessions: allSessions / 10 };
  await fill(store, { keys: 0, sessions: 0 }, tenth);
  const atATenth = await look(store);
  await fill(store, tenth, { keys: allKeys, sessions: allSessions });
  const full = await look(store);
  const { sessions: pruned } = await store.prune({ updatedBefore: allSessions / 2 });
  const atTheEnd = await look(store);
  await store.close();
  console.log(JSON.stringify({ atATenth, full, pruned, atTheEnd }));
}

void main();
