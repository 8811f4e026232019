/** What the contract suite must not ask for: keys that only strict adapters refuse, and a store without a network before it. */
import { gzipSync } from 'node:zlib';

import { InMemoryStorageAdapter, type ChatMessage, type ChatSession, type StorageAdapter } from '../ts/index.js';
import { testStorageAdapterContract, type StorageContractOptions } from '../ts/testing/index.js';
import { failuresOf, registered } from './support/mini-runner.js';
import { failuresInMemory } from './support/planted.js';

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
