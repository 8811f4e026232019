/**
 * What the contract suite must not ask for: keys that only strict adapters refuse, a store without a network before it, and
 * one whose clock is that of its caller.
 */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';

import {
  InMemoryStorageAdapter,
  SQLiteStorageAdapter,
  type ChatMessage,
  type ChatSession,
  type StorageAdapter,
} from '../ts/index.js';
import { testStorageAdapterContract, type StorageContractOptions } from '../ts/testing/index.js';
import { failuresOf, registered } from './support/mini-runner.js';
import { failuresInMemory, failuresOnDisk, type Bug } from './support/planted.js';

const supports = new InMemoryStorageAdapter().capabilities;

test('an adapter that takes every text for a key sets all values of a batch, or none', async () => {
  const named = (key: string): string => (key === '' ? 'nothing' : key);
  const failures = failuresInMemory({ supports: ['setMany', 'getMany', 'deleteMany'] });
  const failed = await failures((adapter) => ({
    set: (key, value, ttl) => adapter.set(named(key), value, ttl),
    setMany: async (pairs, ttl) =>
      adapter.setMany(
        [...pairs].map(([key, value]) => [named(key), value]),
        ttl,
      ),
  }));
  expect(failed).toEqual([]);
});

test('an adapter may refuse what its tables have no room for: a NUL, two messages of one id, white space that ends a key', async () => {
  const text = (id: string): string => {
    if (id.endsWith(' ')) throw new RangeError('no key');
    return id;
  };
  const failures = failuresInMemory({ supports: ['appendMessages', 'getVersioned', 'saveVersioned'] });
  const taken = new Map<string, string[]>();
  const take = (id: string, messages: readonly ChatMessage[], before: readonly string[] = []): void => {
    const ids = [...before, ...messages.map((message) => message.id)];
    if (messages.some(({ content }) => content.includes('\0'))) throw new RangeError('a NUL');
    if (new Set(ids).size < ids.length) throw new RangeError('one id twice');
    taken.set(id, ids);
  };
  const failed = await failures((adapter) => ({
    saveSession: async (id, session) => {
      take(id, (session as Partial<ChatSession> | null)?.messages ?? []);
      return adapter.saveSession(id, session);
    },
    appendMessages: async (id, messages) => {
      take(id, messages, taken.get(id));
      return adapter.appendMessages(id, messages);
    },
    // One throws, the other rejects.
    has: (key) => adapter.has(text(key)),
    deleteSession: async (id) => adapter.deleteSession(text(id)),
  }));
  expect(failed).toEqual([]);
});

test('an adapter that compresses stores little', async () => {
  const failures = failuresInMemory({ supports: ['getSessionInfo'] });
  const failed = await failures((adapter) => ({
    getSessionInfo: async (id) => {
      const info = await adapter.getSessionInfo(id);
      return info && { ...info, sizeBytes: gzipSync(JSON.stringify(await adapter.getSession(id))).length };
    },
  }));
  expect(failed).toEqual([]);
});

/** An adapter that answers nothing at once, and what `waits` it makes: how often a call was made while no other was on its way. */
function behindANetwork(): { create: () => StorageAdapter; waits: () => number } {
  let waits = 0;
  let under = 0;
  const create = (): StorageAdapter =>
    new Proxy(new InMemoryStorageAdapter(), {
      get(adapter, name) {
        const member: unknown = Reflect.get(adapter, name, adapter);
        if (typeof member !== 'function') return member;
        const method = member as (...given: unknown[]) => unknown;
        return (...given: unknown[]): unknown => {
          const answer = method.apply(adapter, given);
          if (!(answer instanceof Promise)) return answer;
          if (under === 0) waits += 1;
          under += 1;
          const told = new Promise((resolve) => setImmediate(resolve)).finally(() => (under -= 1)).then(() => answer);
          answer.catch(() => undefined);
          return told;
        };
      },
    });
  return { create, waits: () => waits };
}

// A hundred waits are 2 s where each takes 20 ms, and 5 s are what runners give a test.
test.each([
  'should tell all ids apart',
  'should refuse what is no id, and store nothing',
  'should give every value back equal, or refuse it and keep what was there',
  'should list what all options together ask for',
])('%s: with fewer than a hundred waits', async (title) => {
  const { create, waits } = behindANetwork();
  const options: StorageContractOptions = { supports, strict: true };
  expect(await failuresOf(() => testStorageAdapterContract('far', create, undefined, options), title)).toEqual([]);
  expect(waits()).toBeLessThan(100);
});

test.each([
  [undefined, 30_000],
  [90_000, 90_000],
])('with a timeoutMs of %p every test and hook may take %p ms', (timeoutMs, expected) => {
  const options: StorageContractOptions = { supports, strict: true, ...(timeoutMs !== undefined && { timeoutMs }) };
  const make = (): StorageAdapter => new InMemoryStorageAdapter();
  const { tests, before, after } = registered(() => testStorageAdapterContract('slow', make, undefined, options));
  expect(tests.length).toBeGreaterThan(60);
  expect(new Set([...tests, ...before, ...after].map((step) => step.timeoutMs))).toEqual(new Set([expected]));
});

const RACES = [
  'should keep what is set while a key that has ended is read',
  'should keep what is saved while old sessions are pruned',
  'should leave deleted what was appended to just before',
  'should refuse a version of before a call that nobody has waited for',
];

const TIMES = [
  'should let a value expire after its ttl, and only then',
  'should let each of many values expire after their ttl, and only then',
  'should make updatedAt the later of what is stored and now',
  'should tell when a key ends',
  'should keep over a restart what it was given, and lose what it was told to, by every way',
];

/** Where a call arrives 10 ms after it was made, in the order of the calls, and its answer 10 ms later. */
function twentyMillisecondsAway(): StorageAdapter {
  return new Proxy(new InMemoryStorageAdapter(), {
    get(adapter, name) {
      const member: unknown = Reflect.get(adapter, name, adapter);
      if (typeof member !== 'function') return member;
      const method = member as (...given: unknown[]) => unknown;
      if (name === 'keys' || name === 'sessions')
        return async function* (...given: unknown[]) {
          await delay(10);
          yield* method.apply(adapter, given) as AsyncIterable<string>;
        };
      return async (...given: unknown[]): Promise<unknown> => {
        const sent = structuredClone(given);
        await delay(10);
        const answer = await Promise.allSettled([method.apply(adapter, sent)]);
        await delay(10);
        if (answer[0].status === 'rejected') throw answer[0].reason;
        return answer[0].value;
      };
    },
  });
}

test.each([...RACES, ...TIMES, 'should answer calls that nobody waits for in the order in which they were made'])(
  '%s: of a store that is 20 ms away as well',
  async (title) => {
    const options: StorageContractOptions = { supports, strict: true };
    const failures = failuresOf(
      () => testStorageAdapterContract('far', twentyMillisecondsAway, undefined, options),
      title,
    );
    expect(await failures).toEqual([]);
  },
);

describe.each([-150, -5, 5, 150])('of a store whose clock is %i ms off', (off) => {
  const skewed: Bug<InMemoryStorageAdapter> & Bug<SQLiteStorageAdapter> = (adapter) => ({
    getExpiry: async (key: string) => {
      const end = await adapter.getExpiry(key);
      return end === null ? null : end + off;
    },
    appendMessages: async (id: string, messages: readonly ChatMessage[]) => {
      const count = await adapter.appendMessages(id, messages);
      const session = await adapter.getSession(id);
      // Of a session from the future that is what it is.
      if (session === null || Number(session.updatedAt) > Date.now()) return count;
      await adapter.saveSession(id, { ...session, updatedAt: new Date(Number(session.updatedAt) + off) });
      return count;
    },
  });

  test.each(TIMES)('%s', async (title) => {
    const options: StorageContractOptions = { supports, strict: true };
    expect(await failuresInMemory(options)(skewed, title)).toEqual([]);
    const onDisk = failuresOnDisk(
      (directory) => new SQLiteStorageAdapter({ path: join(directory, 's.db'), durability: 'process' }),
      options,
    );
    expect(await onDisk(skewed, title)).toEqual([]);
  });
});
