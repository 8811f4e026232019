'use strict';

/** Queues writes, waits for none of them, and leaves. */
const api = require('../../dist/index.js');
const { say } = require('./journal.cjs');
const { valueOf } = require('./states.cjs');

const given = Object.fromEntries(process.argv.slice(2).map((word) => word.split(/=(.*)/s).slice(0, 2)));
const store = new api[given.adapter]({ path: given.path, durability: given.durability });

for (let n = 0; n < Number(given.ops); n += 1) {
  const object = `key-${n}`;
  say('begin', object, 1);
  store.set(object, valueOf(object, 1)).catch(() => undefined);
}
process.exit(0);
