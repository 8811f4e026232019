/** An application in plain JavaScript, as CommonJS: `require` of the installed package. */
'use strict';

const assert = require('node:assert/strict');
const { mkdtempSync, rmSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');

const {
  AgentHealthMonitor,
  JsonlEventReplayStorage,
  SmallTalkEventBus,
  SQLiteStorageAdapter,
} = require('smalltalk-native');

async function main() {
  const directory = mkdtempSync(join(tmpdir(), 'smalltalk-consumer-'));
  const log = new JsonlEventReplayStorage({ directory: join(directory, 'events') });
  const bus = new SmallTalkEventBus({ log });
  const storage = new SQLiteStorageAdapter({ path: join(directory, 'sessions.db') });
  const health = new AgentHealthMonitor({ recoveryStrategy: 'alert' });

  health.registerAgent({ id: 'coder' });
  bus.emit('plan_created', { steps: ['read', 'write'] });
  await bus.flush();
  const events = [];
  for await (const event of log.replay('default')) events.push(event);
  assert.deepEqual(events[0].payload, [{ steps: ['read', 'write'] }]);

  await storage.set('greeting', { at: new Date(0) }, 60);
  assert.deepEqual(await storage.get('greeting'), { at: new Date(0) });

  for (const opened of [health, bus, log, storage]) await opened.close();
  rmSync(directory, { recursive: true });
  console.log('the CommonJS example is done');
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
