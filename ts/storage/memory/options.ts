/** How the memory adapter is made. */
import type { EncodeOptions, Unsupported } from '../../codec.js';
import { optionsObject, wordOption, type Known } from '../../options.js';

/** Manners of the memory adapter. */
export interface InMemoryStorageOptions {
  /** What happens to functions, class instances and the like. Default `refuse`. */
  unsupported?: Unsupported;
}

/** Their names. */
export const MEMORY_OPTIONS: Known<InMemoryStorageOptions> = { unsupported: true };

/** Checks the options. Throws a TypeError for wrong types, `ERR_OPTION_INVALID` for wrong values. */
export function memoryEncoding(options?: InMemoryStorageOptions): EncodeOptions {
  const { unsupported } = optionsObject('options', options, MEMORY_OPTIONS);
  return { unsupported: wordOption('unsupported', unsupported, 'refuse', ['refuse', 'json']) };
}
