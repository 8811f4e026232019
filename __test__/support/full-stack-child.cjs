'use strict';

/** Recursions without end that tell of themselves by a bus with a log, as their stack unwinds; prints what the log has wrong. */
const { JsonlEventReplayStorage, SmallTalkEventBus } = require('../../dist/index.js');

const [directory, what, durability = 'power'] = process.argv.slice(2);
const KINDS = 60;

/** Recurses until the stack is full, its frames of the size of so many parameters; then reports at each step back. */
function recurse(parameters, report) {
  let reports = 0;
  const names = Array.from({ length: parameters }, (_, at) => `p${at}`).join();
  const step = new Function(
    'fail',
    `return function step(${names}) { try { return step(); } catch (error) { fail(); throw error; } }`,
  )(() => {
    if (reports++ > 600) return;
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

async function main() {
  const log = new JsonlEventReplayStorage({ directory, durability });
  const bus = new SmallTalkEventBus({ log, sessionId: 's', historyLimit: 100_000 });
  let number = 0;
  const appended = [];
  const append = () => appended.push(log.append('t', { topic: 'failed', payload: (number += 1) }));
  const emit = (kind) => bus.emit(`agent:failed:${kind}`, { number: (number += 1) });
  if (what === 'early') {
    // Hardly anything has been compiled.
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
  } else {
    for (let round = 0; round < 100; round += 1) emit(0);
    for (let kind = 0; kind < KINDS; kind += 1) emit(kind);
    await bus.flush();
    const then = Date.now();
    while (Date.now() < then + 20);
    for (let kind = 0; kind < KINDS; kind += 1) {
      recurse(kind % 13, () => (kind % 2 === 0 ? emit(kind) : append()));
      await bus.flush().catch(() => undefined);
    }
  }
  const acknowledged = (await Promise.allSettled(appended)).filter(({ status }) => status === 'fulfilled').length;
  await bus.close().catch(() => undefined);
  const times = new Map([...bus.history].map(({ args, timestamp }) => [args[0].number, timestamp]));
  let [logged, wrong] = [0, 0];
  for await (const { payload, timestamp } of log.replay('s', { priority: 'all' })) {
    logged += 1;
    if (times.get(payload[0].number) !== timestamp) wrong += 1;
  }
  let found = 0;
  for await (const { seq } of log.replay('t', { priority: 'all' })) found += seq > 0;
  await log.close();
  console.log(JSON.stringify({ logged, wrong, acknowledged, lost: Math.max(0, acknowledged - found) }));
}

void main();
