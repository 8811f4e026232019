/** Long operations of a store end when their signal says so, wherever they are by then. */
import { getEventListeners } from 'node:events';
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';

import {
  FileStorageAdapter,
  InMemoryStorageAdapter,
  SQLiteStorageAdapter,
  type ChatMessage,
  type StorageAdapter,
  type StorageCapabilities,
} from '../ts/index.js';
import { native } from '../ts/native.js';
import { conversation, sessionOf } from './support/sessions.js';
import { temporaryDirectory } from './support/temporary.js';

const SESSIONS = 150;
const MESSAGES = 100;
const OLDEST = 10;

const long = (): ChatMessage[] =>
  conversation(MESSAGES).map((one) => ({ ...one, content: `${one.content} `.repeat(300) }));

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function until(happened: () => boolean): Promise<void> {
  while (!happened()) await turn();
}

/** A store of some forty megabytes: to read or copy it takes a while. */
let large: SQLiteStorageAdapter;
let directory = '';

beforeAll(async () => {
  directory = temporaryDirectory();
  large = new SQLiteStorageAdapter({ path: join(directory, 's.db'), durability: 'process' });
  const messages = long();
  for (let n = 0; n < SESSIONS; n += 1) await large.saveSession(`s${n}`, sessionOf(`s${n}`, n + OLDEST, messages));
}, 60_000);

afterAll(() => large.close());
afterEach(() => jest.restoreAllMocks());

const DRY = { updatedBefore: 0, dryRun: true };

/** What takes a signal, and is stopped at any time without a trace. */
const calls: Record<string, (store: SQLiteStorageAdapter, signal: AbortSignal, target: string) => Promise<unknown>> = {
  backup: (store, signal, target) => store.backup(target, { signal }),
  verify: (store, signal) => store.verify({ signal }),
  'prune, dry run': (store, signal) => store.prune({ ...DRY, signal }),
  'prune of nothing': (store, signal) => store.prune({ updatedBefore: 0, signal }),
};

const SOUND = { sessions: SESSIONS, keys: 0, messages: SESSIONS * MESSAGES, damaged: [] };

describe.each(Object.entries(calls))('%s', (name, call) => {
  test('whose signal was given before it is called does not begin, nor opens the file', async () => {
    const place = temporaryDirectory();
    const store = new SQLiteStorageAdapter({ path: join(place, 'store', 's.db') });
    const reason = new Error('too late');
    await expect(call(store, AbortSignal.abort(reason), join(place, 'copy.db'))).rejects.toBe(reason);
    expect(readdirSync(place)).toEqual([]);
    await store.close();
  });

  test('that waits behind a verification is rejected at once, and leaves that alone', async () => {
    const stop = new AbortController();
    const place = temporaryDirectory();
    const settled: string[] = [];
    const before = [1, 2, 3].map(async () => {
      expect(await large.verify()).toEqual(SOUND);
      settled.push('verified');
    });
    const waits = call(large, stop.signal, join(place, 'copy.db')).catch((error: unknown) => {
      settled.push('stopped');
      return error;
    });
    const behind = large.prune(DRY);
    stop.abort('no more');
    expect(await waits).toBe('no more');
    expect(settled).toEqual(['stopped']);
    await Promise.all(before);
    expect(await behind).toMatchObject({ sessions: 0 });
    expect(readdirSync(place)).toEqual([]);
    expect(getEventListeners(stop.signal, 'abort')).toEqual([]);
  });

  test('that waits for a save is rejected at once, and never given to the binary', async () => {
    const store = new SQLiteStorageAdapter({ path: join(temporaryDirectory(), 's.db'), durability: 'process' });
    const session = sessionOf('s', OLDEST);
    await store.saveSession('s', session);
    const binary = native();
    const save = jest.spyOn(binary, 'storageSaveChanges');
    const begun = (['storageBackup', 'storageVerify', 'storagePrune'] as const).map((name) => jest.spyOn(binary, name));
    let land: () => void = () => undefined;
    save.mockImplementationOnce((...words) => {
      save.mockRestore();
      land = () => void binary.storageSaveChanges(...words);
    });
    session.messages.pop();
    const saved = store.saveSession('s', session);
    const stop = new AbortController();
    const waits = call(store, stop.signal, join(temporaryDirectory(), 'copy.db'));
    const behind = store.set('k', 1);
    stop.abort();
    await expect(waits).rejects.toBe(stop.signal.reason);
    land();
    await Promise.all([saved, behind, store.close()]);
    expect(begun.flatMap(({ mock }) => mock.calls)).toEqual([]);
    expect(getEventListeners(stop.signal, 'abort')).toEqual([]);
  });

  test('that is stopped at any moment leaves nothing behind, and what comes next goes on', async () => {
    const before = readdirSync(directory);
    const outcomes = new Set<string>();
    for (let round = 0; round < 40; round += 1) {
      const stop = new AbortController();
      const target = join(directory, 'copy.db');
      const answer = call(large, stop.signal, target).then(
        () => 'done',
        (error: unknown) => error,
      );
      const behind = large.prune(DRY);
      // From "at once" to far beyond the end of what is quick.
      for (let turns = 0; turns < 10 * round ** 2; turns += 1) await turn();
      stop.abort(`round ${round}`);
      const outcome = await answer;
      if (outcome !== 'done') expect(outcome).toBe(`round ${round}`);
      outcomes.add(outcome === 'done' ? 'done' : 'stopped');
      expect(await behind).toMatchObject({ sessions: 0 });
      expect(readdirSync(directory).filter((one) => one.startsWith('copy'))).toEqual(
        outcome === 'done' && existsSync(target) ? ['copy.db'] : [],
      );
      if (existsSync(target)) await removeCopy(target);
      expect(getEventListeners(stop.signal, 'abort')).toEqual([]);
    }
    // To count so few may be done before anybody stops it.
    if (name !== 'prune, dry run') expect(outcomes).toContain('stopped');
    expect(readdirSync(directory)).toEqual(before);
    expect(await large.verify()).toEqual(SOUND);
  }, 60_000);

  test('that is done has its answer, and a signal that outlives many of them holds on to none', async () => {
    const store = new SQLiteStorageAdapter({ path: join(temporaryDirectory(), 's.db'), durability: 'process' });
    const stop = new AbortController();
    const place = temporaryDirectory();
    for (let n = 0; n < 20; n += 1) {
      await Promise.all([0, 1, 2].map((part) => call(store, stop.signal, join(place, `${n}-${part}.db`))));
      expect(getEventListeners(stop.signal, 'abort')).toEqual([]);
    }
    const last = call(store, stop.signal, join(place, 'last.db'));
    void last.then(() => stop.abort());
    await last;
    await store.close();
  });

  test('that a close ends is ERR_CLOSED, as without a signal', async () => {
    const store = new SQLiteStorageAdapter({ path: join(temporaryDirectory(), 's.db'), durability: 'process' });
    await store.close();
    const { signal } = new AbortController();
    await expect(call(store, signal, join(temporaryDirectory(), 'copy.db'))).rejects.toMatchObject({
      code: 'ERR_CLOSED',
    });
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });
});

async function removeCopy(target: string): Promise<void> {
  const copy = new SQLiteStorageAdapter({ path: target });
  expect(await copy.verify()).toEqual(SOUND);
  await copy.close();
  for (const name of readdirSync(directory).filter((one) => one.startsWith('copy'))) rmSync(join(directory, name));
}

test('a backup that is being written is stopped, and what was written is gone', async () => {
  const stop = new AbortController();
  const partials = (): string[] => readdirSync(directory).filter((name) => name.endsWith('.partial'));
  const backup = large.backup(join(directory, 'copy.db'), { signal: stop.signal });
  const outcome = backup.catch((error: unknown) => error);
  await until(() => partials().some((name) => statSync(join(directory, name), { throwIfNoEntry: false })?.size));
  stop.abort();
  expect(await outcome).toBe(stop.signal.reason);
  expect(readdirSync(directory).filter((name) => name.startsWith('copy'))).toEqual([]);
});

test('a prune whose look for what is left over waits is rejected; what it has removed stays removed', async () => {
  await large.saveSession('old', sessionOf('old', 1));
  const looks = jest.spyOn(native(), 'storageOrphans');
  const settled: string[] = [];
  const before = [1, 2, 3, 4].map(() => large.verify().then(() => settled.push('verified')));
  const stop = new AbortController();
  const pruned = large.prune({ updatedBefore: OLDEST, signal: stop.signal });
  await until(() => looks.mock.calls.length > 0);
  stop.abort();
  await expect(pruned).rejects.toBe(stop.signal.reason);
  expect(settled.length).toBeLessThan(before.length);
  await Promise.all(before);
  expect(await large.getSession('old')).toBeNull();
  expect(await large.verify()).toEqual(SOUND);
});

test('a close while it runs is ERR_CLOSED, and a signal that is given later changes nothing', async () => {
  const place = temporaryDirectory();
  const store = new SQLiteStorageAdapter({ path: join(place, 's.db'), durability: 'process' });
  const messages = long();
  for (let n = 0; n < 10; n += 1) await store.saveSession(`s${n}`, sessionOf(`s${n}`, n, messages));
  const stop = new AbortController();
  const codes = Array.from({ length: 8 }, () =>
    store.verify({ signal: stop.signal }).then(
      () => 'done',
      ({ code }: { code: string }) => code,
    ),
  );
  await store.close();
  const told = await Promise.all(codes);
  stop.abort();
  expect(told.at(-1)).toBe('ERR_CLOSED');
  expect(told.filter((one) => one !== 'done' && one !== 'ERR_CLOSED')).toEqual([]);
});

describe.each<[string, () => StorageAdapter & Pick<StorageCapabilities, 'verify' | 'prune'>]>([
  ['SQLite', () => new SQLiteStorageAdapter({ path: join(temporaryDirectory(), 's.db') })],
  ['files', () => new FileStorageAdapter({ path: temporaryDirectory() })],
  ['memory', () => new InMemoryStorageAdapter()],
])('%s', (_, make) => {
  test('takes no other option, and nothing else for a signal', async () => {
    const store = make();
    const wrong = [{ signal: {} }, { signal: null }, { signal: 'x' }, { signals: 1 }, null, 1, AbortSignal.abort()];
    for (const options of wrong) {
      await expect(store.verify(options as never)).rejects.toBeInstanceOf(TypeError);
      if (!(store instanceof SQLiteStorageAdapter)) continue;
      const target = join(temporaryDirectory(), 'copy.db');
      await expect(store.backup(target, options as never)).rejects.toBeInstanceOf(TypeError);
      expect(existsSync(target)).toBe(false);
    }
    expect(await store.verify({ signal: undefined as never })).toMatchObject({ damaged: [] });
    expect(await store.verify({ signal: new AbortController().signal })).toMatchObject({ damaged: [] });
    await store.close();
  });

  test('does nothing once the signal has been given, also where there is nothing to do', async () => {
    const store = make();
    const signal = AbortSignal.abort('gone');
    await expect(store.verify({ signal })).rejects.toBe('gone');
    await expect(store.prune({ updatedBefore: 1, signal })).rejects.toBe('gone');
    await store.close();
  });
});

test('a verification of files ends between two of them', async () => {
  const store = new FileStorageAdapter({ path: temporaryDirectory(), durability: 'process' });
  await Promise.all(Array.from({ length: 200 }, (_, n) => store.saveSession(`s${n}`, sessionOf(`s${n}`, n))));
  const stop = new AbortController();
  const verified = store.verify({ signal: stop.signal });
  stop.abort('no more');
  await expect(verified).rejects.toBe('no more');
  expect(await store.verify()).toMatchObject({ sessions: 200, damaged: [] });
  await store.close();
});
