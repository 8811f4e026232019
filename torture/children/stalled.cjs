'use strict';

/** Writes while the disk is silent: the parent says when, by a line on the standard input. */
const { createInterface } = require('node:readline');

const { say } = require('./journal.cjs');
const { placeOf } = require('./places.cjs');
const { valueOf } = require('./states.cjs');

const given = Object.fromEntries(process.argv.slice(2).map((word) => word.split(/=(.*)/s).slice(0, 2)));
const store = placeOf(given.adapter, {
  path: given.path,
  durability: 'power',
  timeoutMs: Number(given.timeoutMs),
  maxQueueBytes: Number(given.maxQueueBytes),
});

function set(object, state, value = valueOf(object, state)) {
  say('begin', object, state);
  return store.set(object, value).then(
    () => say('done', object, state),
    (error) => say('fail', object, state, error.code),
  );
}

async function stall() {
  const begun = performance.now();
  const before = process.memoryUsage.rss();
  const first = set('key-0', 2);
  // The thread takes it before there is anything behind it.
  await new Promise((resolve) => setTimeout(resolve, 100));
  const queued = [3, 4, 5].map((state) => set('key-0', state));
  // More than the queue takes, many times over.
  let refused = 0;
  let flooded = 0;
  for (let n = 0; n < Number(given.flood); n += 1) {
    flooded += 1;
    store
      .set(`flood-${n % 7}`, 'x'.repeat(64 * 1024 + n))
      .catch((error) => (refused += error.code === 'ERR_BACKPRESSURE'));
    if (n % 50 === 0) await new Promise(setImmediate);
  }
  const grown = Math.round(((await leastResident()) - before) / 2 ** 20);
  await Promise.all([first, ...queued]);
  say('read', 'stall', Math.round(performance.now() - begun), grown, refused, flooded);
  // Still readable, though nothing is written.
  const read = await Promise.all([1, 2, 3].map((n) => store.get(`key-${n}`)));
  say('read', 'values', ...read.map((value) => value.state));
}

/** What was refused is garbage, and its pages go back to the system a while after it was collected. What is queued stays. */
async function leastResident() {
  let least = Infinity;
  for (let look = 0; look < 6; look += 1) {
    globalThis.gc();
    await new Promise((resolve) => setTimeout(resolve, 15));
    least = Math.min(least, process.memoryUsage.rss());
  }
  return least;
}

/** What the engine and the allocator take for themselves, they take now. */
async function warmUp() {
  for (let n = 0; n < Number(given.flood); n += 50) {
    const some = Array.from({ length: 50 }, (_, at) => store.set(`flood-${at % 7}`, 'x'.repeat(64 * 1024 + at)));
    await Promise.allSettled(some);
  }
  globalThis.gc();
  await new Promise(setImmediate);
}

async function main() {
  for (const n of [0, 1, 2, 3]) await set(`key-${n}`, 1);
  await warmUp();
  globalThis.gc();
  const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  say('read', 'ready');
  await lines.next();
  await stall();
  say('read', 'over');
  await lines.next();
  // The disk is back.
  for (let tries = 0; tries < 20; tries += 1) {
    let failed = '';
    say('begin', 'key-9', 3 + tries);
    await store.set('key-9', valueOf('key-9', 3 + tries)).then(
      () => say('done', 'key-9', 3 + tries),
      (error) => say('fail', 'key-9', 3 + tries, (failed = error.code)),
    );
    if (failed === '') break;
  }
  for (let n = 0; n < 7; n += 1) await store.delete(`flood-${n}`);
  await store.close();
  process.exit(0);
}

void main();
