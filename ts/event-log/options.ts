/** What the event log can be told, and what a replay can be asked for. */
import type { Unsupported } from '../codec.js';
import { SmallTalkError } from '../errors.js';
import {
  flagOption,
  numberOption,
  optionsObject,
  pathOption,
  signalOption,
  timeoutOption,
  wordOption,
  type Known,
} from '../options.js';
import type { Durability, ReplayOptions } from '../types.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** The longest time a duration may have: a thousand years. */
const LONGEST_MS = 366_000 * DAY_MS;

/**
 * How a log opens its directory. Several logs of one process on one directory share its files: nothing goes that one of them
 * wants kept, as long as that one is open. `docs/event-log.md` says what becomes of each option.
 */
export interface JsonlEventLogOptions {
  /** Where the files live; made, for the owner only, where it is missing. Default `./events`. */
  directory?: string;
  /** What an acknowledged event survives, unless the append says otherwise. Default `process`. */
  durability?: Durability;
  /** The longest time for which an event, or a position, of durability `process` waits for its sync, in milliseconds. Default 100. */
  fsyncIntervalMs?: number;
  /**
   * How long events stay replayable at the least, in milliseconds, counted from their own timestamps: what is appended with
   * an old one goes with the next cleanups. Default 24 hours.
   */
  retentionMs?: number;
  /**
   * How long the archive keeps them, in milliseconds, counted from their own timestamps as well. Default 30 days, or
   * `retentionMs` where that is longer.
   */
  maxRetentionMs?: number;
  /**
   * How often the log cleans up by itself, in milliseconds, for the first time a minute after the opening at the latest; 0:
   * never. Default 1 hour.
   */
  cleanupIntervalMs?: number;
  /** A file that exceeds this is closed, and a new one begun, in bytes. Default 64 MiB. */
  maxFileBytes?: number;
  /** Events that may wait to be written, in bytes; beyond it `append` rejects with `ERR_BACKPRESSURE`. Default 64 MiB. */
  maxQueueBytes?: number;
  /**
   * How long an answer may take, in milliseconds, for who asked through this object: then what has not been begun is
   * withdrawn with `ERR_TIMEOUT`, and what has is `ERR_INDETERMINATE`. Default 30000. Verifying, cleaning up and waiting for
   * events may take longer.
   */
  timeoutMs?: number;
  /** What happens to functions, class instances and the like. Default `refuse`. */
  unsupported?: Unsupported;
  /**
   * Only reads, whoever writes: another process, this one, or nobody. What would write is refused with `ERR_LOCKED`.
   * Default false.
   */
  readOnly?: boolean;
}

/** The settings of a log that is told nothing. */
export const DEFAULTS: Readonly<Required<JsonlEventLogOptions>> = Object.freeze({
  directory: './events',
  durability: 'process',
  fsyncIntervalMs: 100,
  retentionMs: DAY_MS,
  maxRetentionMs: 30 * DAY_MS,
  cleanupIntervalMs: HOUR_MS,
  maxFileBytes: 64 * 2 ** 20,
  maxQueueBytes: 64 * 2 ** 20,
  timeoutMs: 30_000,
  unsupported: 'refuse',
  readOnly: false,
});

const BYTES = { min: 1, max: 2 ** 40, integer: true };

/** Checks the options: TypeError for a wrong type, `ERR_OPTION_INVALID` for what makes no sense. */
export function logOptions(options?: JsonlEventLogOptions): Required<JsonlEventLogOptions> {
  const given = optionsObject('options', options, DEFAULTS);
  const number = (name: 'fsyncIntervalMs' | 'retentionMs' | 'cleanupIntervalMs', min: number): number =>
    numberOption(name, given[name], DEFAULTS[name], { min, max: LONGEST_MS });
  const retentionMs = number('retentionMs', 1);
  const archived = Math.max(DEFAULTS.maxRetentionMs, retentionMs);
  return {
    directory: pathOption('directory', given.directory, DEFAULTS.directory),
    durability: durabilityOption(given.durability, DEFAULTS.durability),
    fsyncIntervalMs: number('fsyncIntervalMs', 1),
    retentionMs,
    maxRetentionMs: numberOption('maxRetentionMs', given.maxRetentionMs, archived, {
      min: retentionMs,
      max: LONGEST_MS,
    }),
    cleanupIntervalMs: number('cleanupIntervalMs', 0),
    maxFileBytes: numberOption('maxFileBytes', given.maxFileBytes, DEFAULTS.maxFileBytes, BYTES),
    maxQueueBytes: numberOption('maxQueueBytes', given.maxQueueBytes, DEFAULTS.maxQueueBytes, BYTES),
    timeoutMs: timeoutOption(given.timeoutMs),
    unsupported: wordOption('unsupported', given.unsupported, DEFAULTS.unsupported, ['refuse', 'json']),
    readOnly: flagOption('readOnly', given.readOnly, DEFAULTS.readOnly),
  };
}

/** Checks a durability. */
export function durabilityOption(given: unknown, fallback: Durability): Durability {
  return wordOption('durability', given, fallback, ['process', 'power']);
}

/** Checks the options of an append: whether it asks for power; null: what the log does anyway. */
export function powerOption(options: { durability?: Durability }): boolean | null {
  const { durability } = optionsObject('options', options, { durability: true });
  return durability === undefined ? null : durabilityOption(durability, 'process') === 'power';
}

/** Checks a retention given to `cleanup`; undefined: that of the open logs. */
export function retentionArgument(given: unknown): number | undefined {
  return given === undefined ? undefined : numberOption('retentionMs', given, 0, { min: 0, max: LONGEST_MS });
}

/** What the binary is asked for. */
export interface ReplayQuery {
  since?: number;
  until?: number;
  afterSeq?: number;
  criticalOnly: boolean;
  topics?: string[];
  last?: number;
  limit?: number;
  archived: boolean;
}

/** What a tail or a consumer brings. */
export interface TailOptions {
  /** Exclusive. Default: from the first event on. A consumer goes on where it was, whatever is said here. */
  afterSeq?: number;
  /** Default `all`. */
  priority?: 'critical' | 'all';
  topics?: string[];
  signal?: AbortSignal;
}

const TAIL: Known<TailOptions> = { afterSeq: true, priority: true, topics: true, signal: true };

/** Those of a consumer, which goes on where it was, whatever `afterSeq` says. */
export const SUBSCRIPTION: Known<TailOptions & { durability?: Durability }> = { durability: true, ...TAIL };

/** Checks the options of a tail. */
export function tailOptions(options: TailOptions | undefined): TailOptions {
  const { afterSeq, priority, topics, signal } = optionsObject('options', options, TAIL);
  const checked: TailOptions = { priority: wordOption('priority', priority, 'all', ['critical', 'all']) };
  const range = { min: -Infinity, max: Infinity };
  if (afterSeq !== undefined) checked.afterSeq = numberOption('afterSeq', afterSeq, 0, range);
  if (topics !== undefined) {
    topicsOption(topics);
    // What becomes of theirs later changes nothing.
    checked.topics = [...topics];
  }
  const checkedSignal = signalOption(signal);
  if (checkedSignal !== undefined) checked.signal = checkedSignal;
  return checked;
}

export const REPLAY: Known<ReplayOptions> = {
  since: true,
  until: true,
  afterSeq: true,
  priority: true,
  topics: true,
  last: true,
  limit: true,
  archived: true,
  signal: true,
};

/** Checks the options of a replay. */
export function replayQuery(options: ReplayOptions): ReplayQuery {
  const query: ReplayQuery = {
    criticalOnly: wordOption('priority', options.priority, 'critical', ['critical', 'all']) === 'critical',
    archived: flagOption('archived', options.archived, false),
  };
  for (const name of ['since', 'until', 'afterSeq', 'last', 'limit'] as const) {
    const counts = name === 'last' || name === 'limit';
    const range = { min: counts ? 0 : -Infinity, max: counts ? Number.MAX_SAFE_INTEGER : Infinity, integer: counts };
    if (options[name] !== undefined) query[name] = numberOption(name, options[name], 0, range);
  }
  if (options.topics !== undefined) query.topics = topicsOption(options.topics);
  return query;
}

function topicsOption(topics: unknown): string[] {
  if (!Array.isArray(topics) || topics.some((topic) => typeof topic !== 'string')) {
    throw new TypeError('topics must be an array of strings');
  }
  return (topics as string[]).map(topicKey);
}

/** What the index knows a topic by: half a surrogate pair is no text to the binary, so such a topic goes by its JSON. */
function topicKey(topic: string): string {
  return /\p{Surrogate}/u.test(topic) ? JSON.stringify(topic) : topic;
}

/** Checks a moment: a finite number of milliseconds since the epoch. */
export function timestampOption(given: unknown): number {
  if (given === undefined) return Date.now();
  if (typeof given !== 'number') throw new TypeError('timestamp must be a number');
  if (Number.isFinite(given)) return given + 0;
  throw new SmallTalkError('ERR_OPTION_INVALID', 'timestamp must be a finite number of milliseconds since the epoch');
}
