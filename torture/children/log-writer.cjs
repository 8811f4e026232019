'use strict';

/**
 * Appends events to a session for each lane, some of them several at a time, and journals each: `begin`, then `done` or
 * `fail`. Files are small, and now and then all that are closed go into the archive, so that kills and faults meet that as
 * well: after every `tidy` rounds. With `ops=0` it never ends.
 */
const { JsonlEventReplayStorage } = require('../../dist/index.js');
const { say } = require('./journal.cjs');
const { randomOf } = require('./random.cjs');
const { eventOf, logOptions } = require('./events.cjs');

const given = Object.fromEntries(process.argv.slice(2).map((word) => word.split(/=(.*)/s).slice(0, 2)));
const { path, durability, seed, first, ops, lanes, pauseMs, prefix = '', tidy = 9 } = given;
const log = new JsonlEventReplayStorage(logOptions(path, durability));

/** So many of what was acknowledged each event names: all that came since the event before it, and more. */
const NAMED = 8;

/** One session: the last state that was begun, and those that were acknowledged last. */
class Conversation {
  constructor(name) {
    Object.assign(this, { name, state: Number(first), known: [] });
  }

  /** Begins an append; settles, when it is journaled, with whether it was acknowledged. */
  append() {
    this.state += 1;
    const { name, state } = this;
    say('begin', name, state);
    return log.append(name, eventOf(name, state, this.known)).then(
      () => {
        this.known = [...this.known, state].slice(-NAMED);
        say('done', name, state);
        return true;
      },
      (error) => {
        say('fail', name, state, error.code ?? error.message);
        return false;
      },
    );
  }

  /** What was acknowledged last is what is read. */
  async check() {
    const missing = new Set(this.known);
    const last = 3 * NAMED;
    for await (const { payload } of log.replay(this.name, { priority: 'all', archived: true, last })) {
      missing.delete(payload.state);
    }
    if (missing.size > 0)
      throw new Error(`${this.name} was acknowledged with ${[...missing].join()}, which is not read`);
  }
}

async function lane(number, counter) {
  const pick = randomOf(Number(seed) + number * 7_919);
  const conversation = new Conversation(`${prefix}session-${number}`);
  for (let round = 1; Number(ops) === 0 || counter.left > 0; round += 1) {
    const many = pick(3) === 0 ? 4 : 1;
    counter.left -= many;
    const appended = await Promise.all(Array.from({ length: many }, () => conversation.append()));
    await conversation.check();
    if (round % Number(tidy) === 0) await log.cleanup(0).catch((error) => say('read', 'cleanup', error.code));
    if (appended.includes(false)) await new Promise(setImmediate);
    if (pauseMs !== undefined) await new Promise((resolve) => setTimeout(resolve, Number(pauseMs)));
  }
  // The fault may have ended meanwhile: then writing goes on.
  for (let tries = 1; tries <= 3 && !(await conversation.append()); tries += 1);
  await conversation.check();
}

/** Opens the log, which its first call does: what keeps it from that may have ended at the third try. */
async function opened() {
  for (let tries = 1; ; tries += 1) {
    try {
      return await log.getStats();
    } catch (error) {
      if (tries === 3) return void say('read', 'opening', error.code);
    }
  }
}

async function main() {
  if ((await opened()) === undefined) return;
  const counter = { left: Number(ops) };
  await Promise.all(Array.from({ length: Number(lanes) }, (_, number) => lane(number, counter)));
  await log.close().catch((error) => say('read', 'close', error.code));
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
