'use strict';

/** Writes and reads while the process may open no more files, and goes on when it may again. */
const { execFileSync } = require('node:child_process');
const { readdirSync } = require('node:fs');

const { say } = require('./journal.cjs');
const { opened } = require('./opened.cjs');

const given = Object.fromEntries(process.argv.slice(2).map((word) => word.split(/=(.*)/s).slice(0, 2)));
const store = opened(given);
const limit = (files) => execFileSync('prlimit', ['--pid', String(process.pid), `--nofile=${files}:`]);

async function set(object, state) {
  say('begin', object, state);
  try {
    await store.put(object, state);
    say('done', object, state);
    return 'done';
  } catch (error) {
    say('fail', object, state, error.code);
    return error.code;
  }
}

async function main() {
  await set('key-0', 1);
  await set('key-1', 1);
  // What is open stays, and nothing can be opened beside it.
  limit(Math.max(...readdirSync('/proc/self/fd').map(Number)));
  const during = [await set('key-0', 2), await store.read('key-1').catch((error) => error.code)];
  say('read', 'during', ...during);
  if (during.some((code) => typeof code === 'string' && code !== 'done' && code !== 'ERR_IO'))
    throw new Error(during.join());
  await new Promise((resolve) => {
    const alive = setInterval(() => undefined, 1_000);
    process.once('SIGUSR2', () => {
      clearInterval(alive);
      resolve();
    });
    say('read', 'lift', process.pid);
  });
  const after = [await set('key-0', 3), await store.read('key-1')];
  if (after.join() !== 'done,1') throw new Error(after.join());
  await store.close();
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
