'use strict';

/**
 * One process of a crowd on one SQLite file. It and its worker threads count one up in the same session, so many times
 * each, and append to another; meanwhile further threads, in the middle of their saves, are terminated.
 */
const { once } = require('node:events');
const { isMainThread, parentPort, threadId, Worker, workerData } = require('node:worker_threads');

const { SQLiteStorageAdapter } = require('../../dist/index.js');
const { countUp } = require('./count-up.cjs');

const COUNTING_THREADS = 2;
const TERMINATED_THREADS = 3;

async function count(path, rounds) {
  const store = new SQLiteStorageAdapter({ path, durability: 'process' });
  for (let round = 0; round < rounds; round += 1) {
    await countUp(store);
    const id = `${process.pid}/${threadId}/${round}`;
    await store.appendMessages('log', [{ id, role: 'user', content: '', timestamp: new Date() }]);
  }
  await store.close();
}

/** Saves for ever, several at a time, in full and in pieces, so that any moment is in the middle of a save. */
async function saveForEver(store, lane) {
  const id = `${process.pid}/${threadId}/${lane}`;
  for (let round = 1; ; round += 1) {
    const messages = Array.from({ length: 200 }, (_, n) => {
      return { id: `m${n}`, role: 'user', content: `${round} `.repeat(300), timestamp: new Date(round) };
    });
    await store.saveSession(id, { id, messages, createdAt: new Date(0), updatedAt: new Date(round) });
    if (round === 2) parentPort.postMessage('saving');
  }
}

async function terminateOne(path) {
  const worker = new Worker(__filename, { workerData: { path, saves: true } });
  await once(worker, 'message');
  await worker.terminate();
}

async function countInThread(path, rounds) {
  const [code] = await once(new Worker(__filename, { workerData: { path, rounds } }), 'exit');
  if (code !== 0) throw new Error(`a thread ended with ${code}`);
}

async function lead(path, rounds) {
  const counting = [count(path, rounds)];
  for (let n = 0; n < COUNTING_THREADS; n += 1) counting.push(countInThread(path, rounds));
  for (let n = 0; n < TERMINATED_THREADS; n += 1) await terminateOne(path);
  await Promise.all(counting);
}

if (isMainThread) void lead(process.argv[2], Number(process.argv[3]));
else if (workerData.saves) {
  const store = new SQLiteStorageAdapter({ path: workerData.path, durability: 'process', snapshotBytes: 0 });
  for (let lane = 0; lane < 3; lane += 1) void saveForEver(store, lane);
} else void count(workerData.path, workerData.rounds);
