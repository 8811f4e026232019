/** An application in strict TypeScript, as an ES module: `import` of the installed package. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import {
  AgentHealthMonitor,
  JsonlEventReplayStorage,
  SmallTalkError,
  SmallTalkEventBus,
  SQLiteStorageAdapter,
  type ChatSession,
} from 'smalltalk-native';

interface Events {
  agent_handoff: (from: string, to: string) => void;
  token: (text: string) => void;
}

const directory = await mkdtemp(join(tmpdir(), 'smalltalk-consumer-'));
const log = new JsonlEventReplayStorage({ directory: join(directory, 'events') });
const bus = new SmallTalkEventBus<Events>({ log, sessionId: 'tour' });
const storage = new SQLiteStorageAdapter({ path: join(directory, 'sessions.db') });
const health = new AgentHealthMonitor({ bus, recoveryStrategy: 'alert' });

bus.on('agent_handoff', (from, to) => {
  console.log(`${from} hands over to ${to.toUpperCase()}`);
});
health.registerAgent({ id: 'planner' });
bus.emit('token', 'Hello');
bus.emit('agent_handoff', 'planner', 'coder');
await bus.flush();

const asked = new Date('2025-11-23T10:00:00Z');
const session: ChatSession = {
  id: 'tour',
  messages: [{ id: 'm1', role: 'user', content: 'Guten Tag – 你好', timestamp: asked }],
  context: { seen: new Set(['planner']), tokens: 12n },
  createdAt: asked,
  updatedAt: asked,
};
await storage.saveSession(session.id, session);
const restored = await storage.getSession(session.id);
assert.deepEqual(restored, session);
assert.equal(restored?.messages[0]?.timestamp.getTime(), asked.getTime());

const missed: string[] = [];
for await (const event of log.replay('tour')) missed.push(event.topic);
assert.deepEqual(missed, ['agent_handoff'], 'a replay brings back what is critical');
assert.equal(health.getAgentHealth('planner')?.state, 'healthy');

await health.close();
await bus.close();
await log.close();
await storage.close();
await assert.rejects(
  storage.getSession('tour'),
  (error) => error instanceof SmallTalkError && error.code === 'ERR_CLOSED',
);
await rm(directory, { recursive: true });
console.log('the ES module example is done');
