'use strict';

/** Opens stores, writes, and forgets them: the garbage collector finds them, and their threads and files go. */
const { readdirSync } = require('node:fs');

const { say } = require('./journal.cjs');
const { opened } = require('./opened.cjs');

const given = Object.fromEntries(process.argv.slice(2).map((word) => word.split(/=(.*)/s).slice(0, 2)));
const count = (what) => readdirSync(`/proc/self/${what}`).length;

async function use(number) {
  const store = opened(given);
  const object = `key-${number}`;
  say('begin', object, 1);
  await store.put(object, 1);
  say('done', object, 1);
  // The last of them is still on its way when nobody knows the store any more.
  const late = `late-${number}`;
  say('begin', late, 1);
  void store.put(late, 1).then(() => say('done', late, 1));
}

async function main() {
  await use(0);
  const settled = async (wanted) => {
    for (let tries = 0; tries < 1_000 && (count('task') > wanted[0] || count('fd') > wanted[1]); tries += 1) {
      globalThis.gc();
      await new Promise((done) => setTimeout(done, 5));
    }
    return [count('task'), count('fd')];
  };
  await use(-1);
  for (let turns = 0; turns < 40; turns += 1) await settled([Infinity, Infinity]).then(() => globalThis.gc());
  const before = [count('task'), count('fd')];
  for (let number = 1; number <= Number(given.cycles); number += 1) await use(number);
  const after = await settled(before);
  if (after[0] > before[0] || after[1] > before[1]) throw new Error(`threads and files ${after}, and ${before} before`);
}

void main();
