/** The event log. */
import assert from 'node:assert';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { withDiskAt } from '../machine/mounts.mjs';

const require = createRequire(import.meta.url);
const { JsonlEventReplayStorage } = require('../../dist/index.js');
const { logOptions, stateOfEvents } = require('../children/events.cjs');
const { stateOfValue } = require('../children/states.cjs');

/** How large the disk is that an archive has for itself. */
const ARCHIVE_MEGABYTES = 512;

/** So many sessions are written to at once where there are `many`: batches that go to several files use the journal. */
const MANY = 4;

/**
 * `gaps`: a power cut may take what was not synced, and leave what came later. `elsewhere`: the archive is on a disk of its
 * own, much goes there, and whoever looks afterwards sends the rest after it.
 */
export function logSubject(durability, { gaps = false, elsewhere = false, many = false } = {}) {
  const place = (directory) => path.join(directory, 'events');
  const archive = (directory) => path.join(place(directory), 'archive');
  const given = { durability, seed: 1, first: 0, ops: 0, lanes: 2, ...(elsewhere ? { tidy: 2 } : {}) };
  const subject = {
    name: `log-${elsewhere ? 'elsewhere' : many ? 'many' : durability}${gaps ? '-gaps' : ''}`,
    kind: 'log',
    durability,
    place,
    script: fileURLToPath(new URL('../children/log-writer.cjs', import.meta.url)),
    env: {},
    words: (directory, options) =>
      Object.entries({ ...given, path: place(directory), ...options, ...(many ? { lanes: MANY } : {}) }).map(
        ([name, value]) => `${name}=${value}`,
      ),
    look: (directory) => {
      const log = new JsonlEventReplayStorage(logOptions(place(directory), durability));
      return closing(log, () => (elsewhere ? lookTwice(log, archive(directory)) : lookAt(log, gaps)));
    },
    lookAtKeys: (directory, keys, ever) => {
      const log = new JsonlEventReplayStorage(logOptions(place(directory), durability));
      return closing(log, () => lastOf(log, keys, ever));
    },
  };
  if (!elsewhere) return subject;
  return {
    ...subject,
    within: (directory, work) => withDiskAt(archive(directory), ARCHIVE_MEGABYTES, () => work(directory)),
  };
}

/** A log does not list the sessions of which all is in the archive. */
function archivedSessions({ directory }) {
  const archive = path.join(directory, 'archive');
  if (!existsSync(archive)) return [];
  const files = readdirSync(archive, { recursive: true, withFileTypes: true });
  const stems = files.filter((file) => file.isFile()).map(({ name }) => /^([^.]+)\.\d+.*\.jsonl$/.exec(name)?.[1]);
  return stems.filter((stem) => stem !== undefined).map(decodeURIComponent);
}

async function closing(log, work) {
  try {
    return await work();
  } finally {
    await log.close();
  }
}

/** Sessions as keys, whose values are those of their last events. No event may be one that was never there: see `ever`. */
async function lastOf(log, keys, ever) {
  const found = new Map();
  for (const key of keys) {
    const states = [];
    for await (const { payload } of log.replay(key, { priority: 'all' })) states.push(stateOfValue(key, payload));
    const wrong = states.find((state, at) => !ever(key).has(state) || state <= (states[at - 1] ?? 0));
    if (wrong !== undefined) throw new Error(`state ${wrong} of ${key} is among ${states.join()}`);
    found.set(key, states.at(-1) ?? 0);
  }
  return found;
}

/** Reads everything, also what is in the archive, and has it verified. */
async function lookAt(log, gaps = false) {
  const found = new Map();
  for (const session of new Set([...(await log.sessions()), ...archivedSessions(log)])) {
    const events = [];
    for await (const event of log.replay(session, { priority: 'all', archived: true })) events.push(event);
    if (events.length > 0) found.set(session, stateOfEvents(session, events, gaps));
  }
  await log.verify();
  return found;
}

/** How far named consumers have come. */
export function consumerSubject(durability) {
  const place = (directory) => path.join(directory, 'events');
  return {
    name: `consumer-${durability}`,
    durability,
    place,
    script: fileURLToPath(new URL('../children/consumer.cjs', import.meta.url)),
    env: {},
    words: (directory, options) =>
      Object.entries({ durability, path: place(directory), ops: 0, lanes: 2, ...options }).map(
        ([name, value]) => `${name}=${value}`,
      ),
    look: (directory) => {
      const log = new JsonlEventReplayStorage(logOptions(place(directory), durability));
      return closing(log, () => positionsIn(log));
    },
  };
}

async function positionsIn(log) {
  const found = new Map();
  for (const name of ['worker-0', 'worker-1']) {
    const { position } = await log.subscribe('session', name);
    if (position > 0) found.set(name, position);
  }
  return found;
}

/** What a kill has left half moved is moved: nothing is there twice or missing, before or afterwards. */
async function lookTwice(log, archive) {
  const found = await lookAt(log);
  await log.cleanup(0);
  assert.deepEqual(await lookAt(log), found, 'what is in the archive is not what was there before');
  const active = path.join(log.directory, 'active');
  // A file may have been made for an event that never came.
  const left = readdirSync(active).filter((name) => statSync(path.join(active, name)).size > 0);
  const moved = readdirSync(archive).flatMap((day) => readdirSync(path.join(archive, day)));
  const half = [...left, ...moved.filter((name) => !/^session-\d\.\d+\.jsonl$/.test(name))];
  const { damaged } = await log.verify();
  if (damaged.length > 0) throw new Error(`damaged: ${JSON.stringify(damaged)}`);
  if (half.length > 0) throw new Error(`cleaning up has left ${half.join()}`);
  if (statSync(archive).dev === statSync(log.directory).dev) throw new Error('the archive is on the same disk');
  return found;
}
