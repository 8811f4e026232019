'use strict';

/** Does one thing again and again, thirty at a time, and keeps nothing of it; says when it is warm, and when it is done. */
const { join } = require('node:path');

const { JsonlEventReplayStorage, SQLiteStorageAdapter } = require('../../dist/index.js');

const [directory, what, count] = process.argv.slice(2);
const rounds = Number(count);
const many = (ask) => Promise.all(Array.from({ length: 30 }, (_, at) => ask(at)));
const sqlite = () => new SQLiteStorageAdapter({ path: join(directory, 's.db'), durability: 'process' });
const events = () => new JsonlEventReplayStorage({ directory: join(directory, 'events') });

function sessionOf(id, number) {
  const messages = [{ id: `m${number}`, role: 'user', content: `${number} hello`, timestamp: new Date(number) }];
  return { id, messages, createdAt: new Date(0), updatedAt: new Date(0) };
}

const work = {
  async sets() {
    const store = sqlite();
    return [(number) => many((at) => store.set(`k${at}`, { number, at })), store];
  },
  async saves() {
    const store = sqlite();
    return [(number) => many((at) => store.saveSession(`s${at}`, sessionOf(`s${at}`, number))), store];
  },
  async restores() {
    const store = sqlite();
    await many((at) => store.saveSession(`s${at}`, sessionOf(`s${at}`, 0)));
    return [() => many((at) => store.getSession(`s${at}`)), store];
  },
  async replays() {
    const log = events();
    await many((at) => log.append('s', { topic: 'step', payload: { at } }));
    const replay = async () => {
      let seen = 0;
      for await (const { seq } of log.replay('s', { priority: 'all' })) seen = seq;
      if (seen !== 30) throw new Error('events are missing');
    };
    return [() => many(replay), log];
  },
};

/** Whatever there is now will be found by full collections only. */
function growOld() {
  for (let round = 0; round < 200; round += 1) globalThis.garbage = new Array(10_000).fill(round);
}

async function main() {
  const [round, opened] = await work[what]();
  for (let number = 0; number < rounds / 4; number += 1) await round(number);
  growOld();
  process.stdout.write('warm\n');
  for (let number = 0; number < rounds; number += 1) await round(number);
  process.stdout.write('done\n');
  await opened.close();
}

void main();
