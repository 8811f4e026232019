/** What every event log must do: tests that run against yours. */
import {
  callbackOption,
  flagOption,
  lackingMethods,
  METHOD,
  namesOption,
  optionsObject,
  timeoutOption,
  wordOption,
  type Known,
} from '../options.js';
import type { EventReplayStorage } from '../types.js';
import { appending } from './log-appending.js';
import { closing, erasing, listing, upkeep } from './log-capabilities.js';
import { consuming } from './log-consuming.js';
import { following } from './log-following.js';
import { logPersistence, retention } from './log-keeping.js';
import { subjectOf } from './log-life.js';
import { replaying } from './log-replaying.js';
import { hostileLoad, hostileLogLife, hostileRetention } from './log-strict-load.js';
import { hostileLogIds, hostilePayloads, richValues } from './log-strict-values.js';
import type { BasicLogChapter, CapableLogSubject, LogCapability, LogChapter, LogSubject } from './log-subject.js';
import { patient, runner, type Runner } from './runner.js';

/** Makes a log; called before every test. It may be one of the same place each time: the suite's sessions have ids of their own. */
export type LogFactory = () => EventReplayStorage | Promise<EventReplayStorage>;
/** Cleans up behind every test, after the log was closed, where it has a `close()`. */
export type LogCleanup = () => void | Promise<void>;

/** What the suite has to know of a log. */
export interface LogContractOptions {
  /**
   * Opens the place of the last log again: adds the test of a restart, which a log with `persistent: true` gets without it,
   * by `createLog`.
   */
  reopen?: LogFactory;
  /** The methods that it has beyond those of every log, and that are to be tested: adds their chapters. Default: none. */
  supports?: readonly LogCapability[];
  /** Whether it keeps values that are more than JSON, such as dates and maps (`all`), or need not (`json`, the default). */
  values?: 'json' | 'all';
  /**
   * Whether it keeps to all that is said of logs, as those of this package do: adds the hostile chapters, of values, ids,
   * options, load, order, clean-ups and calls that fail. Default false.
   */
  strict?: boolean;
  /** How long a test may take, in milliseconds. Default 30,000. */
  timeoutMs?: number;
}

const OPTIONS: Known<LogContractOptions> = {
  reopen: METHOD,
  supports: true,
  values: true,
  strict: true,
  timeoutMs: true,
};

/** The methods that have chapters. */
const CAPABILITIES: Record<LogCapability, true> = {
  sessions: true,
  eraseSession: true,
  flush: true,
  getStats: true,
  verify: true,
  tail: true,
  subscribe: true,
  close: true,
};

/** The chapters for everybody. */
const BASIC: readonly BasicLogChapter[] = [appending, replaying, retention, logPersistence];

/** The chapters of what only some logs can do. */
const FURTHER: readonly LogChapter[] = [listing, erasing, upkeep, following, consuming, closing];

/** The chapters for those who take no excuse. */
const HOSTILE: readonly LogChapter[] = [hostileLogIds, hostileLoad, hostileRetention, hostileLogLife];

/**
 * Registers the contract tests of event logs with the test runner: what a bus, a monitor and `openSmallTalk` need of a log.
 * `options.supports` adds those of what only some logs can do, `options.values` those of values that are more than JSON,
 * `options.strict` the hostile ones.
 *
 * Throws a TypeError for an option that there is not, or that is of a wrong type, and `ERR_OPTION_INVALID` for another word.
 *
 * A log whose `persistent` is false must start empty after a restart; with `persistent: true`, or `options.reopen`, it must have
 * what it had.
 */
export function testEventReplayStorageContract(
  logName: string,
  createLog: LogFactory,
  cleanup?: LogCleanup,
  options?: LogContractOptions,
): void {
  // An option that went unheard would leave out the very tests that it was to add, and the rest would pass.
  const given = optionsObject('options', options, OPTIONS);
  const reopen = callbackOption('reopen', given.reopen);
  const known = Object.keys(CAPABILITIES) as LogCapability[];
  const names = namesOption('supports', given.supports, []).map((name) =>
    wordOption('a name in supports', name, 'sessions', known),
  );
  const rich = wordOption('values', given.values, 'json', ['json', 'all']) === 'all';
  const strict = flagOption('strict', given.strict, false);
  const timeoutMs = timeoutOption(given.timeoutMs);
  const globals = patient(runner(), timeoutMs);
  const has = (name: LogCapability): boolean => names.includes(name);
  globals.describe(`EventReplayStorage Contract: ${logName}`, () => {
    const subject = subjectOf(createLog, reopen, timeoutMs);
    globals.beforeEach(subject.open);
    globals.afterEach(async () => {
      // What a log fails to do must not leave the runner its handles.
      try {
        await subject.close();
      } finally {
        await cleanup?.();
      }
    });
    for (const chapter of BASIC) chapter(globals, subject);
    if (names.length > 0) capabilities(globals, subject as LogSubject as CapableLogSubject, names);
    if (rich) richValues(globals, subject);
    if (!strict) return;
    hostilePayloads(rich)(globals, subject);
    for (const chapter of HOSTILE) chapter(globals, subject as LogSubject as CapableLogSubject, has);
  });
}

function capabilities(globals: Runner, subject: CapableLogSubject, names: readonly LogCapability[]): void {
  globals.describe('Capabilities', () => {
    globals.it('should have every method that it is said to have', async () => {
      globals.expect(lackingMethods(subject.log, names)).toEqual([]);
    });
  });
  // The test above tells where it has less than its type says here.
  for (const chapter of FURTHER) chapter(globals, subject, (name) => names.includes(name));
}
