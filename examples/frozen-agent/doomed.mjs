/** A process whose main thread freezes. A worker in it says so, since nobody else can: then the process may be killed. */
import { once } from 'node:events';
import { writeSync } from 'node:fs';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { fileURLToPath } from 'node:url';

import { AgentHealthMonitor, openSmallTalk } from 'smalltalk-native';

if (isMainThread) {
  const { bus, health } = await openSmallTalk({ directory: process.argv[2], health: { loopThreshold: 500 } });
  health.registerAgent({ id: 'thinker' });
  await once(new Worker(fileURLToPath(import.meta.url)), 'message');
  bus.on('question', function ponder() {
    for (;;);
  });
  writeSync(1, 'the thinker begins to ponder\n');
  bus.scope({ agentId: 'thinker' }).emit('question', 'what is the last digit of pi?');
} else {
  const monitor = new AgentHealthMonitor();
  monitor.on('loop:frozen', ({ loop, frozenFor }) => writeSync(1, `its ${loop} loop is frozen, for ${frozenFor} ms\n`));
  monitor.start();
  // A monitor keeps no thread alive.
  setInterval(() => undefined, 1_000);
  parentPort.postMessage('ready');
}
