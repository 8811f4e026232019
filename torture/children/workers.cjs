'use strict';

/** Starts worker threads that write, and terminates each at some moment: while it opens, writes, waits or closes. */
const { readdirSync } = require('node:fs');
const { readFile } = require('node:fs/promises');
const path = require('node:path');
const { Worker } = require('node:worker_threads');

require('../../dist/index.js');
const { say } = require('./journal.cjs');

const words = process.argv.slice(2);
const given = Object.fromEntries(words.map((word) => word.split(/=(.*)/s).slice(0, 2)));
const threads = () => readdirSync('/proc/self/task').length;

async function cycle(number, delayMs) {
  const argv = [...words, `prefix=${number}.`, ...(number % 2 === 0 ? ['ops=10'] : [])];
  const worker = new Worker(path.join(__dirname, given.adapter === undefined ? 'log-writer.cjs' : 'writer.cjs'), {
    argv,
  });
  worker.on('error', (error) => {
    throw error;
  });
  await new Promise((resolve) => setTimeout(resolve, delayMs));
  await worker.terminate();
}

async function main() {
  // The threads of the engine that all workers share are begun when they are needed.
  await Promise.all(Array.from({ length: 16 }, () => readFile(__filename)));
  await cycle(0, 100);
  const before = threads();
  for (let number = 1; number <= Number(given.cycles); number += 1) {
    await cycle(number, ((number * 7919 + Number(given.seed)) % 120) + (number % 4 === 0 ? 0 : 20));
  }
  // Threads of the core end when they have done what was asked of them.
  for (let tries = 0; threads() > before && tries < 500; tries += 1) await new Promise((done) => setTimeout(done, 10));
  if (threads() > before) throw new Error(`${threads()} threads, and ${before} before`);
  say('read', 'threads', threads());
}

void main();
