/** Picks an adapter by name, by URL or by itself. */
import { fileURLToPath } from 'node:url';

import { SmallTalkError } from '../errors.js';
import { native } from '../native.js';
import { optionsObject, type Known } from '../options.js';
import { shown } from '../shown.js';
import { checkComplete, isAdapter, type StorageAdapter } from './adapter.js';
import { FileStorageAdapter } from './file.js';
import { FILE_OPTIONS } from './file/options.js';
import { InMemoryStorageAdapter } from './memory.js';
import { MEMORY_OPTIONS } from './memory/options.js';
import { SQLITE_OPTIONS } from './sqlite/options.js';
import { SQLiteStorageAdapter, type SQLiteStorageOptions } from './sqlite.js';

/** What to do where the binary is missing. */
export type OnFallback = 'memory' | 'throw';

/** Which adapter, and its options. */
export interface StorageConfig extends SQLiteStorageOptions {
  /** Default `sqlite`. */
  adapter?: 'sqlite' | 'memory' | 'file' | StorageAdapter;
  /** Default `memory`: warn once and keep sessions in memory. `throw` rejects with `ERR_NATIVE_UNAVAILABLE`. */
  onFallback?: OnFallback;
}

/**
 * An adapter, initialised: SQLite unless something else is asked for. Takes a config, an adapter, or a URL
 * (`sqlite:./sessions.db`, `file:./directory`, `memory:`). Only where the binary is missing does it fall back to memory, and says so once;
 * a locked, damaged, newer or full database is an error.
 */
export async function createStorageAdapter(config?: StorageConfig | StorageAdapter | string): Promise<StorageAdapter> {
  const adapter = choose(storageConfig('config', config));
  await adapter.initialize();
  return adapter;
}

/**
 * An adapter as it is, anything else as a config. Throws a TypeError for what is neither, and for an adapter that lacks methods,
 * `ERR_OPTION_INVALID` for a name of none.
 */
export function storageConfig(
  name: string,
  given: StorageConfig | StorageAdapter | string | undefined,
): StorageConfig | StorageAdapter {
  if (typeof given === 'string') return fromUrl(given);
  const config = isAdapter(given, KNOWN) ? given : optionsObject(name, given, KNOWN);
  const adapter = isAdapter(config) ? config : config.adapter;
  if (isAdapter(adapter)) checkComplete(adapter);
  return config;
}

const KNOWN: Known<StorageConfig> = { adapter: true, onFallback: true, ...SQLITE_OPTIONS };

function choose(config: StorageConfig | StorageAdapter): StorageAdapter {
  if (isAdapter(config)) return config;
  const { adapter = 'sqlite', onFallback = 'memory', ...options } = config;
  // Each takes of a config what it has a use for: it may be one for all of them.
  const forMemory = picked(options, MEMORY_OPTIONS);
  if (isAdapter(adapter)) return adapter;
  if (adapter === 'memory') return new InMemoryStorageAdapter(forMemory);
  if (adapter === 'file') return new FileStorageAdapter(picked(options, FILE_OPTIONS));
  if ((adapter as unknown) !== 'sqlite') throw unknown(adapter);
  if ((onFallback as unknown) !== 'memory' && (onFallback as unknown) !== 'throw') {
    throw new SmallTalkError('ERR_OPTION_INVALID', 'onFallback must be one of memory, throw');
  }
  const store = new SQLiteStorageAdapter(options);
  try {
    native();
    return store;
  } catch (error) {
    if (onFallback === 'throw') throw error;
    warnOnce(error as Error);
    return new InMemoryStorageAdapter(forMemory);
  }
}

const picked = <T extends object>(options: object, known: Known<T>): T =>
  Object.fromEntries(Object.entries(options).filter(([name]) => Object.hasOwn(known, name))) as T;

function fromUrl(url: string): StorageConfig {
  const [, scheme = url, rest = ''] = /^([a-z]+):(.*)$/s.exec(url) ?? [];
  if (scheme === 'memory' && rest === '') return { adapter: 'memory' };
  if (scheme === 'sqlite' || scheme === 'file')
    return { adapter: scheme, ...(rest === '' ? {} : { path: pathOf(rest) }) };
  throw unknown(url);
}

/** A path as it stands, or what a URL with an empty host says. With two slashes the first directory would be a host. */
function pathOf(rest: string): string {
  if (!rest.startsWith('//')) return rest;
  const readable = rest.startsWith('///') && !/[?#]/.test(rest);
  try {
    if (readable) return fileURLToPath(`file:${rest}`);
  } catch {
    // As below.
  }
  const message = `"${rest}" is no path: a relative one is written ./directory/name, an absolute one /directory/name`;
  throw new SmallTalkError('ERR_OPTION_INVALID', message);
}

function unknown(what: unknown): SmallTalkError {
  // A password is for nobody who reads errors.
  const name = typeof what === 'string' ? `"${what.replace(/\/\/.*@/s, '//…@')}"` : shown(what);
  const message = `${name} names no storage adapter; there are sqlite:, file: and memory:`;
  return new SmallTalkError('ERR_OPTION_INVALID', message);
}

let warned = false;

function warnOnce(reason: Error): void {
  if (warned) return;
  warned = true;
  process.emitWarning(`SQLite is unavailable, so sessions are kept in memory and will not persist: ${reason.message}`, {
    type: 'SmallTalkWarning',
    code: 'SMALLTALK_MEMORY_FALLBACK',
  });
}
