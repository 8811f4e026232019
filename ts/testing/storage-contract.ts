/** What every storage adapter must do: 18 tests that run against yours. */
import { types } from 'node:util';

import type { StorageAdapter } from '../storage/adapter.js';
import { supports, type Capability } from '../storage/capabilities.js';
import { runner, type Runner } from './runner.js';
import { at, eventually, sampleSession } from './samples.js';
import { keyBatches, sessionBatches } from './storage-batches.js';
import { keyIteration, sessionIteration } from './storage-iteration.js';
import { appending, partialReading } from './storage-messages.js';
import { expiry, pruning, verification } from './storage-upkeep.js';
import { versions } from './storage-versions.js';
import { hostileIds } from './strict-ids.js';
import { hostileFaults, hostileLife } from './strict-life.js';
import { hostileOptions } from './strict-options.js';
import { hostileOrder } from './strict-order.js';
import { hostileValues } from './strict-values.js';
import type { CapableSubject, Chapter, Subject } from './subject.js';

/** Makes an adapter that is not initialised yet; called before every test. */
export type AdapterFactory = () => StorageAdapter | Promise<StorageAdapter>;
/** Cleans up behind every test, after the adapter was cleared and closed. */
export type AdapterCleanup = () => void | Promise<void>;

/** What the suite has to know of an adapter. */
export interface StorageContractOptions {
  /** Opens the place of the last adapter again, where `createAdapter` makes a fresh place each time. */
  reopen?: AdapterFactory;
  /** What it can do beyond what every adapter must: adds the chapters of these capabilities. Default: none. */
  supports?: readonly Capability[];
  /**
   * Whether it keeps to all that is said of adapters, as those of this package do: adds the hostile chapters, of values, ids,
   * options, order, opening and closing, and calls that fail. Default false.
   */
  strict?: boolean;
}

/** The chapters of what only some adapters can do. */
const FURTHER: readonly Chapter[] = [
  appending,
  partialReading,
  versions,
  sessionBatches,
  keyBatches,
  sessionIteration,
  keyIteration,
  pruning,
  expiry,
  verification,
];

/** The chapters for those who take no excuse. */
const HOSTILE: readonly Chapter[] = [
  hostileValues,
  hostileIds,
  hostileOptions,
  hostileOrder,
  hostileLife,
  hostileFaults,
];

/**
 * Registers the contract tests of storage adapters with the test runner: sessions 6, key-value 5, statistics 1, clear 1,
 * errors 2, persistence 1, concurrency 2. `options.supports` adds those of what only some adapters can do,
 * `options.strict` the hostile ones.
 *
 * An adapter whose `persistent` is false must start empty after a restart; every other one must have what it had.
 */
export function testStorageAdapterContract(
  adapterName: string,
  createAdapter: AdapterFactory,
  cleanup?: AdapterCleanup,
  options: StorageContractOptions = {},
): void {
  const globals = runner();
  globals.describe(`StorageAdapter Contract: ${adapterName}`, () => {
    const subject = {} as Subject;
    subject.reopen = async () => {
      await subject.adapter.close();
      subject.adapter = await (options.reopen ?? createAdapter)();
    };
    subject.restart = async () => {
      await subject.reopen();
      await subject.adapter.initialize();
    };
    globals.beforeEach(async () => {
      subject.adapter = await createAdapter();
      await subject.adapter.initialize();
    });
    globals.afterEach(async () => {
      // What an adapter fails to do must not leave the next test its files, or the runner its handles.
      try {
        await subject.adapter.clear();
      } finally {
        try {
          await subject.adapter.close();
        } finally {
          await cleanup?.();
        }
      }
    });
    for (const chapter of [sessions, keyValues, statistics, clearing, errors, persistence, concurrency]) {
      chapter(globals, subject);
    }
    const { supports: names = [], strict = false } = options;
    if (names.length > 0) capabilities(globals, subject, names);
    // What it can do beyond what every adapter must is tried only where that was said above.
    if (strict)
      for (const chapter of HOSTILE) chapter(globals, subject as CapableSubject, (name) => names.includes(name));
  });
}

function capabilities(globals: Runner, subject: Subject, names: readonly Capability[]): void {
  globals.describe('Capabilities', () => {
    globals.it('should have every method that it is said to have', async () => {
      globals.expect(names.filter((name) => !supports(subject.adapter, name))).toEqual([]);
    });
  });
  // The test above tells where it has less than its type says here.
  for (const chapter of FURTHER) chapter(globals, subject as CapableSubject, (name) => names.includes(name));
}

function sessions({ describe, it, expect }: Runner, subject: Subject): void {
  describe('Session Management', () => {
    it('should save a session, and save it again', async () => {
      const session = sampleSession('session-1');
      await subject.adapter.saveSession('session-1', session);
      session.activeAgent = 'reviewer';
      session.messages.pop();
      await subject.adapter.saveSession('session-1', session);
      expect(await subject.adapter.getSession('session-1')).toEqual(session);
    });

    it('should retrieve a copy of a session as it was saved, dates as dates', async () => {
      const session = sampleSession('session-1');
      // Where it is kept is what the call says; the id that it has is data.
      const saving = subject.adapter.saveSession('place-1', session);
      Object.assign(session.messages[1]?.metadata ?? {}, { tokens: 0 });
      session.messages.shift();
      await saving;
      const retrieved = await subject.adapter.getSession('place-1');
      expect(retrieved).toEqual(sampleSession('session-1'));
      // Not instanceof: a copy by structuredClone has the Date of another realm under some runners.
      expect(types.isDate(retrieved?.createdAt)).toBe(true);
      expect(types.isDate(retrieved?.messages[0]?.timestamp)).toBe(true);
      retrieved?.messages.pop();
      expect(await subject.adapter.getSession('place-1')).toEqual(sampleSession('session-1'));
    });

    it('should delete a session, once', async () => {
      await subject.adapter.saveSession('session-1', sampleSession('session-1'));
      await subject.adapter.set('session-1', 'a key of the same name');
      expect(await subject.adapter.deleteSession('Session-1')).toBe(false);
      expect(await subject.adapter.deleteSession('session-1')).toBe(true);
      expect(await subject.adapter.getSession('session-1')).toBeNull();
      expect(await subject.adapter.deleteSession('session-1')).toBe(false);
      expect(await subject.adapter.get('session-1')).toBe('a key of the same name');
    });

    it('should list sessions, the newest update first', async () => {
      for (const [id, created, updated] of [
        ['a', 2, 3],
        ['d', 1, 4],
        ['b', 1, 5],
        ['c', 1, 4],
      ] as const) {
        await subject.adapter.saveSession(id, { ...sampleSession(id), createdAt: at(created), updatedAt: at(updated) });
      }
      expect(await subject.adapter.listSessions()).toEqual(['b', 'd', 'c', 'a']);
      expect(await subject.adapter.listSessions({ orderBy: 'id', order: 'asc' })).toEqual(['a', 'b', 'c', 'd']);
      expect(await subject.adapter.listSessions({ orderBy: 'createdAt' })).toEqual(['a', 'd', 'c', 'b']);
      expect(await subject.adapter.listSessions({ orderBy: 'createdAt', order: 'asc' })).toEqual(['b', 'c', 'd', 'a']);
    });

    it('should list sessions page by page', async () => {
      for (const minute of [1, 2, 3, 4, 5]) {
        await subject.adapter.saveSession(`s${minute}`, { ...sampleSession(`s${minute}`), updatedAt: at(minute) });
      }
      expect(await subject.adapter.listSessions({ limit: 2 })).toEqual(['s5', 's4']);
      expect(await subject.adapter.listSessions({ limit: 2, offset: 2 })).toEqual(['s3', 's2']);
      expect(await subject.adapter.listSessions({ limit: 2, offset: 4 })).toEqual(['s1']);
      expect(await subject.adapter.listSessions({ limit: 0 })).toEqual([]);
    });

    it('should list only the sessions that pass the filters', async () => {
      for (const [id, activeAgent, minute] of [
        ['x/1', 'writer', 1],
        ['x/2', 'critic', 2],
        ['y/1', 'writer', 3],
      ] as const) {
        const session = { ...sampleSession(id), activeAgent, createdAt: at(minute - 5), updatedAt: at(minute) };
        await subject.adapter.saveSession(id, session);
      }
      expect(await subject.adapter.listSessions({ activeAgent: 'writer' })).toEqual(['y/1', 'x/1']);
      expect(await subject.adapter.listSessions({ updatedAfter: at(2) })).toEqual(['y/1', 'x/2']);
      expect(await subject.adapter.listSessions({ updatedBefore: at(2) })).toEqual(['x/1']);
      expect(await subject.adapter.listSessions({ createdAfter: at(-3) })).toEqual(['y/1', 'x/2']);
      expect(await subject.adapter.listSessions({ createdBefore: at(-3) })).toEqual(['x/1']);
      expect(await subject.adapter.listSessions({ idPrefix: 'x/', activeAgent: 'writer' })).toEqual(['x/1']);
      for (const idPrefix of ['X/', '%', '_/', '/'])
        expect(await subject.adapter.listSessions({ idPrefix })).toEqual([]);
    });
  });
}

function keyValues({ describe, it, expect }: Runner, subject: Subject): void {
  describe('Key-Value Storage', () => {
    it('should set a value, and set it again', async () => {
      await subject.adapter.set('key', 'first');
      const value = { second: [1, 2, 3] };
      const setting = subject.adapter.set('key', value);
      value.second.pop();
      await setting;
      const retrieved = await subject.adapter.get<typeof value>('key');
      expect(retrieved).toEqual({ second: [1, 2, 3] });
      retrieved?.second.pop();
      expect(await subject.adapter.get('key')).toEqual({ second: [1, 2, 3] });
    });

    it('should get values of every JSON type', async () => {
      const values = ['text', '', 0, -1.5, true, false, [], {}, [1, ['two', { three: null }]]];
      for (const [index, value] of values.entries()) await subject.adapter.set(`key-${index}`, value);
      for (const [index, value] of values.entries()) expect(await subject.adapter.get(`key-${index}`)).toEqual(value);
    });

    it('should delete a value, once', async () => {
      await subject.adapter.set('key', 1);
      expect(await subject.adapter.delete('key')).toBe(true);
      expect(await subject.adapter.get('key')).toBeNull();
      expect(await subject.adapter.delete('key')).toBe(false);
    });

    it('should tell whether it has a key', async () => {
      await subject.adapter.set('key', null);
      expect(await subject.adapter.has('key')).toBe(true);
      expect(await subject.adapter.has('other')).toBe(false);
      expect(await subject.adapter.has('Key')).toBe(false);
    });

    it('should let a value expire after its ttl, and only then', async () => {
      const start = performance.now();
      await subject.adapter.set('long', 1, 30);
      await subject.adapter.set('short', 1, 0.05);
      await subject.adapter.set('renewed', 1, 0.05);
      await subject.adapter.set('renewed', 2);
      await eventually(async () => !(await subject.adapter.has('short')));
      // By now a store that takes seconds for milliseconds would have lost the long one too.
      await eventually(async () => performance.now() - start > 40);
      expect((await subject.adapter.getStats()).keys).toBe(2);
      expect(await subject.adapter.delete('short')).toBe(false);
      expect(await subject.adapter.get('short')).toBeNull();
      expect(await subject.adapter.get('long')).toBe(1);
      expect(await subject.adapter.get('renewed')).toBe(2);
    });
  });
}

function statistics({ describe, it, expect }: Runner, subject: Subject): void {
  describe('Statistics', () => {
    it('should count sessions and keys', async () => {
      await subject.adapter.saveSession('session-1', sampleSession('session-1'));
      await subject.adapter.set('key-1', 1);
      await subject.adapter.set('key-2', 2);
      const stats = await subject.adapter.getStats();
      expect(stats.sessions).toBe(1);
      expect(stats.keys).toBe(2);
      expect(typeof stats.backend).toBe('string');
      expect(stats.sizeBytes).toBeGreaterThanOrEqual(0);
    });
  });
}

function clearing({ describe, it, expect }: Runner, subject: Subject): void {
  describe('Cleanup', () => {
    it('should clear sessions and keys', async () => {
      await subject.adapter.saveSession('session-1', sampleSession('session-1'));
      await subject.adapter.set('key', 1);
      await subject.adapter.clear();
      expect(await subject.adapter.listSessions()).toEqual([]);
      expect(await subject.adapter.has('key')).toBe(false);
      const { sessions: count, keys } = await subject.adapter.getStats();
      expect({ count, keys }).toEqual({ count: 0, keys: 0 });
    });
  });
}

function errors({ describe, it, expect }: Runner, subject: Subject): void {
  describe('Error Handling', () => {
    it('should answer null or false for what is not there, never an error', async () => {
      expect(await subject.adapter.getSession('missing')).toBeNull();
      expect(await subject.adapter.get('missing')).toBeNull();
      expect(await subject.adapter.deleteSession('missing')).toBe(false);
      expect(await subject.adapter.delete('missing')).toBe(false);
    });

    it('should reject what is no session, and keep what it had', async () => {
      await subject.adapter.saveSession('session-1', sampleSession('session-1'));
      for (const wrong of [null, undefined, 'text', {}]) {
        const failed = await Promise.resolve()
          .then(() => subject.adapter.saveSession('session-1', wrong as never))
          .then(() => false)
          .catch(() => true);
        expect(failed).toBe(true);
      }
      expect(await subject.adapter.getSession('session-1')).toEqual(sampleSession('session-1'));
    });
  });
}

function persistence({ describe, it, expect }: Runner, subject: Subject): void {
  describe('Data Persistence', () => {
    it('should survive a restart, unless it says that it does not', async () => {
      await subject.adapter.saveSession('session-1', sampleSession('session-1'));
      await subject.adapter.set('key', { kept: true });
      const kept = subject.adapter.persistent !== false;
      // A second time it does nothing: whoever is given an adapter initialises it.
      await subject.adapter.initialize();
      expect(await subject.adapter.getSession('session-1')).toEqual(sampleSession('session-1'));
      expect(await subject.adapter.get('key')).toEqual({ kept: true });
      await subject.restart();
      expect(await subject.adapter.getSession('session-1')).toEqual(kept ? sampleSession('session-1') : null);
      expect(await subject.adapter.get('key')).toEqual(kept ? { kept: true } : null);
    });
  });
}

function concurrency({ describe, it, expect }: Runner, subject: Subject): void {
  const ids = Array.from({ length: 20 }, (_, index) => `session-${index}`);

  describe('Concurrent Operations', () => {
    it('should serve many reads at once', async () => {
      await subject.adapter.saveSession('session-1', sampleSession('session-1'));
      const reads = await Promise.all(ids.map(() => subject.adapter.getSession('session-1')));
      for (const session of reads) expect(session).toEqual(sampleSession('session-1'));
    });

    it('should take many writes at once, those of one key in the order of their calls', async () => {
      const saves = ids.map((id) => subject.adapter.saveSession(id, sampleSession(id)));
      const sets = ids.map((_, index) => subject.adapter.set('counter', index));
      // A read sees what was asked for before it, awaited or not.
      const reads = [subject.adapter.get('counter'), subject.adapter.getSession('session-0')];
      const [answers] = await Promise.all([Promise.all(reads), ...saves, ...sets]);
      expect(answers).toEqual([ids.length - 1, sampleSession('session-0')]);
      expect(await subject.adapter.get('counter')).toBe(ids.length - 1);
      for (const id of ids) expect(await subject.adapter.getSession(id)).toEqual(sampleSession(id));
    });
  });
}
