'use strict';

/** Appends events for ever, half of them old ones, in small files, and cleans up without a pause. */
const { JsonlEventReplayStorage } = require('../../dist/index.js');
const { begin, done } = require('./journal.cjs');

const DAY_MS = 86_400_000;
const [directory, round] = process.argv.slice(2);
const log = new JsonlEventReplayStorage({ directory, maxFileBytes: 4_000, cleanupIntervalMs: 0, retentionMs: DAY_MS });

async function appendForEver(lane) {
  for (let at = 0; ; at += 1) {
    const token = `${round}-${lane}-${at}`;
    // Lanes 0 and 1 share a session in which everything is old; that of 2 and 3 is of today.
    const timestamp = Date.now() - (lane < 2 ? (2 + (at % 3)) * DAY_MS : 0);
    const session = lane < 2 ? 'old' : 'new';
    begin(token);
    await log.append(session, { topic: 'tested', timestamp, payload: { token, filler: 'x'.repeat(100) } });
    done(token);
  }
}

async function cleanForEver() {
  for (;;) await log.cleanup(DAY_MS);
}

for (let lane = 0; lane < 4; lane += 1) void appendForEver(lane);
void cleanForEver();
