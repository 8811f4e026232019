import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import {
  createStorageAdapter,
  FileStorageAdapter,
  InMemoryStorageAdapter,
  openSmallTalk,
  SQLiteStorageAdapter,
  type StorageAdapter,
} from '../ts/index.js';
import { PLATFORMS } from '../ts/native.js';
import { runNode } from './support/child.js';
import { JsonFileAdapter } from './support/plain-adapter.cjs';
import { temporaryDirectory } from './support/temporary.js';

const dist = join(__dirname, '..', 'dist', 'index.js');

test('without a config it is SQLite, initialised, in ./data', async () => {
  const cwd = temporaryDirectory();
  const script = `require(${JSON.stringify(dist)}).createStorageAdapter().then((adapter) => console.log(adapter.name))`;
  expect(await runNode(['-e', script], { cwd })).toEqual({ code: 0, output: 'SQLiteStorage\n' });
  expect(existsSync(join(cwd, 'data', 'sessions.db'))).toBe(true);
});

test('an adapter is chosen by name, by URL, or taken as it is', async () => {
  const path = join(temporaryDirectory(), 'x.db');
  const mine = new JsonFileAdapter(join(temporaryDirectory(), 'x.json'));
  expect(await createStorageAdapter('memory:')).toBeInstanceOf(InMemoryStorageAdapter);
  expect(await createStorageAdapter({ adapter: 'memory' })).toBeInstanceOf(InMemoryStorageAdapter);
  expect(await createStorageAdapter(mine)).toBe(mine);
  expect(await createStorageAdapter({ adapter: mine })).toBe(mine);
  for (const config of [`sqlite:${path}`, { adapter: 'sqlite' as const, path }, { path }]) {
    const adapter = await createStorageAdapter(config);
    expect(adapter).toMatchObject({ name: 'SQLiteStorage', path });
    await adapter.close();
  }
  const directory = temporaryDirectory();
  for (const config of [`file:${directory}`, { adapter: 'file' as const, path: directory }]) {
    const adapter = await createStorageAdapter(config);
    expect(adapter).toBeInstanceOf(FileStorageAdapter);
    expect(adapter).toMatchObject({ path: directory });
    await adapter.close();
  }
  expect(new FileStorageAdapter().path).toBe(join(process.cwd(), 'data', 'sessions'));
});

test('a URL with an empty host is the path that it says, and one with two slashes is refused', async () => {
  const directory = join(temporaryDirectory(), 'a b');
  const file = await createStorageAdapter(pathToFileURL(directory).href);
  const sqlite = await createStorageAdapter(pathToFileURL(`${directory}.db`).href.replace('file:', 'sqlite:'));
  expect([file, sqlite]).toMatchObject([{ path: directory }, { path: `${directory}.db` }]);
  await Promise.all([file.close(), sqlite.close()]);
  for (const rest of [
    '//./u.db',
    '//data/u.db',
    '//localhost/u.db',
    '//',
    '///u%2',
    '///u%2Fv',
    '///u.db?mode=ro',
    '///u#1',
  ]) {
    for (const scheme of ['sqlite', 'file']) {
      const refused = { code: 'ERR_OPTION_INVALID', message: expect.stringContaining('./directory/name') as string };
      await expect(createStorageAdapter(`${scheme}:${rest}`)).rejects.toMatchObject(refused);
    }
  }
});

test('what names no adapter is refused', async () => {
  for (const config of [
    'mongodb://x',
    'redis://localhost',
    'postgres://localhost/x',
    'sessions.db',
    'memory:x',
    { adapter: 'oracle' },
    { onFallback: 'sqlite' },
  ]) {
    await expect(createStorageAdapter(config as never)).rejects.toMatchObject({ code: 'ERR_OPTION_INVALID' });
  }
  await expect(createStorageAdapter(5 as never)).rejects.toThrow(TypeError);
  for (const given of ['postgres://me:secret@host/db', { adapter: 'postgres://me:secret@host/db' }]) {
    const { message } = (await createStorageAdapter(given as never).catch((error: unknown) => error)) as Error;
    expect(message).toContain('"postgres://…@host/db"');
  }
});

test('an adapter that lacks methods is refused where it is handed over, and they are named', async () => {
  const lacking = new JsonFileAdapter(join(temporaryDirectory(), 'x.json')) as Partial<StorageAdapter>;
  Object.assign(lacking, { has: undefined, getStats: 5 });
  const directory = temporaryDirectory();
  for (const hand of [
    () => createStorageAdapter(lacking as StorageAdapter),
    () => createStorageAdapter({ adapter: lacking as StorageAdapter }),
    () => openSmallTalk({ directory, storage: lacking as StorageAdapter }),
    () => openSmallTalk({ directory, storage: { adapter: lacking as StorageAdapter } }),
  ])
    await expect(hand()).rejects.toThrow(new TypeError('the adapter lacks has(), getStats()'));
  expect(readdirSync(directory)).toEqual([]);
});

test('a database that cannot be used is an error, never a silent fallback', async () => {
  const path = join(temporaryDirectory(), 'garbage.db');
  writeFileSync(path, 'no database at all'.repeat(100));
  await expect(createStorageAdapter({ path })).rejects.toMatchObject({ code: 'ERR_CORRUPT' });
  expect(new SQLiteStorageAdapter({ path }).persistent).toBe(true);
});

describe('without the binary', () => {
  const without = (body: string, env: NodeJS.ProcessEnv = { SMALLTALK_NATIVE: 'off' }): ReturnType<typeof runNode> =>
    runNode(['-e', `const api = require(${JSON.stringify(dist)}); (async () => { ${body} })();`], {
      cwd: temporaryDirectory(),
      env,
    });

  test('it falls back to memory and says so once', async () => {
    const { code, output } = await without(`
      const one = await api.createStorageAdapter();
      const two = await api.createStorageAdapter({ path: 'x.db' });
      process.stdout.write([one.name, one.persistent, two.name].join() + ';');`);
    expect(code).toBe(0);
    expect(output).toContain('InMemoryStorage,false,InMemoryStorage;');
    expect(output.match(/SMALLTALK_MEMORY_FALLBACK/g)).toHaveLength(1);
    expect(output).toMatch(/sessions are kept in memory and will not persist/);
  });

  test('or refuses, where that is asked for', async () => {
    const { output } = await without(`
      const error = await api.createStorageAdapter({ onFallback: 'throw' }).catch((reason) => reason);
      process.stdout.write(error.code + ' ' + (error instanceof api.SmallTalkError) + ' ' + error.message);`);
    expect(output).toMatch(/^ERR_NATIVE_UNAVAILABLE true .*switched off by SMALLTALK_NATIVE=off/);
  });

  test('and recommends no package where there is none for the platform', async () => {
    const { output } = await without(
      `
      Object.defineProperty(process, 'arch', { value: 'ia32' });
      const error = await api.createStorageAdapter({ onFallback: 'throw' }).catch((reason) => reason);
      process.stdout.write(error.code + ' ' + error.message);`,
      {},
    );
    expect(output).toMatch(/^ERR_NATIVE_UNAVAILABLE .*none for this platform, only for darwin-arm64, /);
    expect(output).not.toContain('npm install');
    expect([...PLATFORMS]).toEqual(readdirSync(join(__dirname, '..', 'npm')));
  });

  test('the bus, the memory and the file adapter work, everything else says what is missing', async () => {
    const { code, output } = await without(`
      const bus = new api.SmallTalkEventBus();
      bus.on('message', (text) => process.stdout.write(text + ' '));
      bus.emit('message', 'heard');
      bus.replay();
      const memory = new api.InMemoryStorageAdapter();
      await memory.set('k', new Date(5));
      process.stdout.write((await memory.get('k')).getTime() + ' ');
      const files = await api.createStorageAdapter('file:./files');
      await files.set('k', new Date(6));
      process.stdout.write((await files.get('k')).getTime() + ' ');
      const codes = [];
      await new api.SQLiteStorageAdapter().initialize().catch((error) => codes.push(error.code));
      await new api.JsonlEventReplayStorage().append('s', { topic: 't' }).catch((error) => codes.push(error.code));
      try { new api.AgentHealthMonitor(); } catch (error) { codes.push(error.code); }
      await api.openSmallTalk().catch((error) => codes.push(error.code));
      const open = await api.openSmallTalk({ onFallback: 'memory' });
      process.stdout.write([open.log, open.health, open.storage.name].join('|') + ' ');
      await open.close();
      await api.openSmallTalk({ onFallback: 'memory', log: 5 }).catch((error) => codes.push(error.name));
      process.stdout.write(codes.join());`);
    expect(output.replace(/\(node[^]*$/, '')).toBe(
      `heard heard 5 6 ||InMemoryStorage ${Array(4).fill('ERR_NATIVE_UNAVAILABLE').join()},TypeError`,
    );
    expect(code).toBe(0);
  });
});
