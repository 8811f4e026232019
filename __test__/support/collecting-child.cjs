'use strict';

/** Saves, and appends events, with a full collection after each round; says when the rounds that warm up are over. */
const { join } = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');

const { JsonlEventReplayStorage, SQLiteStorageAdapter } = require('../../dist/index.js');

const directory = process.argv[2];
const [warmUp, rounds] = process.argv.slice(3).map(Number);
const store = new SQLiteStorageAdapter({ path: join(directory, 's.db'), durability: 'process' });
const log = new JsonlEventReplayStorage({ directory: join(directory, 'events') });

const text = 'x'.repeat(300);
const message = (id) => ({ id, role: 'user', content: `${id} ${text}`, timestamp: new Date(0) });

function sessionOf(id) {
  const messages = Array.from({ length: 9 }, (_, at) => message(`${id}/${at}`));
  return { id, messages, createdAt: new Date(0), updatedAt: new Date(0) };
}

async function saves(round) {
  const sessions = Array.from({ length: 400 }, (_, at) => sessionOf(`${round}-${at}`));
  const save = () => Promise.all(sessions.map((session) => store.saveSession(session.id, session)));
  await save();
  for (const { id, messages } of sessions) messages.push(message(`${id}/9`));
  await save();
}

const appends = (round) =>
  Promise.all(Array.from({ length: 4_000 }, (_, at) => log.append('s', { topic: 't', payload: { round, at } })));

async function main() {
  for (let round = 0; round < warmUp + rounds; round += 1) {
    if (round === warmUp) process.stdout.write('warm\n');
    await saves(round);
    await appends(round);
    globalThis.gc();
    await sleep(20);
  }
  await store.close();
  await log.close();
}

void main();
