/** Another thread of the process, which notes when it hears of a freeze. */
import { parentPort, workerData } from 'node:worker_threads';

import { AgentHealthMonitor } from './ours.mjs';

const monitor = new AgentHealthMonitor();
monitor.on('loop:frozen', () => Atomics.store(workerData, 0, process.hrtime.bigint()));
monitor.start();
setInterval(() => undefined, 1_000);
parentPort.postMessage('ready');
