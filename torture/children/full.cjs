'use strict';

/** Fills a disk, makes room by deleting while it is full, and goes on. */
const { say } = require('./journal.cjs');
const { opened } = require('./opened.cjs');
const { LARGE } = require('./states.cjs');

const given = Object.fromEntries(process.argv.slice(2).map((word) => word.split(/=(.*)/s).slice(0, 2)));
const store = opened(given);
const filling = given.states === 'large' ? LARGE : 13;
const named = (number) => (number % 3 === 0 ? `session-${number}` : `key-${number}`);

async function told(object, state, promise) {
  try {
    await promise;
    say('done', object, state);
    return true;
  } catch (error) {
    say('fail', object, state, error.code);
    if (error.code !== 'ERR_FULL') throw error;
    return false;
  }
}

function put(number, state) {
  const object = named(number);
  say('begin', object, state);
  return told(object, state, store.put(object, state));
}

function remove(number) {
  const object = named(number);
  say('begin', object, 0);
  return told(object, 0, store.remove(object));
}

async function main() {
  // Large states, until there is no room, not even for a small one.
  const there = [];
  const added = async (number, state) => {
    const done = await put(number, state);
    if (done) there.push(number);
    return done;
  };
  for (let number = 0; (await added(number, filling)) || (await added(number + 100_000, 17)); number += 1);
  if (there.length < 10) throw new Error('the disk was full before there was anything');
  for (const number of there) {
    if ((await store.read(named(number))) === 0) throw new Error(`${number} is not there`);
  }
  for (const number of there.slice(0, there.length / 2)) {
    if (!(await remove(number))) throw new Error(`${number} cannot be deleted`);
  }
  // Room is given back at the latest when the log is folded.
  for (let tries = 0; !(await put(200_000, 18 + tries)); tries += 1) {
    if (tries > 100) throw new Error('writing did not go on');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  say('read', 'filled', there.length);
  await store.close();
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
