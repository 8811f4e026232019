/** Calls that nobody waits for: a read that goes by another thread sees nothing that is asked for after it. */
import { join } from 'node:path';

import { SQLiteStorageAdapter } from '../ts/index.js';
import { native } from '../ts/native.js';
import { runNode } from './support/child.js';
import { conversation, sessionOf } from './support/sessions.js';
import { temporaryDirectory } from './support/temporary.js';

const ROUNDS = 25;

let adapter: SQLiteStorageAdapter;

const open = (options: { timeoutMs?: number } = {}): SQLiteStorageAdapter =>
  new SQLiteStorageAdapter({
    path: join(temporaryDirectory(), 's.db'),
    durability: 'process',
    readers: 'async',
    ...options,
  });

beforeEach(() => (adapter = open()));

afterEach(async () => {
  jest.restoreAllMocks();
  await adapter.close();
});

type Make = () => Promise<unknown>;

const session = (): Make => () => adapter.saveSession('s', sessionOf('s', 1, conversation(3)));
const key = (): Make => () => adapter.setMany([['k', 1], ['l', 2]]); // prettier-ignore
const there = expect.objectContaining({ id: 's' }) as unknown;

const pairs: [string, Make, Make, Make, unknown][] = [
  ['a session, deleted', session(), () => adapter.getSession('s'), () => adapter.deleteSession('s'), there],
  ['a session, cleared', session(), () => adapter.getSession('s'), () => adapter.clear(), there],
  ['a session, deleted with others', session(), () => adapter.getSession('s'), () => adapter.deleteSessions(['t', 's']), there],
  ['a count, saved', session(), async () => (await adapter.getSessionInfo('s'))?.messageCount, () => adapter.saveSession('s', sessionOf('s', 2, [])), 3],
  ['a count, appended', session(), async () => (await adapter.getMessages('s'))?.length, () => adapter.appendMessages('s', conversation(1)), 3],
  ['a value, deleted', key(), () => adapter.get('k'), () => adapter.delete('k'), 1],
  ['a value, set', key(), () => adapter.get('k'), () => adapter.set('k', 3), 1],
  ['a value, set with others', key(), () => adapter.get('k'), () => adapter.setMany([['m', 1], ['k', 3]]), 1],
  ['a value, cleared', key(), () => adapter.get('k'), () => adapter.clear(), 1],
  ['whether it is there, deleted', key(), () => adapter.has('k'), () => adapter.delete('k'), true],
  ['its end, deleted', key(), () => adapter.getExpiry('k'), () => adapter.delete('k'), Infinity],
  ['values, deleted', key(), async () => [...(await adapter.getMany<number>(['k', 'l'])).values()], () => adapter.deleteMany(['l', 'k']), [1, 2]],
]; // prettier-ignore

test.each(pairs)('a read sees what there is at the call: %s', async (_, make, read, write, expected) => {
  for (let round = 0; round < ROUNDS; round += 1) {
    await make();
    const [found] = await Promise.all([read(), write()]);
    expect(found).toEqual(expected);
  }
});

test('a read that gets no answer is given up, and lets go who waits for it', async () => {
  adapter = open({ timeoutMs: 1_000 });
  await adapter.set('k', 'old');
  const binary = native();
  // The answer never comes.
  jest.spyOn(binary, 'storageGetKey').mockImplementationOnce(() => undefined);
  const read = adapter.get('k');
  const set = adapter.set('k', 'new');
  await expect(read).rejects.toMatchObject({ code: 'ERR_TIMEOUT' });
  await set;
  expect(await adapter.get('k')).toBe('new');
});

test('who waits for a read waits for no other key, and comes before a close', async () => {
  await adapter.setMany([['k', 1], ['l', 2]]); // prettier-ignore
  const binary = native();
  let answer = (): void => undefined;
  const ask = binary.storageGetKey;
  jest.spyOn(binary, 'storageGetKey').mockImplementationOnce((...words) => (answer = () => ask(...words)));
  const read = adapter.get('k');
  const both = adapter.setMany([['k', 3], ['m', 3]]); // prettier-ignore
  const later = [adapter.get('k'), adapter.set('m', 4), adapter.get('m'), adapter.delete('k')];
  await adapter.set('l', 5);
  expect(await adapter.getMany(['l', 'n'])).toEqual(new Map([['l', 5]]));
  const closed = adapter.close();
  answer();
  expect(await read).toBe(1);
  await both;
  expect(await Promise.all(later)).toEqual([3, undefined, 4, true]);
  await closed;
});

test('a write that waits for a read lands before the process ends', async () => {
  const cwd = temporaryDirectory();
  const { code } = await runNode(
    [
      '-e',
      `const { SQLiteStorageAdapter } = require(${JSON.stringify(join(__dirname, '../dist/index.js'))});
    const store = new SQLiteStorageAdapter({ path: 's.db', readers: 'async' });
    (async () => {
      await store.setMany([['k', 'old'], ['l', 'old']]);
      for (const key of ['k', 'l']) void store.get(key);
      void store.set('k', 'new');
      void store.setMany([['k', 'newer'], ['l', 'newer']]);
      process.exit(0);
    })();`,
    ],
    { cwd },
  );
  expect(code).toBe(0);
  await adapter.close();
  adapter = new SQLiteStorageAdapter({ path: join(cwd, 's.db') });
  expect([...(await adapter.getMany(['k', 'l'])).values()]).toEqual(['newer', 'newer']);
});
