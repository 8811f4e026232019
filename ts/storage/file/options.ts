/** How the file adapter is opened. */
import { resolve } from 'node:path';

import type { EncodeOptions, Unsupported } from '../../codec.js';
import { numberOption, optionsObject, pathOption, timeoutOption, wordOption, type Known } from '../../options.js';
import type { Durability } from '../../types.js';

/** How the file adapter keeps its files. */
export interface FileStorageOptions {
  /** The directory; it is made where it is missing. Default `./data/sessions`. */
  path?: string;
  /** What an acknowledged write survives. Default `power`. */
  durability?: Durability;
  /** How long to wait for another process that writes the same session or key, in milliseconds. Default 5000. */
  busyTimeoutMs?: number;
  /** How long an answer may take, in milliseconds. Default 30000. Verifying and pruning may take longer. */
  timeoutMs?: number;
  /** Bytes of writes that may wait; beyond it they are rejected with `ERR_BACKPRESSURE`. Default 64 MiB. */
  maxQueueBytes?: number;
  /** What happens to functions, class instances and the like. Default `refuse`. */
  unsupported?: Unsupported;
}

/** Their names. */
export const FILE_OPTIONS: Known<FileStorageOptions> = {
  path: true,
  durability: true,
  busyTimeoutMs: true,
  timeoutMs: true,
  maxQueueBytes: true,
  unsupported: true,
};

/** The options, checked, with every default in place. */
export interface CheckedOptions {
  path: string;
  durability: Durability;
  encoding: EncodeOptions;
  busyTimeoutMs: number;
  timeoutMs: number;
  maxQueueBytes: number;
}

/** Checks the options. Throws a TypeError for wrong types, `ERR_OPTION_INVALID` for wrong values. */
export function checkedOptions(options?: FileStorageOptions): CheckedOptions {
  const given = optionsObject('options', options, FILE_OPTIONS);
  return {
    path: resolve(pathOption('path', given.path, './data/sessions')),
    durability: wordOption('durability', given.durability, 'power', ['process', 'power']),
    encoding: { unsupported: wordOption('unsupported', given.unsupported, 'refuse', ['refuse', 'json']) },
    busyTimeoutMs: numberOption('busyTimeoutMs', given.busyTimeoutMs, 5_000, { min: 0, max: 2 ** 31 - 1 }),
    maxQueueBytes: numberOption('maxQueueBytes', given.maxQueueBytes, 64 * 2 ** 20, { min: 1, max: 2 ** 40 }),
    timeoutMs: timeoutOption(given.timeoutMs),
  };
}
