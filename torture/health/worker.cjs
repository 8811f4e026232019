'use strict';

/** An agent in a worker thread, which enters an endless loop when it is told to. */
const { parentPort, workerData } = require('node:worker_threads');

const { AgentHealthMonitor, SmallTalkEventBus } = require('./package.cjs');

const bus = new SmallTalkEventBus();
const monitor = new AgentHealthMonitor({ loopThreshold: workerData.threshold, bus });
monitor.registerAgent({ id: 'writer' });
monitor.start();
bus.on('task', function hog() {
  for (;;);
});
parentPort.on('message', (began) => {
  // In a turn of its own: what the thread did before, as to start, is no part of the freeze.
  setTimeout(() => {
    began[0] = process.hrtime.bigint();
    bus.scope({ agentId: 'writer' }).emit('task');
  }, 1);
});
parentPort.postMessage('ready');
