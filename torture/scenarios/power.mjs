/** Power cuts: what a child has written is recorded, and a disk that keeps only what it must is cut off at any moment. */
import { readFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import path from 'node:path';

import { runChild } from '../machine/child.mjs';
import { Disk, MANNERS, materialize } from '../machine/disk.mjs';
import { Oracle } from '../machine/oracle.mjs';
import { inDirectory, withPlace } from '../machine/places.mjs';
import { recordInto } from '../machine/strace.mjs';
import { eventsOf } from '../machine/trace.mjs';

/** What `process` promises, 2 s, and what it takes to keep it on a machine that does other things. */
const WINDOW_MS = 4_000;

/** Shared memory is none of the disk's. */
const inMemory = (name) => name.endsWith('-shm');

/**
 * `durable` says that nothing acknowledged may be lost; otherwise what is there must be whole, and the age of the oldest
 * acknowledgement that was lost is given.
 */
export async function cutPower(subject, { random, cuts, ops, lanes = 2, pauseMs }) {
  const options = { seed: random.seed(), ops, lanes, ...(pauseMs === undefined ? {} : { pauseMs }) };
  return recorded(subject, options, null, (events, look) =>
    cutAt(events, subject.durability === 'power', anywhere(events, cuts, random), random, look),
  );
}

/**
 * A sync fails before the power goes: what it was to write is never written, and nothing of what was acknowledged later, by
 * syncs that did not fail, may be missing. Others were acknowledged without a sync, so that the log has gaps. Not while the
 * store is still recovering: that would be a second fault within the first.
 */
export async function cutAfterFailedSync(subject, { random, cuts, ops, syncs }) {
  const counts = { syncs: 0, cuts: 0, acknowledged: 0, lost: 0 };
  for (const failing of random.shuffled(Array.from({ length: 24 }, (_, n) => n + 6)).slice(0, syncs)) {
    const options = { seed: random.seed(), ops, lanes: 2, mixed: 1 };
    await recorded(subject, options, failing, async (events, look) => {
      const failed = events.findIndex(({ type }) => type === 'failed');
      if (failed < 0) return;
      const well = events.findIndex(({ type, line }, at) => at > failed && type === 'said' && line.startsWith('done'));
      const moments = anywhere(events, cuts, random).filter(
        (moment) => moment <= failed || (well >= 0 && moment > well),
      );
      try {
        const { acknowledged } = await cutAt(events, true, moments, random, look);
        counts.acknowledged += acknowledged;
      } catch (cause) {
        throw new Error(`sync ${failing} failed, at event ${failed}; all was well from event ${well}`, { cause });
      }
      counts.syncs += 1;
      counts.cuts += moments.length;
    });
  }
  if (counts.syncs < syncs / 2) throw new Error(`only ${counts.syncs} syncs have failed`);
  return counts;
}

const anywhere = (events, cuts, random) =>
  Array.from({ length: cuts }, () => random.below(events.length + 1)).sort((a, b) => a - b);

/** Runs the child, and hands on what it has done and how to look at what a cut leaves of it. */
function recorded(subject, options, failing, work) {
  return inDirectory(async (parent) => {
    const directory = path.join(parent, 'place');
    const record = path.join(parent, 'record');
    const child = {
      script: subject.script,
      words: subject.words(directory, options),
      under: recordInto(record, failing),
    };
    const { how, complaint } = await withPlace(subject, directory, () => runChild(child));
    if (how !== 0) throw new Error(`the child ended with ${how}\n${complaint}`);
    const events = eventsOf(readFileSync(record, 'utf8'), directory).filter(({ path: name }) => !inMemory(name ?? ''));
    const after = path.join(parent, 'after');
    const look = remembered((files) => {
      materialize(files, directory, after);
      return subject.look(after);
    });
    return work(events, look);
  });
}

async function cutAt(events, durable, moments, random, look) {
  const counts = { cuts: moments.length, acknowledged: 0, lost: 0, distinct: 0 };
  const disk = new Disk();
  const oracle = new Oracle();
  let oldest = 0;
  let done = 0;
  for (const moment of moments) {
    for (; done < moment; done += 1) {
      const event = events[done];
      if (event.type === 'said') oracle.hear(event.line, event.at);
      else disk.take(event);
    }
    const manner = random.pick(MANNERS);
    const now = events[Math.max(0, moment - 1)]?.at ?? 0;
    try {
      const found = await look(disk.cut(manner, random));
      oracle.judge(found, durable ? undefined : (object) => oracle.ever(object));
      const lost = oracle.objects.flatMap((object) => oracle.lost(object, found.get(object) ?? 0));
      counts.lost += lost.length;
      oldest = Math.max(oldest, ...lost.map((at) => now - at));
    } catch (cause) {
      throw new Error(`the power was cut after ${moment} of ${events.length} events, and kept ${manner}`, { cause });
    }
  }
  counts.acknowledged = oracle.acknowledged;
  counts.distinct = look.distinct();
  if (durable) return counts;
  if (oldest > WINDOW_MS) throw new Error(`what was acknowledged ${oldest} ms before the cut was lost`);
  return { ...counts, windowMs: Math.round(oldest) };
}

/** Many cuts leave the same files: these are looked at once. */
function remembered(look) {
  const known = new Map();
  const ask = async (files) => {
    const hash = createHash('sha256');
    for (const [name, contents] of [...files].sort(([a], [b]) => (a < b ? -1 : 1))) {
      hash.update(`${name}\0`).update(Buffer.isBuffer(contents) ? contents : `→${contents.target}`);
    }
    const key = hash.digest('hex');
    let answer = known.get(key);
    if (answer === undefined) known.set(key, (answer = await look(files)));
    return answer;
  };
  ask.distinct = () => known.size;
  return ask;
}
