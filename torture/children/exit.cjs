'use strict';

/** Queues writes, waits for none of them, and leaves. */
const { say } = require('./journal.cjs');
const { opened } = require('./opened.cjs');

const given = Object.fromEntries(process.argv.slice(2).map((word) => word.split(/=(.*)/s).slice(0, 2)));
const store = opened(given);

for (let n = 0; n < Number(given.ops); n += 1) {
  const [object, state] = store.nth(n);
  say('begin', object, state);
  store.put(object, state).catch(() => undefined);
}
process.exit(0);
