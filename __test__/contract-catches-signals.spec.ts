/** Bugs of adapters in what may be stopped by a signal. */
import { join } from 'node:path';

import { InMemoryStorageAdapter, SQLiteStorageAdapter } from '../ts/index.js';
import { failuresInMemory, failuresOnDisk, testThatEachIsCaught, type Planted } from './support/planted.js';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('verify', () => {
  const NOT_BEGUN = 'should not verify once the signal has been given';
  const STOPPED = 'should stop verifying for the reason of the signal, or be done, and verify all the next time';

  const planted: Planted<InMemoryStorageAdapter> = {
    'it does not hear its signal': [(adapter) => ({ verify: () => adapter.verify() }), NOT_BEGUN],
    'it has a reason of its own': [
      (adapter) => ({
        verify: async ({ signal } = {}) => {
          if (signal?.aborted) throw new DOMException('aborted', 'AbortError');
          return adapter.verify();
        },
      }),
      NOT_BEGUN,
    ],
    'it has a reason of its own when it has begun': [
      (adapter) => ({
        verify: async (options) => {
          const report = await adapter.verify(options);
          await turn();
          if (options?.signal?.aborted) throw new Error('stopped');
          return report;
        },
      }),
      STOPPED,
    ],
    'it holds on to its signal': [
      (adapter) => ({
        verify: (options) => {
          options?.signal?.addEventListener('abort', () => undefined, { once: true });
          return adapter.verify(options);
        },
      }),
      STOPPED,
    ],
    'a stopped one leaves half of its report': [
      (adapter) => {
        let counted = 0;
        return {
          verify: async (options) => {
            const report = await adapter.verify(options);
            counted += report.sessions;
            await turn();
            options?.signal?.throwIfAborted();
            const sessions = counted;
            counted = 0;
            return { ...report, sessions };
          },
        };
      },
      STOPPED,
    ],
  };

  testThatEachIsCaught(planted, failuresInMemory({ supports: ['verify'] }));
});

describe('backup', () => {
  const NOT_BEGUN = 'should make no copy once the signal has been given';
  const STOPPED = 'should stop for the reason of the signal and leave nothing behind, or be done';

  const planted: Planted<SQLiteStorageAdapter> = {
    'it does not hear its signal': [(adapter) => ({ backup: (path) => adapter.backup(path) }), NOT_BEGUN],
    'it hears its signal when it is done': [
      (adapter) => ({
        backup: async (path, { signal } = {}) => {
          await adapter.backup(path);
          signal?.throwIfAborted();
        },
      }),
      NOT_BEGUN,
    ],
    'a stopped one leaves what it has copied': [
      (adapter) => ({
        backup: async (path, { signal } = {}) => {
          signal?.throwIfAborted();
          await adapter.backup(path);
          signal?.throwIfAborted();
        },
      }),
      STOPPED,
    ],
    'it holds on to its signal': [
      (adapter) => ({
        backup: (path, options) => {
          options?.signal?.addEventListener('abort', () => undefined, { once: true });
          return adapter.backup(path, options);
        },
      }),
      STOPPED,
    ],
  };

  const make = (directory: string): SQLiteStorageAdapter =>
    new SQLiteStorageAdapter({ path: join(directory, 's.db'), durability: 'process' });
  testThatEachIsCaught(planted, failuresOnDisk(make, { supports: ['backup'] }));
});
