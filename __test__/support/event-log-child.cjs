'use strict';

/** Appends events for ever, several at a time, small ones and large ones, to three sessions, in both durabilities. */
const { JsonlEventReplayStorage } = require('../../dist/index.js');
const { begin, done } = require('./journal.cjs');

const [directory, round] = process.argv.slice(2);
// Small files, so that kills also fall while one is closed.
const log = new JsonlEventReplayStorage({ directory, maxFileBytes: 20_000 });

async function appendForEver(lane) {
  for (let at = 0; ; at += 1) {
    const token = `${round}-${lane}-${at}`;
    const payload = { token, at: new Date(at), filler: 'é'.repeat(at % 7 === 0 ? 5_000 : 20) };
    begin(token);
    await log.append(`session/${lane % 3}`, { topic: 'tested', payload }, durability(at));
    done(token);
  }
}

const durability = (at) => (at % 5 === 0 ? { durability: 'power' } : {});

for (let lane = 0; lane < 6; lane += 1) void appendForEver(lane);
