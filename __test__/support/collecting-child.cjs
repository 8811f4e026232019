'use strict';

/** Saves, restores, appends and replays, with a full collection after each round; says when the rounds that warm up are over. */
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

/** A session that comes in pieces; a new one each time, which nothing is known of. */
async function restores(round) {
  const messages = Array.from({ length: 2_000 }, (_, at) => message(`${round}/${at}`));
  await store.saveSession(`large-${round}`, { ...sessionOf(`large-${round}`), messages });
  const { messages: restored } = await store.getSession(`large-${round}`);
  if (restored.length !== messages.length) throw new Error('messages are missing');
}

const appends = (round) =>
  Promise.all(
    Array.from({ length: 4_000 }, (_, at) => log.append(`s${round}`, { topic: 't', payload: { round, at } })),
  );

async function replays(round) {
  let count = 0;
  for await (const { payload } of log.replay(`s${round}`, { priority: 'all' })) count += payload.at === count ? 1 : 0;
  if (count !== 4_000) throw new Error('events are missing');
}

async function main() {
  for (let round = 0; round < warmUp + rounds; round += 1) {
    if (round === warmUp) process.stdout.write('warm\n');
    await saves(round);
    await restores(round);
    await appends(round);
    await replays(round);
    globalThis.gc();
    await sleep(20);
  }
  await store.close();
  await log.close();
}

void main();
