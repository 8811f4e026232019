import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import {
  InMemoryStorageAdapter,
  JsonlEventReplayStorage,
  openSmallTalk,
  SmallTalkError,
  SmallTalkEventBus,
  type ChatSession,
  type Event,
  type OpenOptions,
} from '../ts/index.js';
import { temporaryDirectory } from './support/temporary.js';

const dist = join(__dirname, '..', 'dist', 'index.js');

const session = (id: string): ChatSession => ({ id, messages: [], createdAt: new Date(1), updatedAt: new Date(2) });

async function collect(events: AsyncIterable<Event>): Promise<Event[]> {
  const all: Event[] = [];
  for await (const event of events) all.push(event);
  return all;
}

test('everything is in one directory, and what the bus emits is in the log', async () => {
  const directory = temporaryDirectory();
  const { bus, storage, log, close } = await openSmallTalk({ directory, bus: { sessionId: 's' } });
  await storage.saveSession('s', session('s'));
  bus.emit('agent_handoff', 'planner', new Date(5));
  bus.emit('message', 'hello');
  await close();
  await close();
  expect(existsSync(join(directory, 'sessions.db'))).toBe(true);
  expect(existsSync(join(directory, 'events', 'active', 's.jsonl'))).toBe(true);
  await expect(storage.getSession('s')).rejects.toMatchObject({ code: 'ERR_CLOSED' });

  const again = await openSmallTalk({ directory });
  expect(await again.storage.getSession('s')).toEqual(session('s'));
  expect((await collect(again.log.replay('s'))).map(({ payload }) => payload)).toEqual([['planner', new Date(5)]]);
  expect(log).toBeInstanceOf(JsonlEventReplayStorage);
  await again.close();
});

test('sessions are files, where that is asked for', async () => {
  const directory = temporaryDirectory();
  const { storage, close } = await openSmallTalk({ directory, storage: { adapter: 'file' } });
  await storage.saveSession('s', session('s'));
  await close();
  expect(existsSync(join(directory, 'sessions', 'sessions', 's.json'))).toBe(true);
});

test('the monitor reports on the bus', async () => {
  const { bus, health, close } = await openSmallTalk({
    directory: temporaryDirectory(),
    health: { heartbeatInterval: 20, recoveryStrategy: 'alert' },
  });
  const gone = once(bus, 'agent:disconnected');
  health.registerAgent({ id: 'tool', ping: () => Promise.reject(new Error('no answer')) });
  expect(await gone).toMatchObject([{ id: 'tool', state: 'disconnected' }]);
  await close();
});

test('a session can be erased from storage, log and archive', async () => {
  const directory = temporaryDirectory();
  const { bus, storage, log, eraseSession, close } = await openSmallTalk({ directory, bus: { sessionId: 's' } });
  await storage.saveSession('s', session('s'));
  bus.emit('message', 'secret');
  await bus.flush();
  expect(await eraseSession('s')).toBe(true);
  expect(await eraseSession('s')).toBe(false);
  expect(await storage.getSession('s')).toBeNull();
  expect(await collect(log.replay('s', { priority: 'all' }))).toEqual([]);
  expect(existsSync(join(directory, 'events', 'active', 's.jsonl'))).toBe(false);
  await close();
  await expect(eraseSession('s')).rejects.toMatchObject({ code: 'ERR_CLOSED' });
});

test('what the bus dropped of a session, or has still on its way, does not bring the session back', async () => {
  const { bus, log, eraseSession, close } = await openSmallTalk({
    directory: temporaryDirectory(),
    bus: { logQueueBytes: 100 },
  });
  bus.on('log:overflow', () => undefined);
  const gone = bus.scope({ sessionId: 'gone' });
  const stays = bus.scope({ sessionId: 'stays' });
  for (const scope of [gone, stays]) for (let at = 0; at < 5; at += 1) scope.emit('message', 'x'.repeat(60));
  expect(await eraseSession('gone')).toBe(true);
  await bus.flush();
  expect(await log.sessions()).toEqual(['stays']);
  await close();
});

test('a log of one’s own has all events of a session before it is asked to erase it, and a close waits for that', async () => {
  const calls: string[] = [];
  const log = {
    append: async (_: string, { topic }: { topic: string }): Promise<void> => {
      await new Promise(setImmediate);
      calls.push(topic);
    },
    eraseSession: (): Promise<boolean> => Promise.resolve(calls.push('erased') > 0),
    close: (): Promise<void> => Promise.resolve(),
    sessions: (): Promise<string[]> => Promise.resolve([]),
    replay: (): never[] => [],
  };
  const { bus, eraseSession, close } = await openSmallTalk({ directory: temporaryDirectory(), log: log as never });
  bus.emit('message');
  const erased = eraseSession('default');
  const closed = close().then(() => calls.push('closed'));
  expect(await erased).toBe(true);
  await closed;
  expect(calls).toEqual(['message', 'erased', 'closed']);
});

test('what is handed in is used, and stays open', async () => {
  const directory = temporaryDirectory();
  const storage = new InMemoryStorageAdapter();
  const log = new JsonlEventReplayStorage({ directory: join(directory, 'elsewhere') });
  for (const given of [storage, { adapter: storage }]) {
    const open = await openSmallTalk({ directory, storage: given, log });
    expect(open.storage).toBe(storage);
    expect(open.log).toBe(log);
    await open.close();
  }
  await storage.set('still', 'open');
  await log.append('s', { topic: 'still open' });
  await log.close();
  expect(existsSync(join(directory, 'sessions.db'))).toBe(false);
});

test('what is handed in stays open, whatever becomes of the options meanwhile', async () => {
  const log = new JsonlEventReplayStorage({ directory: temporaryDirectory() });
  const given: OpenOptions = { directory: temporaryDirectory(), storage: new InMemoryStorageAdapter(), log };
  const { storage, close } = await openSmallTalk({ ...given });
  await close();
  await storage.set('still', 'open');
  const { close: closeAgain } = await openSmallTalk(given);
  delete given.storage;
  delete given.log;
  await closeAgain();
  await storage.set('still', 'open');
  await log.append('s', { topic: 'still open' });
  await log.close();
});

test('an option that is undefined is one that is not given: everything stays in the directory', async () => {
  const directory = temporaryDirectory();
  for (const adapter of ['sqlite', 'file'] as const) {
    const { storage, log, close } = await openSmallTalk({
      directory,
      storage: { adapter, path: undefined, onFallback: undefined } as never,
      log: { directory: undefined } as never,
      bus: undefined as never,
      health: undefined as never,
    });
    await storage.set('k', 1);
    await log.append('s', { topic: 'x' });
    await close();
  }
  expect(readdirSync(directory)).toEqual(expect.arrayContaining(['events', 'sessions', 'sessions.db']));
});

test('any object with the methods of the log is one; options that are none are refused, not ignored', async () => {
  const directory = temporaryDirectory();
  const inner = new JsonlEventReplayStorage({ directory: join(directory, 'elsewhere') });
  const log = {
    append: (...args: Parameters<typeof inner.append>) => inner.append(...args),
    replay: (...args: Parameters<typeof inner.replay>) => inner.replay(...args),
    cleanup: (...args: Parameters<typeof inner.cleanup>) => inner.cleanup(...args),
    sessions: () => inner.sessions(),
    eraseSession: (id: string) => inner.eraseSession(id),
    close: () => inner.close(),
  };
  const open = await openSmallTalk({ directory, log: log as never });
  expect(open.log).toBe(log);
  open.bus.emit('agent_handoff', 'planner');
  await open.bus.flush();
  expect(await collect(inner.replay('default'))).toHaveLength(1);
  expect(await open.eraseSession('default')).toBe(true);
  await open.close();
  await inner.append('s', { topic: 'still open' });
  await inner.close();

  const { sessions: _, ...half } = log;
  for (const wrong of [null, 5, 'x', false]) {
    for (const name of ['log', 'bus', 'health', 'storage']) {
      if (name === 'storage' && typeof wrong === 'string') continue;
      await expect(openSmallTalk({ directory, [name]: wrong })).rejects.toThrow(TypeError);
    }
  }
  await expect(openSmallTalk({ directory, log: half as never })).rejects.toThrow(TypeError);
});

test('when one part cannot be opened, nothing stays open', async () => {
  const directory = temporaryDirectory();
  writeFileSync(join(directory, 'events'), 'a file where a directory should be');
  const error = await openSmallTalk({ directory }).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(SmallTalkError);
  expect(error).toMatchObject({ code: 'ERR_IO' });
  await expect(openSmallTalk({ storage: 'oracle:' })).rejects.toMatchObject({ code: 'ERR_OPTION_INVALID' });
  await expect(openSmallTalk({ directory: 5 as never })).rejects.toThrow(TypeError);
});

test('a script that opens everything and closes nothing exits within a second', async () => {
  const script = `
    const { openSmallTalk } = require(${JSON.stringify(dist)});
    (async () => {
      const { bus, storage, log, health } = await openSmallTalk({ directory: ${JSON.stringify(temporaryDirectory())} });
      await storage.set('k', 1);
      await log.append('s', { topic: 't' });
      bus.emit('message', 'hello');
      health.registerAgent({ id: 'a', ping: async () => 'pong' });
      await bus.flush();
      process.stdout.write('done');
    })();`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  await once(child.stdout, 'data');
  const done = performance.now();
  expect(await exited).toEqual([0, null]);
  expect(performance.now() - done).toBeLessThan(1_000);
});

test('what is undefined is not given: everything stays in its directory', async () => {
  for (const [storage, expected] of [
    [{ path: undefined }, ['sessions.db']],
    [{ adapter: 'file', path: undefined, onFallback: undefined }, ['sessions']],
    ['sqlite:', ['sessions.db']],
    ['file', ['sessions']],
  ] as const) {
    const directory = temporaryDirectory();
    const options = { directory, storage, log: { directory: undefined }, bus: undefined, health: undefined };
    const opened = await openSmallTalk(options as never);
    await opened.close();
    const made = readdirSync(directory).filter((name) => !/-(?:wal|shm|reserve)$/.test(name));
    expect(made.sort()).toEqual(['events', ...expected]);
  }
});

test('parts that are no options are refused before anything is opened', async () => {
  const directory = temporaryDirectory();
  for (const wrong of [
    { storage: null },
    { storage: 5 },
    { storage: InMemoryStorageAdapter },
    { log: null },
    { log: 'events' },
    { bus: 5 },
    { health: null },
    { bus: { log: new InMemoryStorageAdapter() } },
    { health: { bus: new SmallTalkEventBus() } },
    { health: { log: null } },
  ]) {
    await expect(openSmallTalk({ directory, ...wrong } as never)).rejects.toThrow(TypeError);
    expect(readdirSync(directory)).toEqual([]);
  }
});
