/** What every storage adapter must do: 18 tests that run against yours. */
import {
  callbackOption,
  flagOption,
  METHOD,
  namesOption,
  optionsObject,
  timeoutOption,
  type Known,
} from '../options.js';
import type { StorageAdapter } from '../storage/adapter.js';
import { supports, type Capability } from '../storage/capabilities.js';
import { keyValues } from './basic-keys.js';
import { sessions } from './basic-sessions.js';
import { clearing, concurrency, errors, persistence, statistics } from './basic-store.js';
import { patient, runner, type Runner } from './runner.js';
import { keyBatches, sessionBatches } from './storage-batches.js';
import { keyIteration, sessionIteration } from './storage-iteration.js';
import { appending, partialReading } from './storage-messages.js';
import { readings } from './storage-readings.js';
import { keeping } from './storage-restart.js';
import { stoppedBackup, stoppedVerification } from './storage-signals.js';
import { expiry, pruning, verification } from './storage-upkeep.js';
import { versions } from './storage-versions.js';
import { hostileAmounts } from './strict-amounts.js';
import { hostileBatches } from './strict-batches.js';
import { hostileIds } from './strict-ids.js';
import { hostileFaults, hostileLife } from './strict-life.js';
import { hostileOptions } from './strict-options.js';
import { hostileOrder } from './strict-order.js';
import { hostileRaces } from './strict-races.js';
import { hostileValues } from './strict-values.js';
import type { BasicChapter, CapableSubject, Chapter, Subject } from './subject.js';

/** Makes an adapter that is not initialised yet; called before every test. */
export type AdapterFactory = () => StorageAdapter | Promise<StorageAdapter>;
/** Cleans up behind every test, after the adapter was cleared and closed. */
export type AdapterCleanup = () => void | Promise<void>;

/** What the suite has to know of an adapter. */
export interface StorageContractOptions {
  /** Opens the place of the last adapter again, where `createAdapter` makes a fresh place each time. */
  reopen?: AdapterFactory;
  /**
   * What it can do beyond what every adapter must, such as all that it lists in its `capabilities`: adds the chapters of these
   * capabilities. Default: none.
   */
  supports?: readonly (Capability | (string & Record<never, never>))[];
  /**
   * Whether it keeps to all that is said of adapters, as those of this package do: adds the hostile chapters, of values, ids,
   * amounts, options, order, races, batches, opening and closing, and calls that fail. Default false.
   */
  strict?: boolean;
  /** How long a test may take, in milliseconds. Default 30,000: the runner's own 5 s are few for a store behind a network. */
  timeoutMs?: number;
}

const OPTIONS: Known<StorageContractOptions> = { reopen: METHOD, supports: true, strict: true, timeoutMs: true };

/** The chapters for everybody. */
const BASIC: readonly BasicChapter[] = [sessions, keyValues, statistics, clearing, errors, persistence, concurrency];

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
  stoppedVerification,
  stoppedBackup,
  readings,
  keeping,
];

/** The chapters for those who take no excuse. */
const HOSTILE: readonly Chapter[] = [
  hostileValues,
  hostileIds,
  hostileAmounts,
  hostileOptions,
  hostileOrder,
  hostileRaces,
  hostileBatches,
  hostileLife,
  hostileFaults,
];

/**
 * Registers the contract tests of storage adapters with the test runner: sessions 6, key-value 5, statistics 1, clear 1,
 * errors 2, persistence 1, concurrency 2. `options.supports` adds those of what only some adapters can do,
 * `options.strict` the hostile ones.
 *
 * Throws a TypeError for an option that there is not, or that is of a wrong type.
 *
 * An adapter whose `persistent` is false must start empty after a restart; every other one must have what it had.
 */
export function testStorageAdapterContract(
  adapterName: string,
  createAdapter: AdapterFactory,
  cleanup?: AdapterCleanup,
  options?: StorageContractOptions,
): void {
  // An option that went unheard would leave out the very tests that it was to add, and the rest would pass.
  const given = optionsObject('options', options, OPTIONS);
  const reopen = callbackOption('reopen', given.reopen) ?? createAdapter;
  const names = namesOption('supports', given.supports, []);
  const strict = flagOption('strict', given.strict, false);
  const globals = patient(runner(), timeoutOption(given.timeoutMs));
  globals.describe(`StorageAdapter Contract: ${adapterName}`, () => {
    const subject = {} as Subject;
    subject.reopen = async () => {
      await subject.adapter.close();
      subject.adapter = await reopen();
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
    for (const chapter of BASIC) chapter(globals, subject);
    if (names.length > 0) capabilities(globals, subject, names);
    // What it can do beyond what every adapter must is tried only where that was said above.
    if (strict)
      for (const chapter of HOSTILE) chapter(globals, subject as CapableSubject, (name) => names.includes(name));
  });
}

function capabilities(globals: Runner, subject: Subject, names: readonly string[]): void {
  globals.describe('Capabilities', () => {
    globals.it('should have every method that it is said to have', async () => {
      globals.expect(names.filter((name) => !supports(subject.adapter, name as Capability))).toEqual([]);
    });
  });
  // The test above tells where it has less than its type says here.
  for (const chapter of FURTHER) chapter(globals, subject as CapableSubject, (name) => names.includes(name));
}
