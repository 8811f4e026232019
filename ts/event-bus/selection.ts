/** Picks from the history what a replay asks for. */
import { isDeepStrictEqual } from 'node:util';

import { METHOD, namesOption, numberOption, optionsObject, wordOption, type Known } from '../options.js';
import type { EventHistory } from './history.js';
import { BELONGINGS } from './scope.js';
import type { BusReplayOptions, HistoryOptions, StoredEvent } from './types.js';

const SELECTION: Known<BusReplayOptions> = {
  filter: METHOD,
  since: true,
  until: true,
  afterSeq: true,
  events: true,
  priority: true,
  metadata: true,
  last: true,
  limit: true,
  listener: true,
};

type Test = (event: StoredEvent) => boolean;

const COUNT = { min: 0, max: Number.MAX_SAFE_INTEGER, integer: true };
const TIME = { min: -Infinity, max: Infinity };

/** The matching events, oldest first: `last` takes the newest of them, then `limit` the oldest of those. */
export function selection(history: Iterable<StoredEvent>, given: BusReplayOptions | undefined): StoredEvent[] {
  const options = optionsObject('options', given, SELECTION);
  const tests = testsOf(options);
  let found: StoredEvent[] = [];
  for (const event of history) if (tests.every((test) => test(event))) found.push(event);
  if (options.last !== undefined) found = found.slice(Math.max(0, found.length - options.last));
  return options.limit === undefined ? found : found.slice(0, options.limit);
}

function testsOf(options: HistoryOptions): Test[] {
  const { events, filter } = options;
  if (filter !== undefined && typeof filter !== 'function') throw new TypeError('filter must be a function');
  const since = numberOption('since', options.since, -Infinity, TIME);
  const until = numberOption('until', options.until, Infinity, TIME);
  const afterSeq = numberOption('afterSeq', options.afterSeq, 0, COUNT);
  numberOption('last', options.last, 0, COUNT);
  numberOption('limit', options.limit, 0, COUNT);
  const tests: Test[] = [({ seq, timestamp }) => seq > afterSeq && timestamp >= since && timestamp <= until];
  if (wordOption('priority', options.priority, 'all', ['critical', 'all']) === 'critical') {
    tests.push(({ priority }) => priority === 'critical');
  }
  if (events !== undefined) tests.push(nameTest(namesOption('events', events, [])));
  if (options.metadata !== undefined) {
    const wanted = labelsOf(optionsObject('metadata', options.metadata));
    tests.push((event) => wanted.every(([key, value]) => isDeepStrictEqual(event.metadata[key], value)));
  }
  // The caller's own test comes last: it sees only what the others let through.
  if (filter !== undefined) tests.push(filter);
  return tests;
}

/** Inherited ones, too, such as the getters of a class: to ask for less than was said would find everything. */
function labelsOf(metadata: Record<string, unknown>): [string, unknown][] {
  const names = new Set<string>();
  for (const name in metadata) names.add(name);
  for (const name of BELONGINGS) if (metadata[name] !== undefined) names.add(name);
  return Array.from(names, (name) => [name, metadata[name]]);
}

function nameTest(events: readonly string[]): Test {
  const patterns = events.map((name) => new RegExp(`^${name.split('*').map(escape).join('.*')}$`, 's'));
  return ({ event }) => patterns.some((pattern) => pattern.test(event));
}

function escape(text: string): string {
  return text.replace(/[$()*+./?[\\\]^{|}-]/g, '\\$&');
}

/** What a replay sends, and whether something that was asked for is no longer in the history. */
export function replaySelection(
  history: EventHistory,
  given: BusReplayOptions,
): { events: StoredEvent[]; gap: boolean } {
  const { limit, ...options } = optionsObject('options', given, SELECTION);
  const most = numberOption('limit', limit, Infinity, COUNT);
  // `limit` must not make `last` look unsatisfied.
  const found = selection(history, options);
  return { events: found.slice(0, most), gap: hasGap(history, options, found.length) };
}

function hasGap(history: EventHistory, { afterSeq, since, last }: HistoryOptions, found: number): boolean {
  const { firstSeq } = history;
  if (firstSeq === 1) return false;
  if (afterSeq !== undefined && afterSeq >= firstSeq - 1) return false;
  if (last !== undefined && found >= last) return false;
  const [oldest] = history;
  return since === undefined || oldest === undefined || since <= oldest.timestamp;
}
