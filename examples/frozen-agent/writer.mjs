/** The writer, in a worker thread. Its bus and its monitor are what shows other threads what it runs. */
import { parentPort, workerData } from 'node:worker_threads';

import { AgentHealthMonitor, createStorageAdapter, SmallTalkEventBus } from 'smalltalk-native';

const { directory, session: id, fatal } = workerData;
const WORDS = ['Once upon a time …', 'There was one, and it was green.', 'Three.', 'Balthasar.', 'Sleep well.'];

const storage = await createStorageAdapter({ path: `${directory}/sessions.db` });
const now = new Date();
const session = (await storage.getSession(id)) ?? { id, messages: [], createdAt: now, updatedAt: now };

const bus = new SmallTalkEventBus();
const me = bus.scope({ agentId: 'writer' });
const monitor = new AgentHealthMonitor({ loopThreshold: 500, bus });
monitor.registerAgent({ id: 'writer' });

bus.on('turn', function answer(turn) {
  // A terrible regular expression, a loop that waits for itself: it happens.
  while (turn === fatal);
});

const message = (turn, role, content) => ({ id: `${turn}-${role}`, role, content, timestamp: new Date() });

// One after the other, however fast they come.
let work = Promise.resolve();
parentPort.on('message', ({ ping, turn, text }) => {
  if (ping) return parentPort.postMessage({ pong: true });
  me.emit('turn', turn, text);
  work = work.then(async () => {
    session.messages.push(message(turn, 'user', text), message(turn, 'assistant', WORDS[turn]));
    await storage.saveSession(id, session);
    parentPort.postMessage({ turn, text: WORDS[turn] });
  });
});
parentPort.postMessage({ messages: session.messages.length });
