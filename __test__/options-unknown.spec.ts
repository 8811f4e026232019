/** Options by another name than ours: what they were meant for would go to its default without a word. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { runInNewContext } from 'node:vm';

import * as api from '../ts/index.js';
import { testEventReplayStorageContract, testStorageAdapterContract } from '../ts/testing/index.js';
import { rejection } from './support/event-log.js';
import { temporaryDirectory } from './support/temporary.js';

const {
  AgentHealthMonitor,
  createStorageAdapter,
  FileStorageAdapter,
  InMemoryStorageAdapter,
  JsonlEventReplayStorage,
  migrate,
  openSmallTalk,
  SmallTalkEventBus,
  SQLiteStorageAdapter,
} = api as Record<string, any>;

const testSuite = (options: object): void =>
  testStorageAdapterContract('unheard', () => new InMemoryStorageAdapter({}), undefined, options);
const testLogSuite = (options: object): void =>
  testEventReplayStorageContract('unheard', () => new JsonlEventReplayStorage({}), undefined, options);

/** What is called with an option of this name that there is not, beside others that there are. */
const CALLS: [string, (name: string) => unknown][] = [
  ['a SQLite adapter', (name) => new SQLiteStorageAdapter({ [name]: './x.db', timeoutMs: 5 })],
  ['a file adapter', (name) => new FileStorageAdapter({ [name]: './x' })],
  ['a memory adapter', (name) => new InMemoryStorageAdapter({ [name]: './x' })],
  ['a log', (name) => new JsonlEventReplayStorage({ [name]: './x' })],
  ['a bus', (name) => new SmallTalkEventBus({ [name]: 5 })],
  ['a monitor', (name) => new AgentHealthMonitor({ [name]: 5 })],
  ['a backoff', (name) => new AgentHealthMonitor({ backoff: { [name]: 5 } })],
  ['createStorageAdapter', (name) => createStorageAdapter({ [name]: 'memory' })],
  ['openSmallTalk', (name) => openSmallTalk({ [name]: './x' })],
  ['its storage', (name) => openSmallTalk({ storage: { [name]: 'file' } })],
  ['its log', (name) => openSmallTalk({ log: { [name]: './x' } })],
  ['its bus', (name) => openSmallTalk({ bus: { [name]: 5 } })],
  ['its monitor', (name) => openSmallTalk({ health: { [name]: 5 } })],
  ['a replay of a bus', (name) => new SmallTalkEventBus().replay({ [name]: 'all' })],
  ['a history', (name) => new SmallTalkEventBus().history.toArray({ [name]: 'all' })],
  ['a replay of a log', (name) => new JsonlEventReplayStorage().replay('s', { [name]: 'all' }).next()],
  ['a tail', (name) => new JsonlEventReplayStorage().tail('s', { [name]: 5 }).next()],
  ['a consumer', (name) => new JsonlEventReplayStorage().subscribe('s', 'c', { [name]: 5 })],
  ['an append', (name) => new JsonlEventReplayStorage().append('s', { topic: 't' }, { [name]: 'power' })],
  ['a save', (name) => new InMemoryStorageAdapter().set('k', 1, undefined, { [name]: 'power' })],
  ['a list', (name) => new InMemoryStorageAdapter().listSessions({ [name]: 'x' })],
  ['a list of keys', (name) => new InMemoryStorageAdapter().keys({ [name]: 'x' }).next()],
  ['a range', (name) => new InMemoryStorageAdapter().getMessages('s', { [name]: 5 })],
  ['a prune', (name) => new InMemoryStorageAdapter().prune({ updatedBefore: 5, [name]: true })],
  ['a verification', (name) => new InMemoryStorageAdapter().verify({ [name]: true })],
  ['a verification of files', (name) => new FileStorageAdapter().verify({ [name]: true })],
  ['a backup', (name) => new SQLiteStorageAdapter().backup('./copy.db', { [name]: true })],
  ['the contract suite', (name) => testSuite({ [name]: true, strict: true })],
  ['that of logs', (name) => testLogSuite({ [name]: true, strict: true })],
  ['a migration', (name) => migrate(new InMemoryStorageAdapter(), new InMemoryStorageAdapter(), { [name]: true })],
];

test.each(CALLS)('%s refuses one, and names those that it has', async (_, call) => {
  const [cwd, directory] = [process.cwd(), temporaryDirectory()];
  process.chdir(directory);
  try {
    const refused = await rejection(Promise.resolve().then(() => call('oddName')));
    expect(refused).toBeInstanceOf(TypeError);
    expect(refused.message).toMatch(
      /^(options|config|backoff|storage|range|log|bus|health) has no member "oddName"; it can have \w+/,
    );
    expect(readdirSync(directory)).toEqual([]);
  } finally {
    process.chdir(cwd);
  }
});

test('one that is undefined is none, and one config may be for any adapter', async () => {
  expect(new InMemoryStorageAdapter({ oddName: undefined }).name).toBe('InMemoryStorage');
  const path = temporaryDirectory();
  for (const adapter of ['memory', 'file']) {
    const store = await createStorageAdapter({ adapter, path, readers: 2, snapshotBytes: 0, onFallback: 'throw' });
    await store.close();
  }
});

test('an agent is not registered with one, nor work tracked', async () => {
  const monitor = new AgentHealthMonitor({});
  expect(() => monitor.registerAgent({ id: 'a' }, { session: ['s'] })).toThrow('has no member "session"');
  monitor.registerAgent({ id: 'a' });
  const refused = await rejection(monitor.track('a', Promise.resolve(), { timeout: 5 }) as Promise<void>);
  expect(refused.message).toContain('has no member "timeout"');
  await monitor.close();
});

/** What has no members of its own that could be unknown, and would pass for options of which none is given. */
const STRANGERS: [string, () => object][] = [
  ['a promise', () => Promise.resolve({ timeoutMs: 5 })],
  ['something that one can wait for', () => Object.create({ then: () => undefined }) as object],
  ['an array', () => []],
  ['a Map', () => new Map([['timeoutMs', 5]])],
  ['a Set', () => new Set(['timeoutMs'])],
  ['a Date', () => new Date()],
  ['an Error', () => new Error('no config')],
  ['a signal', () => new AbortController().signal],
  ['a text in an object', () => new String('')],
  ['a URL', () => new URL('file:///somewhere')],
  ['bytes', () => new Uint8Array(4)],
  ['a view of bytes', () => new DataView(new ArrayBuffer(4))],
  ['what bytes are in', () => new ArrayBuffer(4)],
  ['a Map of another realm', () => runInNewContext('new Map()') as object],
];

test.each(STRANGERS)('%s is no options object: it is refused, and nothing is opened', async (_, stranger) => {
  const [cwd, directory] = [process.cwd(), temporaryDirectory()];
  process.chdir(directory);
  try {
    const calls = [
      (given: object) => new SQLiteStorageAdapter(given),
      (given: object) => new FileStorageAdapter(given),
      (given: object) => new InMemoryStorageAdapter(given),
      (given: object) => new JsonlEventReplayStorage(given),
      (given: object) => new SmallTalkEventBus(given),
      (given: object) => new AgentHealthMonitor(given),
      (given: object) => new SmallTalkEventBus().replay(given),
      (given: object) => new SmallTalkEventBus().replay({ metadata: given }),
      (given: object) => new SmallTalkEventBus().history.toArray(given),
      (given: object) => new JsonlEventReplayStorage().replay('s', given).next(),
      (given: object) => new InMemoryStorageAdapter().set('k', 1, undefined, given),
      (given: object) => new InMemoryStorageAdapter().listSessions(given),
      (given: object) => migrate(new InMemoryStorageAdapter(), new InMemoryStorageAdapter(), given),
      (given: object) => testSuite(given),
      (given: object) => testLogSuite(given),
      (given: object) => createStorageAdapter(given),
      (given: object) => openSmallTalk(given),
      ...['storage', 'log', 'bus', 'health'].map((part) => (given: object) => openSmallTalk({ [part]: given })),
    ];
    for (const call of calls) {
      const refused = await rejection(Promise.resolve().then(() => call(stranger())));
      expect([call.toString(), refused.message]).toEqual([
        call.toString(),
        expect.stringMatching(/ must be an object/),
      ]);
      expect(refused).toBeInstanceOf(TypeError);
    }
    expect(readdirSync(directory)).toEqual([]);
  } finally {
    process.chdir(cwd);
  }
});

test('where an `await` was forgotten, that is said', async () => {
  const refused = await rejection(openSmallTalk({ storage: createStorageAdapter('memory:') }));
  expect(refused.message).toMatch(/^storage must be an object.* await/);
});

test('an object that is not of a class of ours is one all the same', async () => {
  const named = { historyLimit: 5, [Symbol.toStringTag]: 'Config' };
  const other = runInNewContext('({ historyLimit: 5 })') as object;
  for (const options of [named, other, Object.assign(Object.create(null) as object, { historyLimit: 5 })]) {
    expect(new SmallTalkEventBus(options).history.capacity).toBe(5);
  }
});

test.each(Object.entries({ InMemoryStorageAdapter, SQLiteStorageAdapter, FileStorageAdapter }))(
  '%s takes `ifVersion` where it compares versions, and refuses it where the write would be done whatever is stored',
  async (_, Adapter: any) => {
    const store = new Adapter(Adapter === InMemoryStorageAdapter ? {} : { path: join(temporaryDirectory(), 'store') });
    const session = (by: string) => ({ id: 's', by, messages: [], createdAt: new Date(1), updatedAt: new Date(2) });
    await store.saveSession('s', session('first'));
    await store.set('k', 'first');
    const options = { ifVersion: 0, durability: 'process' };
    const writes: [string, ...unknown[]][] = [
      ['saveSession', 's', session('late')],
      ['saveSessions', [['s', session('late')]]],
      ['appendMessages', 's', []],
      ['deleteSession', 's'],
      ['deleteSessions', ['s']],
      ['set', 'k', 'late', undefined],
      ['setMany', [['k', 'late']], undefined],
      ['delete', 'k'],
      ['deleteMany', ['k']],
    ];
    // The file adapter writes nothing together.
    for (const [write, ...given] of writes.filter(([name]) => name in store)) {
      const refused = await rejection(store[write](...given, options) as Promise<unknown>);
      expect([write, refused.message]).toEqual([write, 'options has no member "ifVersion"; it can have durability']);
      expect(refused).toBeInstanceOf(TypeError);
    }
    expect(await store.getSession('s')).toEqual(session('first'));
    expect(await store.get('k')).toBe('first');
    await expect(store.saveVersioned('s', session('late'), options)).rejects.toMatchObject({ code: 'ERR_CONFLICT' });
    const { version } = await store.getVersioned('s');
    await store.saveVersioned('s', session('next'), { ifVersion: version, durability: 'power' });
    expect(await store.getSession('s')).toEqual(session('next'));
    for (const wrong of [undefined, {}, { ifVersion: '1' }, { ifVersion: null, durabilty: 'power' }]) {
      await expect(store.saveVersioned('new', session('new'), wrong)).rejects.toThrow(TypeError);
    }
    const slight = store.saveVersioned('new', session('new'), { ifVersion: null, durability: 'disk' });
    await expect(slight).rejects.toMatchObject({ code: 'ERR_OPTION_INVALID' });
    expect(await store.getSession('new')).toBeNull();
    await store.close();
  },
);
