'use strict';

/** Saves growing sessions for ever, several at a time, and journals each save: `<session>:<number of messages>`. */
const { join } = require('node:path');

const api = require('../../dist/index.js');
const { begin, done } = require('./journal.cjs');

const [Adapter, path, durability, round] = process.argv.slice(2);
const adapter = new api[Adapter]({ path: join(path), durability });
const LANES = 4;

async function saveForEver(lane) {
  const id = `${round}/${lane}`;
  const session = { id, messages: [], createdAt: new Date(0), updatedAt: new Date(0) };
  for (let count = 1; ; count += 1) {
    session.updatedAt = new Date(count);
    session.messages.push({
      id: `m${count}`,
      role: 'user',
      content: `${count} `.repeat(200),
      timestamp: new Date(count),
    });
    begin(`${id}:${count}`);
    await adapter.saveSession(id, session);
    done(`${id}:${count}`);
  }
}

for (let lane = 0; lane < LANES; lane += 1) void saveForEver(lane);
