/** How the file adapter is opened. */
import type { Unsupported } from '../../codec.js';
import type { Known } from '../../options.js';
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
