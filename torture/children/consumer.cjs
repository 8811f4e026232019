'use strict';

/** Acknowledges events under a name for each lane, one after another, and journals each. With `ops=0` it never ends. */
const { JsonlEventReplayStorage } = require('../../dist/index.js');
const { say } = require('./journal.cjs');
const { logOptions } = require('./events.cjs');

const given = Object.fromEntries(process.argv.slice(2).map((word) => word.split(/=(.*)/s).slice(0, 2)));
const { path, durability, ops, lanes } = given;
const log = new JsonlEventReplayStorage(logOptions(path, durability));

async function lane(number) {
  const name = `worker-${number}`;
  const consumer = await log.subscribe('session', name);
  for (let round = 1; Number(ops) === 0 || round <= Number(ops); round += 1) {
    const { seq } = await log.append('session', { topic: 'noted', payload: round });
    say('begin', name, seq);
    await consumer.ack(seq);
    say('done', name, seq);
  }
  await consumer.close();
}

Promise.all(Array.from({ length: Number(lanes) }, (_, number) => lane(number)))
  .then(() => log.close())
  .catch((error) => {
    console.error(error);
    process.exitCode = 1;
  });
