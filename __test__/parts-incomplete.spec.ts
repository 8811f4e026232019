/** Stores and logs of one's own that lack methods: they are refused by name, and never taken for the options of one of ours. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

import {
  AgentHealthMonitor,
  createStorageAdapter,
  InMemoryStorageAdapter,
  migrate,
  openSmallTalk,
  SmallTalkEventBus,
  type StorageAdapter,
} from '../ts/index.js';
import { temporaryDirectory } from './support/temporary.js';

const OF_ADAPTERS = [
  ...['initialize', 'close', 'saveSession', 'getSession', 'deleteSession', 'listSessions'],
  ...['set', 'get', 'delete', 'has', 'clear', 'getStats'],
];
const OF_LOGS = ['append', 'replay', 'sessions', 'eraseSession', 'close'];

const called = (names: string[]): string => names.map((name) => `${name}()`).join(', ');
const without = (names: string[], name: string): string[] => names.filter((other) => other !== name);

/** An object of a class that has these methods, and no member of its own. */
function ofClassWith(names: string[]): object {
  class Mine {
    get name(): string {
      return 'Mine';
    }
  }
  for (const name of names) Object.defineProperty(Mine.prototype, name, { value: async () => null });
  return new Mine();
}

/** The same with a field, as most classes have one. */
const withField = (names: string[]): object => Object.assign(ofClassWith(names), { sessionsById: {} });

let cwd = '';
let directory = '';

beforeEach(() => {
  [cwd, directory] = [process.cwd(), temporaryDirectory()];
  process.chdir(directory);
});

afterEach(() => {
  process.chdir(cwd);
});

/** Every way to hand over a store refuses this one, with these words, and opens nothing. */
async function refused(adapter: object, lacking: string[]): Promise<void> {
  for (const hand of [
    () => createStorageAdapter(adapter as StorageAdapter),
    () => createStorageAdapter({ adapter: adapter as StorageAdapter }),
    () => openSmallTalk({ storage: adapter as StorageAdapter }),
    () => openSmallTalk({ storage: { adapter: adapter as StorageAdapter } }),
  ])
    await expect(hand()).rejects.toThrow(new TypeError(`the adapter lacks ${called(lacking)}`));
  expect(readdirSync(directory)).toEqual([]);
}

test.each(OF_ADAPTERS)('an adapter without %s(), or with a misspelt one, is no config', async (name) => {
  const others = without(OF_ADAPTERS, name);
  for (const names of [others, [...others, `${name}Misspelt`]]) {
    await refused(ofClassWith(names), [name]);
    await refused(withField(names), [name]);
  }
});

test.each(OF_ADAPTERS.filter((name) => name !== 'get' && name !== 'has'))(
  'what has no other method of an adapter than %s() is none, and no config either',
  async (name) => {
    await refused(ofClassWith([name]), without(OF_ADAPTERS, name));
    await refused({ [name]: () => null }, without(OF_ADAPTERS, name));
  },
);

test('a store of keys alone is told that it lacks the methods for sessions', async () => {
  const ofKeys = ['initialize', 'close', 'set', 'get', 'delete', 'has', 'clear', 'getStats'];
  const ofSessions = OF_ADAPTERS.filter((name) => !ofKeys.includes(name));
  await refused(ofClassWith(ofKeys), ofSessions);
});

test('a config may have methods: those of its class, and those that a library gives whatever it loads', async () => {
  const path = join(directory, 'wanted.db');
  class Settings {
    readonly path: string = path;
    initialize(): void {}
    get(): string {
      return 'of the settings';
    }
    set(): void {}
    clear(): void {}
  }
  const loaded = (own: object): object => Object.assign(Object.create({ get: () => null, has: () => false }), own);
  for (const config of [new Settings(), loaded({ path })]) {
    const store = await createStorageAdapter(config);
    expect(store).toMatchObject({ name: 'SQLiteStorage', path });
    await store.close();
  }
  const byDefault = await createStorageAdapter(loaded({}));
  expect(byDefault).toMatchObject({ path: join(process.cwd(), 'data', 'sessions.db') });
  await byDefault.close();
  await expect(createStorageAdapter(loaded({ adapter: 'oracle' }))).rejects.toMatchObject({
    code: 'ERR_OPTION_INVALID',
  });
});

test('nothing is migrated from or to a store that cannot save, also where keys are left out', async () => {
  const whole = new InMemoryStorageAdapter();
  for (const name of ['initialize', 'saveSession', 'getSession']) {
    const half = ofClassWith(without(OF_ADAPTERS, name)) as StorageAdapter;
    for (const keys of [true, false]) {
      const message = new TypeError(`the adapter lacks ${name}()`);
      await expect(migrate(whole, half, { keys })).rejects.toThrow(message);
      await expect(migrate(half, whole, { keys })).rejects.toThrow(message);
    }
  }
});

test.each(OF_LOGS)('a log without %s() is not replaced by one of ours', async (name) => {
  for (const log of [ofClassWith(without(OF_LOGS, name)), withField(without(OF_LOGS, name))]) {
    await expect(openSmallTalk({ log: log as never })).rejects.toThrow(new TypeError(`the log lacks ${name}()`));
  }
  const lacking = new TypeError(`the log lacks ${called(without(OF_LOGS, name))}`);
  await expect(openSmallTalk({ log: ofClassWith([name]) as never })).rejects.toThrow(lacking);
  expect(readdirSync(directory)).toEqual([]);
});

test('a bus and a monitor name the method that a log lacks, too', () => {
  const bus = (log: object): unknown => new SmallTalkEventBus({ log: log as never });
  const monitor = (log: object): unknown => new AgentHealthMonitor({ log: log as never });
  const message = 'log must have the methods of an EventReplayStorage, and lacks';
  expect(() => bus(ofClassWith(['replay', 'cleanup']))).toThrow(new TypeError(`${message} append()`));
  expect(() => monitor(ofClassWith(['append', 'cleanup']))).toThrow(new TypeError(`${message} replay()`));
  expect(() => monitor(ofClassWith(['replay', 'cleanup']))).toThrow(new TypeError(`${message} append()`));
  expect(() => monitor(ofClassWith([]))).toThrow(new TypeError(`${message} append(), replay()`));
});
