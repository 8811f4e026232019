/** Bugs of adapters that go on with their pages by counting what there was: who deletes what they see misses others. */
import { InMemoryStorageAdapter } from '../ts/index.js';
import { failuresInMemory, testThatEachIsCaught, type Bug, type Planted } from './support/planted.js';

type Memory = InMemoryStorageAdapter;

const SESSIONS = 'should give what listSessions gives, across pages';
const KEYS = 'should give all living keys by code points, across pages';

/** Pages of so many sessions, each beginning as many further on as have been given. */
const ofSessions =
  (size: number): Bug<Memory> =>
  (adapter) => ({
    async *sessions({ limit = Infinity, offset = 0, ...options } = {}) {
      for (let given = 0; given < limit; given += size) {
        const page = await adapter.listSessions({
          ...options,
          limit: Math.min(size, limit - given),
          offset: offset + given,
        });
        if (page.length === 0) return;
        yield* page;
      }
    },
  });

/** The same of keys. */
const ofKeys =
  (size: number): Bug<Memory> =>
  (adapter) => ({
    async *keys(options) {
      for (let given = 0; ; given += size) {
        const all: string[] = [];
        for await (const key of adapter.keys(options)) all.push(key);
        const page = all.slice(given, given + size);
        if (page.length === 0) return;
        yield* page;
      }
    },
  });

const SIZES = [100, 250, 1_000, 1_024];

/** One bug each, planted into an adapter that has none, and the test that must catch it. */
const planted: Planted<Memory> = Object.fromEntries(
  SIZES.flatMap((size) => [
    [`pages of ${size} sessions begin by their number`, [ofSessions(size), SESSIONS]],
    [`pages of ${size} keys begin by their number`, [ofKeys(size), KEYS]],
  ]),
) as Planted<Memory>;

testThatEachIsCaught(planted, failuresInMemory({ supports: new InMemoryStorageAdapter().capabilities }));
