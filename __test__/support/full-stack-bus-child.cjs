'use strict';

/** Recursions without end, whose every level tells a bus with a log that it was left; prints what came of it as JSON. */
const { setImmediate: turn } = require('node:timers/promises');

const { JsonlEventReplayStorage, SmallTalkEventBus } = require('../../dist/index.js');

const [directory, kind] = process.argv.slice(2);
const ROUNDS = 46;
const REPORTS = 40;

const ours = new JsonlEventReplayStorage({ directory, durability: 'process' });
const stored = new Set();
const custom = {
  append: async (_session, { topic, payload }) => {
    if (topic === 'left') stored.add(payload[0].number);
  },
  replay: async function* () {},
  cleanup: async () => undefined,
};

const bus = new SmallTalkEventBus({
  historyLimit: 100_000,
  ...{
    ours: { log: ours },
    custom: { log: custom },
    encoding: { log: { ...custom, encodesAtOnce: true } },
    slow: { log: { ...custom, append: (...event) => turn().then(() => custom.append(...event)) }, logQueueBytes: 100 },
    full: { log: ours, logQueueBytes: 100 },
    redact: { log: ours, redact: (event) => event },
    bytes: { log: ours, historyBytes: 5_000 },
    none: { log: ours, historyLimit: 0 },
  }[kind],
});
const said = new Map();
let twice = 0;
bus.on('log:error', (error, { seq, args }) => {
  if (said.has(seq)) twice += 1;
  said.set(seq, args[0].number);
});
bus.on('log:overflow', () => undefined);
let heard = 0;
bus.on('left', () => (heard += 1));
let number = 0;

/** Recurses until the stack is full, its frames of the size of so many variables, and emits at each of the last levels. */
function recurse(variables, more) {
  let reports = 0;
  const report = () => {
    if (reports++ > REPORTS) return;
    try {
      bus.emit('left', { number: (number += 1), at: [new Date(0)] }, ...more);
    } catch {
      // The stack is full still.
    }
  };
  const names = Array.from({ length: variables }, (_, at) => `v${at}`);
  const body = `const ${names.map((name) => `${name} = n`).join()}; try { return step(${names.join('+')}); } finally { report(); }`;
  const step = new Function('report', `return function step(n) { ${body} }`)(report);
  try {
    step(1);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
}

const placesOf = ({ logged, failed, dropped, queuedEvents }) => logged + failed + dropped + queuedEvents;

async function main() {
  let [uncounted, unheard] = [0, 0];
  if (kind !== 'custom' && kind !== 'slow') {
    // The binary is loaded, and the log is open. Of a log of somebody else nothing has been compiled.
    bus.emit('left', { number: (number += 1) });
    await bus.flush();
  }
  for (let round = 0; round < ROUNDS; round += 1) {
    recurse(1 + (round % 23), new Array(round % 5).fill(0));
    const { recorded, log } = bus.getStats();
    if (placesOf(log) !== recorded) uncounted += 1;
    if (round % 2 === 0) {
      const { failed } = log;
      const isSaid = await bus.flush().then(
        () => false,
        () => true,
      );
      if (isSaid !== bus.getStats().log.failed > failed) unheard += 1;
    } else {
      // Nobody asks, and it is settled all the same.
      while (uncounted === 0 && bus.getStats().log.queuedEvents > 0) await turn();
      await bus.flush().catch(() => undefined);
    }
  }
  const { recorded, log } = bus.getStats();
  const { failed, dropped, queuedEvents, queuedBytes } = log;
  if (placesOf(log) !== recorded) uncounted += 1;
  await bus.close();
  for await (const { payload, topic } of ours.replay('default', { priority: 'all' })) {
    if (topic === 'left') stored.add(payload[0].number);
  }
  await ours.close();
  // What is stored may have been said to be lost, never the other way round.
  const known = new Set([...stored, ...said.values()]);
  const lost = recorded - dropped - known.size;
  const unsaid = failed - said.size;
  console.log(
    JSON.stringify({
      recorded,
      heard,
      failed,
      dropped,
      wrong: { uncounted, unheard, lost, unsaid, twice, queuedEvents, queuedBytes },
    }),
  );
}

void main();
