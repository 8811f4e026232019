/** Options of a class of their own: its getters and methods are members as good as any other. */
import { join } from 'node:path';

import {
  AgentHealthMonitor,
  createStorageAdapter,
  InMemoryStorageAdapter,
  JsonlEventReplayStorage,
  migrate,
  openSmallTalk,
  SmallTalkEventBus,
  type EventBusOptions,
  type MonitoredAgent,
  type StorageAdapter,
  type StoredEvent,
} from '../ts/index.js';
import { HeldLog } from './support/held-log.js';
import { temporaryDirectory } from './support/temporary.js';

/** A config whose secrets are nobody else's: a copy of it, or a method that is taken off it, does not get at them. */
class BusConfig implements Omit<EventBusOptions, 'log'> {
  readonly #secrets = new Set(['login']);

  get historyLimit(): number {
    return 5;
  }

  redact(event: StoredEvent): StoredEvent | null {
    return this.#secrets.has(event.event) ? null : event;
  }
}

/** The path of a store, of which the file adapter and SQLite tell. */
const pathOf = (store: StorageAdapter): unknown => (store as { path?: string }).path;

const topics = async (log: JsonlEventReplayStorage): Promise<string[]> => {
  const all: string[] = [];
  for await (const { topic } of log.replay('default', { priority: 'all' })) all.push(topic);
  return all;
};

test('a bus has its config, opened alone or with everything: what is redacted is not in the log', async () => {
  const directory = temporaryDirectory();
  const log = new JsonlEventReplayStorage({ directory: join(directory, 'alone') });
  class WithLog extends BusConfig {
    get log(): JsonlEventReplayStorage {
      return log;
    }
  }
  const opened = await openSmallTalk({ directory, bus: new BusConfig() });
  for (const { bus, logged } of [
    { bus: new SmallTalkEventBus(new WithLog()), logged: log },
    { bus: opened.bus, logged: opened.log },
  ]) {
    bus.emit('login', 'secret');
    bus.emit('message', 'hello');
    await bus.flush();
    expect(bus.history.capacity).toBe(5);
    expect(await topics(logged)).toEqual(['message']);
  }
  await opened.close();
  await log.close();
});

test('createStorageAdapter opens what an inherited option names', async () => {
  const directory = temporaryDirectory();
  class Config {
    get path(): string {
      return join(directory, 'wanted.db');
    }
  }
  const files = Object.create({ adapter: 'file', path: join(directory, 'wanted') }) as object;
  const stores = [await createStorageAdapter(new Config()), await createStorageAdapter(files)];
  expect(stores.map(pathOf)).toEqual([join(directory, 'wanted.db'), join(directory, 'wanted')]);
  for (const store of stores) await store.close();
});

test('openSmallTalk hands on what its parts inherit', async () => {
  const directory = temporaryDirectory();
  class Options {
    get directory(): string {
      return directory;
    }
    get storage(): object {
      return Object.create({ adapter: 'file', path: join(directory, 'wanted') }) as object;
    }
    get log(): object {
      return Object.create({ directory: join(directory, 'log') }) as object;
    }
  }
  const { storage, log, close } = await openSmallTalk(new Options());
  expect([pathOf(storage), log.directory]).toEqual([join(directory, 'wanted'), join(directory, 'log')]);
  await close();
  for (const wrong of [
    { log: { maxQueueBytes: -1 } },
    { health: { maxMissedBeats: -5 } },
    { storage: { readers: 0 } },
  ]) {
    const inherited = Object.fromEntries(
      Object.entries(wrong).map(([part, options]) => [part, Object.create(options) as object]),
    );
    await expect(openSmallTalk({ directory, ...inherited })).rejects.toMatchObject({ code: 'ERR_OPTION_INVALID' });
  }
});

test('an adapter that a config makes when it is asked is made once, and stays the caller’s', async () => {
  const made: InMemoryStorageAdapter[] = [];
  class Config {
    get adapter(): InMemoryStorageAdapter {
      made.push(new InMemoryStorageAdapter());
      return made.at(-1) as InMemoryStorageAdapter;
    }
  }
  const { storage, close } = await openSmallTalk({ directory: temporaryDirectory(), storage: new Config() });
  await close();
  expect(made).toEqual([storage]);
  await storage.set('still', 'open');
});

test('a monitor calls the restart of its config as a method of that, opened alone or with everything', async () => {
  class Config {
    readonly #restarted: string[] = [];
    readonly heartbeatInterval: number = 20;
    readonly maxMissedBeats: number = 1;

    get restarted(): string[] {
      return this.#restarted;
    }
    restart({ id }: MonitoredAgent): Promise<void> {
      this.#restarted.push(String(id));
      return Promise.resolve();
    }
  }
  const configs = [new Config(), new Config()] as const;
  const opened = await openSmallTalk({ directory: temporaryDirectory(), health: configs[0] });
  const alone = new AgentHealthMonitor(configs[1]);
  for (const monitor of [opened.health, alone]) {
    const attempted = new Promise((resolve) => monitor.once('agent:recovered', resolve));
    let answers = false;
    monitor.once('agent:disconnected', () => (answers = true));
    monitor.registerAgent({ id: 'x', ping: () => (answers ? Promise.resolve() : Promise.reject(new Error('dead'))) });
    await attempted;
  }
  expect(configs.map(({ restarted }) => restarted)).toEqual([['x'], ['x']]);
  await alone.close();
  await opened.close();
});

test('a dry run that is inherited is a dry run, and progress is told to the method of its options', async () => {
  const [from, to] = [new InMemoryStorageAdapter(), new InMemoryStorageAdapter()];
  await from.set('k', 1);
  class Options {
    readonly #seen: number[] = [];
    get dryRun(): boolean {
      return true;
    }
    get seen(): number[] {
      return this.#seen;
    }
    onProgress({ keys }: { keys: number }): void {
      this.#seen.push(keys);
    }
  }
  const options = new Options();
  expect(await migrate(from, to, options)).toMatchObject({ keys: 1, dryRun: true });
  expect(await to.has('k')).toBe(false);
  expect(options.seen).toEqual([1]);
});

test('a replay brings what inherited options pick', () => {
  const bus = new SmallTalkEventBus();
  for (const name of ['a', 'b', 'c']) bus.emit(name);
  class Pick {
    readonly #wanted = 'c';
    get events(): string[] {
      return ['b', 'c'];
    }
    filter({ event }: StoredEvent): boolean {
      return event === this.#wanted;
    }
  }
  const heard: unknown[] = [];
  for (const name of ['a', 'b', 'c']) bus.on(name, () => heard.push(name));
  expect(bus.replay(new Pick())).toMatchObject({ replayed: 1 });
  expect(heard).toEqual(['c']);
  expect(bus.history.toArray(new Pick()).map(({ event }) => event)).toEqual(['c']);
});

test('a consumer and a tail bring what inherited options pick', async () => {
  const log = new JsonlEventReplayStorage({ directory: temporaryDirectory() });
  for (const topic of ['a', 'b']) await log.append('s', { topic });
  const options = Object.create({ topics: ['b'] }) as object;
  for await (const { topic } of log.tail('s', options)) {
    expect(topic).toBe('b');
    break;
  }
  const consumer = await log.subscribe('s', 'c', options);
  for await (const { topic } of consumer) {
    expect(topic).toBe('b');
    break;
  }
  await consumer.close();
  await log.close();
});

test('events of a scope belong to what its metadata inherits, and metadata is no promise', () => {
  const log = new HeldLog();
  const bus = new SmallTalkEventBus({ log });
  class Chat {
    readonly model = 'large';
    get sessionId(): string {
      return 'chat-7';
    }
  }
  const chat = Object.assign(new Chat(), { step: 1 });
  bus
    .scope({ agentId: 'writer' })
    .scope(chat as never)
    .emit('a');
  const metadata = { agentId: 'writer', model: 'large', step: 1, sessionId: 'chat-7' };
  expect(bus.history.toArray()).toMatchObject([{ metadata }]);
  expect(log.events).toMatchObject([{ sessionId: 'chat-7', agentId: 'writer', metadata: { model: 'large', step: 1 } }]);
  for (const wrong of [undefined, null, Promise.resolve({ sessionId: 's' }), new Map([['sessionId', 's']]), ['s']]) {
    expect(() => bus.scope(wrong as never)).toThrow(TypeError);
  }
});

test('a replay asks for what its metadata inherits', () => {
  const bus = new SmallTalkEventBus();
  const labels = [{ agentId: 'a' }, { agentId: 'b', sessionId: 's' }, { sessionId: 's', step: 1 }];
  for (const metadata of labels) bus.scope(metadata).emit('n');
  class Chat {
    get sessionId(): string {
      return 's';
    }
  }
  const given: [object, number[]][] = [
    [new Chat(), [2, 3]],
    [Object.assign(new Chat(), { agentId: 'b' }), [2]],
    [Object.create({ step: 1 }) as object, [3]],
    [Object.create(Object.create(null, { agentId: { value: 'a' } }) as object) as object, [1]],
  ];
  for (const [metadata, found] of given) {
    const options = { metadata: metadata as Record<string, unknown> };
    expect(bus.history.toArray(options).map(({ seq }) => seq)).toEqual(found);
    expect(bus.replay({ ...options, listener: () => undefined }).replayed).toBe(found.length);
  }
});
