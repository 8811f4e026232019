/** Erasing a session from a store and a log at once, while its bus and its log have something to do. */
import { join } from 'node:path';

import { openSmallTalk, type AnyListener, type SmallTalk } from '../ts/index.js';
import { runNode } from './support/child.js';
import { HeldLog, KIB, settled, topics } from './support/held-log.js';
import { temporaryDirectory } from './support/temporary.js';

const dist = join(__dirname, '..', 'dist', 'index.js');
const script = async (text: string): Promise<string> => {
  const before = `const { openSmallTalk, JsonlEventReplayStorage } = require(${JSON.stringify(dist)});`;
  const { output } = await runNode(['-e', `${before} (async () => { ${text} })();`], { cwd: temporaryDirectory() });
  return output.trim();
};

/** A log of one's own, which erases when it is asked to. */
class OwnLog extends HeldLog {
  fails = false;
  readonly eraseSession = (): Promise<boolean> => {
    this.events.push({ topic: 'erased', payload: null, sessionId: '' });
    return this.fails ? Promise.reject(new Error('not erased')) : Promise.resolve(true);
  };
  readonly sessions = (): Promise<string[]> => Promise.resolve([]);
  readonly close = (): Promise<void> => Promise.resolve();
}

async function openWith(log: OwnLog): Promise<SmallTalk<Record<string, AnyListener>>> {
  const bus = { logQueueBytes: 3 * 1024 };
  const open = await openSmallTalk({ directory: temporaryDirectory(), storage: 'memory:', log: log as never, bus });
  open.bus.on('log:overflow', () => undefined);
  open.bus.on('log:error', () => undefined);
  return open;
}

test('what is emitted and appended after the call stays, as what is saved after it does', async () => {
  const { bus, log, storage, eraseSession, close } = await openSmallTalk({ directory: temporaryDirectory() });
  const scope = bus.scope({ sessionId: 's' });
  const session = { id: 's', messages: [], createdAt: new Date(1), updatedAt: new Date(1) };
  scope.emit('old', 1);
  await storage.saveSession('s', session);
  const erased = eraseSession('s');
  scope.emit('emitted');
  const all = [log.append('s', { topic: 'appended' }), storage.saveSession('s', session)];
  expect(await erased).toBe(true);
  await Promise.all([...all, bus.flush()]);
  const left: string[] = [];
  for await (const { topic } of log.replay('s', { priority: 'all' })) left.push(topic);
  expect(left).toEqual(['emitted', 'appended']);
  expect(await storage.getSession('s')).not.toBeNull();
  await close();
});

test('a process that leaves right then leaves nothing of the session, neither in the store nor in the log', async () => {
  const directory = JSON.stringify(temporaryDirectory());
  await script(`
    const { bus, storage, eraseSession } = await openSmallTalk({ directory: ${directory} });
    await storage.saveSession('s', { id: 's', messages: [], createdAt: new Date(1), updatedAt: new Date(1) });
    bus.scope({ sessionId: 's' }).emit('secret');
    await bus.flush();
    eraseSession('s').catch(() => undefined);
    process.exit();`);
  const { storage, log, close } = await openSmallTalk({ directory: JSON.parse(directory) as string });
  expect(await storage.getSession('s')).toBeNull();
  expect(await log.sessions()).toEqual([]);
  await close();
});

test('a session that is erased while its bus closes does not come back', async () => {
  const bus = { logQueueBytes: 100 };
  const open = await openSmallTalk({ directory: temporaryDirectory(), bus });
  open.bus.on('log:overflow', () => undefined);
  const scope = open.bus.scope({ sessionId: 'gone' });
  for (let at = 0; at < 5; at += 1) scope.emit('message', 'x'.repeat(60));
  const closed = open.bus.close();
  expect(await open.eraseSession('gone')).toBe(true);
  await closed;
  expect(await open.log.sessions()).toEqual([]);
  await open.close();
});

test('where erasing fails, the log still hears of what it lacks', async () => {
  const log = new OwnLog(true);
  const { bus, eraseSession, close } = await openWith(log);
  for (let at = 0; at < 5; at += 1) bus.scope({ sessionId: 's' }).emit('message', KIB);
  log.fails = true;
  const erased = eraseSession('s');
  const failed = expect(erased).rejects.toThrow('not erased');
  log.accept();
  await failed;
  log.held = false;
  await bus.flush();
  const told = log.events.filter(({ topic }) => topic === 'log_overflow');
  expect(told.map(({ payload }) => payload)).toEqual([[{ dropped: 3, critical: 0 }]]);
  await close();
});

test('what the log could not be told while the session was erased is told after all where that failed, and not where it did not', async () => {
  for (const fails of [true, false]) {
    const log = new OwnLog(true);
    const { bus, eraseSession, close } = await openWith(log);
    for (let at = 0; at < 5; at += 1) bus.scope({ sessionId: 's' }).emit('message', KIB);
    log.accept();
    await settled();
    expect(topics(log).at(-1)).toBe('log_overflow');
    log.fails = fails;
    const erased = eraseSession('s').catch(() => false);
    log.reject(new Error('not told'));
    expect(await erased).toBe(!fails);
    log.held = false;
    await bus.flush().catch(() => undefined);
    await bus.flush();
    expect(topics(log).filter((topic) => topic === 'log_overflow')).toHaveLength(fails ? 2 : 1);
    await close();
  }
});

test('an event of another session that a log of one’s own holds up holds no erasing up', async () => {
  const log = new OwnLog(true);
  const { bus, eraseSession, close } = await openWith(log);
  bus.emit('held');
  expect(await eraseSession('other')).toBe(true);
  expect(topics(log)).toEqual(['held', 'erased']);
  log.accept();
  await close();
});
