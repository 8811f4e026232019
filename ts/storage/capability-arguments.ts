/** The arguments of what only some stores can do, checked the same way in all of ours. */
import { SmallTalkError } from '../errors.js';
import { checkId } from '../ids.js';
import { flagOption, numberOption, optionsObject, signalOption, wordOption, type Known } from '../options.js';
import type { ChatMessage, Durability } from '../types.js';
import { listQuery, prefixOption } from './arguments.js';
import type {
  KeyOptions,
  MessageRange,
  PruneOptions,
  SaveVersionedOptions,
  UpkeepOptions,
  WriteOptions,
} from './capabilities.js';

const COUNT = { min: 0, max: Number.MAX_SAFE_INTEGER, integer: true };

const WRITE: Known<WriteOptions> = { durability: true };
/** Only where versions are compared: elsewhere `ifVersion` would be the promise of a check that nobody makes. */
const VERSIONED_WRITE: Known<SaveVersionedOptions> = { ...WRITE, ifVersion: true };

/** What one write survives: its own word, or the adapter's. */
export function durabilityOf(options: WriteOptions | undefined, fallback: Durability): Durability {
  if (options === undefined) return fallback;
  return wordOption('durability', optionsObject('options', options, WRITE).durability, fallback, ['process', 'power']);
}

/** The bounds of a range; Infinity where there is none, which may be written so too. */
export function rangeOf(range: MessageRange | undefined): Required<MessageRange> {
  const given = optionsObject('range', range, { last: true, before: true, limit: true });
  const bound = (name: keyof MessageRange): number =>
    given[name] === Infinity ? Infinity : numberOption(name, given[name], Infinity, COUNT);
  return { before: bound('before'), last: bound('last'), limit: bound('limit') };
}

/** The indexes, first inclusive and last exclusive, of what a range takes of so many messages. */
export function messageRange(range: MessageRange | undefined): (count: number) => [number, number] {
  const { before, last, limit } = rangeOf(range);
  return (count) => {
    const end = Math.min(before, count);
    const begin = Math.max(0, end - last);
    return [begin, Math.min(end, begin + limit)];
  };
}

/** What a versioned write was asked for. */
export interface VersionedWrite {
  /** The version that it wants to find; null: none. */
  expected: number | null;
  /** What is asked of every write. */
  options: WriteOptions;
}

/** Checks the options of a versioned write, but for those that every write has. */
export function versionedWrite(given: SaveVersionedOptions): VersionedWrite {
  const { ifVersion, ...options } = optionsObject('options', given, VERSIONED_WRITE);
  if (ifVersion === null) return { expected: null, options };
  if (ifVersion === undefined) throw new TypeError('ifVersion must be a number or null');
  return { expected: numberOption('ifVersion', ifVersion, 0, COUNT), options };
}

/** Messages to append. Throws a TypeError for what is no array. */
export function checkMessages(messages: readonly ChatMessage[]): asserts messages is ChatMessage[] {
  if (!Array.isArray(messages)) throw new TypeError('messages must be an array');
}

/** Ids or keys, each checked. Throws a TypeError for what cannot be iterated. */
export function idsOf(ids: Iterable<string>, what: string): string[] {
  const all = [...iterable(ids, what)];
  for (const id of all) checkId(id, what);
  return all;
}

/** Pairs of an id and something, each id checked. Throws a TypeError for what has another shape. */
export function pairsOf<T>(pairs: Iterable<readonly [string, T]>, what: string): (readonly [string, T])[] {
  const all = [...iterable(pairs, `pairs of ${what}`)];
  for (const pair of all) {
    if (!Array.isArray(pair)) throw new TypeError(`each must be a pair of ${what} and what belongs to it`);
    checkId(pair[0], what);
  }
  return all;
}

/** What each pair comes to. What is refused says of which it is: it may be one of thousands. */
export function eachOf<T, R>(
  pairs: readonly (readonly [string, T])[],
  what: 'key' | 'session',
  comeTo: (value: T, id: string) => R,
): R[] {
  return pairs.map(([id, value]) => {
    try {
      return comeTo(value, id);
    } catch (error) {
      throw error instanceof SmallTalkError ? ofPair(error, `${what} ${JSON.stringify(id)}`) : error;
    }
  });
}

function ofPair(error: SmallTalkError, name: string): SmallTalkError {
  const { code, message, path } = error;
  return new SmallTalkError(code, `of ${name}: ${message}`, { ...(path !== undefined && { path }), cause: error });
}

function iterable<T>(given: Iterable<T>, what: string): Iterable<T> {
  const isIterable = typeof (given as Partial<Iterable<T>> | null | undefined)?.[Symbol.iterator] === 'function';
  // A text is iterable too, and its letters are nobody's ids.
  if (isIterable && typeof given !== 'string') return given;
  throw new TypeError(`${what}: something iterable is needed`);
}

/** The beginning that keys must have. */
export function prefixOf(options: KeyOptions | undefined): string {
  return prefixOption('prefix', optionsObject('options', options, { prefix: true }).prefix) ?? '';
}

/** What a prune was asked for. */
export interface PruneQuery {
  /** Milliseconds since the epoch, exclusive. */
  updatedBefore: number;
  dryRun: boolean;
  signal: AbortSignal | undefined;
}

/** Checks the options of a prune: without a bound it would take everything, so there must be one. */
export function pruneQuery(options: PruneOptions): PruneQuery {
  const given = optionsObject('options', options, { updatedBefore: true, dryRun: true, signal: true });
  const { updatedBefore } = given;
  const bound = updatedBefore === undefined ? undefined : listQuery({ updatedBefore }).updatedBefore;
  if (bound === undefined) throw new SmallTalkError('ERR_OPTION_INVALID', 'prune needs updatedBefore');
  return {
    updatedBefore: bound,
    dryRun: flagOption('dryRun', given.dryRun, false),
    signal: signalOption(given.signal),
  };
}

/** What ends something that reads the whole store, where anything does. */
export function upkeepSignal(options: UpkeepOptions | undefined): AbortSignal | undefined {
  return signalOption(optionsObject('options', options, { signal: true }).signal);
}
