'use strict';

/** Appends `from`, `from` + 1, … to a session for ever, each after the one before was acknowledged, and says which were. */
const { JsonlEventReplayStorage } = require('../../dist/index.js');
const { done } = require('./journal.cjs');

const [directory, from] = process.argv.slice(2);
const log = new JsonlEventReplayStorage({ directory, maxFileBytes: 3_000 });

async function main() {
  for (let at = Number(from); ; at += 1) {
    await log.append('s', { topic: 't', payload: at });
    done(String(at));
  }
}

void main();
