'use strict';

/**
 * Recursions without end that tell of themselves by a log, and by a bus with that log, as their stack unwinds; prints what came
 * of it as JSON.
 */
const { setTimeout: sleep } = require('node:timers/promises');

const { JsonlEventReplayStorage, SmallTalkEventBus } = require('../../dist/index.js');

const [directory, what, durability = 'power'] = process.argv.slice(2);
const KINDS = 60;
const REPORTS = 600;
/** An append more, and they cross. */
const ALMOST_MANY = 24;
/** Of an event that crosses at once. */
const LARGE = 300_000;
const FEW_REPORTS = 60;
const TIMEOUT_MS = 2_000;

const log = new JsonlEventReplayStorage({ directory, durability, timeoutMs: TIMEOUT_MS });
const bus = new SmallTalkEventBus({ log, sessionId: 's', historyLimit: 100_000 });
let number = 0;
const emit = (kind, text) => bus.emit(`agent:failed:${kind}`, { number: (number += 1), text });
/** By number: the promise of each append. */
const appended = new Map();

function append() {
  number += 1;
  appended.set(number, log.append('t', { topic: 'failed', payload: number }));
}

/** Recurses until the stack is full, its frames of the size of so many parameters; then reports at each step back. */
function recurse(parameters, most, report) {
  let reports = 0;
  const names = Array.from({ length: parameters }, (_, at) => `p${at}`).join();
  const step = new Function(
    'fail',
    `return function step(${names}) { try { return step(); } catch (error) { fail(); throw error; } }`,
  )(() => {
    if (reports++ > most) return;
    try {
      report();
    } catch {
      // The stack is full still.
    }
  });
  try {
    step();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
}

/** Hardly anything has been compiled. */
function early() {
  emit(0);
  const step = (level) => {
    try {
      return step(level + 1);
    } catch (error) {
      try {
        bus.emit('failed', { number: (number += 1) });
      } catch {
        // The stack is full still.
      }
      throw error;
    }
  };
  try {
    step(0);
  } catch {
    // That it got here is what is asked.
  }
}

async function late() {
  const text = 'x'.repeat(LARGE);
  for (let round = 0; round < 100; round += 1) emit(0);
  for (let kind = 0; kind < KINDS; kind += 1) emit(kind);
  await bus.flush();
  await sleep(20);
  for (let kind = 0; kind < KINDS; kind += 1) {
    if (kind % 2 === 0) recurse(kind % 13, REPORTS, () => emit(kind));
    else {
      for (let count = 0; count < ALMOST_MANY; count += 1) append();
      recurse(kind % 13, REPORTS, append);
    }
    if (kind % 20 === 0) recurse(kind % 13, FEW_REPORTS, () => emit(kind, text));
    await bus.flush().catch(() => undefined);
  }
  await Promise.allSettled(appended.values());
  // Whoever was forgotten on the way would be told that it took too long.
  if (durability === 'process') await sleep(TIMEOUT_MS * 2);
}

async function main() {
  if (what === 'early') early();
  else await late();
  await bus.flush().catch(() => undefined);
  const { queuedEvents, queuedBytes } = bus.getStats().log;
  await bus.close().catch(() => undefined);
  const times = new Map([...bus.history].map(({ args, timestamp }) => [args[0].number, timestamp]));
  let [logged, wrong] = [0, 0];
  for await (const { payload, timestamp } of log.replay('s', { priority: 'all' })) {
    logged += 1;
    if (times.get(payload[0].number) !== timestamp) wrong += 1;
  }
  const found = new Set();
  for await (const { payload } of log.replay('t', { priority: 'all' })) found.add(payload);
  let [acknowledged, lost, refusedAndFound] = [0, 0, 0];
  for (const [one, promise] of appended) {
    const error = await promise.then(
      () => null,
      (reason) => reason,
    );
    if (error === null) acknowledged += 1;
    if (error === null && !found.has(one)) lost += 1;
    if (error !== null && error.code !== 'ERR_INDETERMINATE' && found.has(one)) refusedAndFound += 1;
  }
  await log.close();
  console.log(
    JSON.stringify({ logged, acknowledged, wrong: { wrong, lost, refusedAndFound, queuedEvents, queuedBytes } }),
  );
}

void main();
