'use strict';

/** A process whose main thread enters an endless loop; a worker in it tells of it, in one line on stdout. */
const { once } = require('node:events');
const { writeSync } = require('node:fs');
const { isMainThread, parentPort, Worker, workerData } = require('node:worker_threads');

const { AgentHealthMonitor, JsonlEventReplayStorage, SmallTalkEventBus } = require('./package.cjs');

const [directory, threshold] = process.argv.slice(2);

if (isMainThread) {
  void freeze();
} else {
  const monitor = new AgentHealthMonitor({ loopThreshold: workerData.threshold });
  monitor.start();
  setInterval(() => undefined, 1_000);
  parentPort.once('message', () => parentPort.postMessage('ready'));
  const began = new BigInt64Array(workerData.began);
  monitor.on('loop:frozen', ({ holder }) => {
    const ms = Number(process.hrtime.bigint() - began[0]) / 1e6;
    writeSync(1, `${JSON.stringify({ ms, holder })}\n`);
  });
}

async function freeze() {
  const began = new SharedArrayBuffer(8);
  const worker = new Worker(__filename, { workerData: { threshold: Number(threshold), began } });
  worker.postMessage('are you there?');
  await once(worker, 'message');
  const log = new JsonlEventReplayStorage({ directory });
  const bus = new SmallTalkEventBus();
  const monitor = new AgentHealthMonitor({ loopThreshold: Number(threshold), log });
  monitor.start();
  bus.on('task', function hog() {
    for (;;);
  });
  // The log has opened its files.
  await log.sessions();
  new BigInt64Array(began)[0] = process.hrtime.bigint();
  bus.emit('task');
}
