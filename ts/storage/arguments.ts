/** The arguments that every adapter of ours takes, checked the same way. */
import { SmallTalkError, StorageError } from '../errors.js';
import { numberOption, optionsObject, wordOption, type Known } from '../options.js';
import type { ListOptions } from './adapter.js';

/** List options with every default in place, times in milliseconds since the epoch. */
export interface ListQuery {
  limit: number | undefined;
  offset: number;
  activeAgent: string | undefined;
  createdAfter: number | undefined;
  createdBefore: number | undefined;
  updatedAfter: number | undefined;
  updatedBefore: number | undefined;
  idPrefix: string | undefined;
  orderBy: 'updatedAt' | 'createdAt' | 'id';
  ascending: boolean;
}

const LIST: Known<ListOptions> = {
  limit: true,
  offset: true,
  activeAgent: true,
  createdAfter: true,
  createdBefore: true,
  updatedAfter: true,
  updatedBefore: true,
  idPrefix: true,
  orderBy: true,
  order: true,
};

const COUNT = { min: 0, max: Number.MAX_SAFE_INTEGER, integer: true };

/** Checks list options. Throws a TypeError for wrong types, `ERR_OPTION_INVALID` for wrong values. */
export function listQuery(given?: ListOptions): ListQuery {
  const options = optionsObject('options', given, LIST);
  return {
    // No limit may be written as Infinity too.
    limit:
      options.limit === undefined || options.limit === Infinity
        ? undefined
        : numberOption('limit', options.limit, 0, COUNT),
    offset: numberOption('offset', options.offset, 0, COUNT),
    activeAgent: wellFormed(text('activeAgent', options.activeAgent)),
    createdAfter: moment('createdAfter', options.createdAfter),
    createdBefore: moment('createdBefore', options.createdBefore),
    updatedAfter: moment('updatedAfter', options.updatedAfter),
    updatedBefore: moment('updatedBefore', options.updatedBefore),
    idPrefix: prefixOption('idPrefix', options.idPrefix),
    orderBy: wordOption('orderBy', options.orderBy, 'updatedAt', ['updatedAt', 'createdAt', 'id']),
    ascending: wordOption('order', options.order, 'desc', ['asc', 'desc']) === 'asc',
  };
}

function text(name: string, value: unknown): string | undefined {
  if (value === undefined || typeof value === 'string') return value;
  throw new TypeError(`${name} must be a string`);
}

/** As a database column has it: UTF-8 knows no halves of characters. */
export function wellFormed<T extends string | undefined>(value: T): T {
  return (value === undefined ? value : Buffer.from(value).toString()) as T;
}

/** The beginning of ids or keys. Throws a TypeError for what is no text, `ERR_OPTION_INVALID` for a half of a character. */
export function prefixOption(name: string, value: unknown): string | undefined {
  const prefix = text(name, value);
  if (prefix === undefined || wellFormed(prefix) === prefix) return prefix;
  throw new SmallTalkError('ERR_OPTION_INVALID', `${name} contains a lone surrogate`);
}

function moment(name: string, value: unknown): number | undefined {
  if (value === undefined) return undefined;
  const isDate = Object.prototype.toString.call(value) === '[object Date]';
  if (!isDate && typeof value !== 'number')
    throw new TypeError(`${name} must be a Date or milliseconds since the epoch`);
  const at = Number(value);
  if (Number.isNaN(at)) throw new SmallTalkError('ERR_OPTION_INVALID', `${name} is no valid time`);
  // Infinities are honest bounds; the edges of what a Date can be stand in for them: the last moment is before the later one.
  return Math.ceil(Math.min(Math.max(at, -MAX_TIME), MAX_TIME + 1));
}

/** The last moment that a Date can be. */
const MAX_TIME = 8.64e15;

/** When a key set now with this ttl (seconds) ends, in milliseconds since the epoch. */
export function expiryOf(ttl: number | undefined): number | undefined {
  if (ttl === undefined) return undefined;
  if (typeof ttl !== 'number') throw new TypeError('ttl must be a number of seconds');
  const end = Date.now() + ttl * 1000;
  if (!(ttl > 0) || !(end <= MAX_TIME))
    throw new StorageError('ERR_TTL_INVALID', `a ttl of ${ttl} seconds is not possible`);
  return Math.ceil(end);
}
