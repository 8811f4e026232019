'use strict';

/** Uses ids that are pieces of large texts, one after another; prints by how many MB the heap has grown with them. */
const { join } = require('node:path');

const { InMemoryStorageAdapter, JsonlEventReplayStorage, SQLiteStorageAdapter } = require('../../dist/index.js');

const [directory, what] = process.argv.slice(2);
const TIMES = 60;

const sqlite = () => new SQLiteStorageAdapter({ path: join(directory, 's.db'), durability: 'process' });
const sessionOf = (id) => ({ id, messages: [], createdAt: new Date(0), updatedAt: new Date(0) });

const openings = {
  'memory get': [() => new InMemoryStorageAdapter(), (store, id) => store.get(id)],
  'memory set': [() => new InMemoryStorageAdapter(), (store, id) => store.set(id, 1)],
  'memory save': [() => new InMemoryStorageAdapter(), (store, id) => store.saveSession(id, sessionOf('s'))],
  'sqlite set': [sqlite, (store, id) => store.set(id, 1)],
  'sqlite save': [sqlite, (store, id) => store.saveSession(id, sessionOf('s'))],
  'log append': [
    () => new JsonlEventReplayStorage({ directory: join(directory, 'events') }),
    (log, id) => log.append(id, { topic: 't', payload: 1 }),
  ],
};

/** As what somebody has read out of a request: to the engine a view of the whole text. */
function pieceOf(number) {
  const body = JSON.stringify({ id: `conversation-${number}-of-a-customer`, text: `${number}`.padEnd(1_000_000, 'x') });
  return /"id":"([^"]+)"/.exec(body)[1];
}

async function main() {
  const [open, use] = openings[what];
  const opened = open();
  const heap = () => {
    globalThis.gc();
    return process.memoryUsage().heapUsed / 2 ** 20;
  };
  for (let number = 0; number < 5; number += 1) await use(opened, pieceOf(number));
  const before = heap();
  for (let number = 5; number < 5 + TIMES; number += 1) await use(opened, pieceOf(number));
  console.log(JSON.stringify(heap() - before));
  await opened.close();
}

void main();
