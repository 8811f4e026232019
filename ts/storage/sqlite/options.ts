/** How the SQLite adapter is opened. */
import { resolve } from 'node:path';

import type { EncodeOptions, Unsupported } from '../../codec.js';
import { SmallTalkError } from '../../errors.js';
import { numberOption, optionsObject, pathOption, timeoutOption, wordOption, type Known } from '../../options.js';
import type { Durability } from '../../types.js';

/** How the SQLite adapter opens its file. */
export interface SQLiteStorageOptions {
  /** The file; its directory is made where it is missing. Default `./data/sessions.db`. */
  path?: string;
  /** What an acknowledged write survives. Default `power`. */
  durability?: Durability;
  /** Threads that read. Default 2, and reads of at most 64 KB on the calling thread; `'async'` forbids those. */
  readers?: number | 'async';
  /** How long to wait for another process's write, in milliseconds. Default 5000. */
  busyTimeoutMs?: number;
  /** How long an answer may take, in milliseconds. Default 30000. Copying, verifying and pruning may take longer. */
  timeoutMs?: number;
  /** Bytes of writes that may wait; beyond it they are rejected with `ERR_BACKPRESSURE`. Default 64 MiB. */
  maxQueueBytes?: number;
  /**
   * Bytes of memory, about, for what is known of the sessions used last, so that saving one of them costs what changed.
   * Default 64 MiB; with 0 each save is in full.
   */
  snapshotBytes?: number;
  /** What happens to functions, class instances and the like. Default `refuse`. */
  unsupported?: Unsupported;
}

/** Their names. */
export const SQLITE_OPTIONS: Known<SQLiteStorageOptions> = {
  path: true,
  durability: true,
  readers: true,
  busyTimeoutMs: true,
  timeoutMs: true,
  maxQueueBytes: true,
  snapshotBytes: true,
  unsupported: true,
};

/** The options, checked, with every default in place. */
export interface CheckedOptions {
  path: string;
  power: boolean;
  encoding: EncodeOptions;
  /** Whether small reads may happen on the calling thread. */
  readsHere: boolean;
  snapshotBytes: number;
  timeoutMs: number;
  /** What the binary wants to know. */
  opening: { path: string; readers: number; busyTimeoutMs: number; maxQueueBytes: number; direct: boolean };
}

const READERS = 2;

/** Checks the options. Throws a TypeError for wrong types, `ERR_OPTION_INVALID` for wrong values. */
export function checkedOptions(options?: SQLiteStorageOptions): CheckedOptions {
  const given = optionsObject('options', options, SQLITE_OPTIONS);
  const named = pathOption('path', given.path, './data/sessions.db');
  if (named === ':memory:') {
    throw new SmallTalkError('ERR_OPTION_INVALID', 'for sessions that need not last there is InMemoryStorageAdapter');
  }
  const path = resolve(named);
  const readsHere = given.readers !== 'async';
  const readers = given.readers === 'async' ? READERS : given.readers;
  if (!['number', 'undefined'].includes(typeof readers)) throw new TypeError("readers must be a number or 'async'");
  return {
    path,
    power: wordOption('durability', given.durability, 'power', ['process', 'power']) === 'power',
    encoding: { unsupported: wordOption('unsupported', given.unsupported, 'refuse', ['refuse', 'json']) },
    readsHere,
    snapshotBytes: numberOption('snapshotBytes', given.snapshotBytes, 64 * 2 ** 20, { min: 0, max: 2 ** 40 }),
    timeoutMs: timeoutOption(given.timeoutMs),
    opening: {
      path,
      readers: numberOption('readers', readers, READERS, { min: 1, max: 64, integer: true }),
      busyTimeoutMs: numberOption('busyTimeoutMs', given.busyTimeoutMs, 5_000, { min: 0, max: 2 ** 31 - 1 }),
      maxQueueBytes: numberOption('maxQueueBytes', given.maxQueueBytes, 64 * 2 ** 20, { min: 1, max: 2 ** 40 }),
      direct: readsHere,
    },
  };
}
