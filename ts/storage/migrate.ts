/** Copies sessions and keys from any store to any other. */
import { SmallTalkError } from '../errors.js';
import { callbackOption, flagOption, METHOD, optionsObject, signalOption, type Known } from '../options.js';
import { checkComplete, isAdapter, type StorageAdapter } from './adapter.js';
import { expiryOf } from './arguments.js';
import { supports } from './capabilities.js';
import { idsOf } from './capability-arguments.js';
import { each, forEach, sessionIds, storedKeys } from './migrate/ids.js';
import { isSame, readKey, readSession, type Read } from './migrate/rooms.js';
import { Saves } from './migrate/saves.js';

/** What is copied, and how. */
export interface MigrateOptions {
  /** Which sessions: all (the default), none, or these. */
  sessions?: boolean | Iterable<string>;
  /** Which keys: all (the default), none, or these. A store without `keys()` cannot tell which it has. */
  keys?: boolean | Iterable<string>;
  /** Seconds that keys are given whose end the source cannot tell, because it has no `getExpiry()`. Default: they stay. */
  ttl?: number;
  /** Hears of the counts after every session and key. What it throws or rejects with ends the migration. */
  onProgress?: (progress: MigrateProgress) => void | Promise<void>;
  /** Ends it; what was copied until then stays, and a second run goes on from there. */
  signal?: AbortSignal;
  /** Reads and compares, and writes nothing. Default false. */
  dryRun?: boolean;
  /** Reads everything in both stores once more at the end and compares. Default true. */
  verify?: boolean;
}

const KNOWN: Known<MigrateOptions> = {
  sessions: true,
  keys: true,
  ttl: true,
  onProgress: METHOD,
  signal: true,
  dryRun: true,
  verify: true,
};

/** What a migration of sessions calls, beside a listing. */
const FOR_SESSIONS = ['initialize', 'saveSession', 'getSession'] as const;

/** Counts so far. */
export interface MigrateProgress {
  /** Sessions copied. */
  sessions: number;
  /** Keys copied. */
  keys: number;
  /** Sessions and keys that were there already, equal. */
  skipped: number;
  /** Sessions and keys that were listed or asked for, and that the source had not: gone meanwhile, or never there. */
  missing: number;
  /** Of the copied sessions and keys, as JSON. */
  bytes: number;
}

/** What a migration did; after a dry run, what it would have done. */
export interface MigrateReport extends MigrateProgress {
  dryRun: boolean;
  /** False: the source cannot list its keys and none were given, so that no key was looked at. */
  keysListed: boolean;
  /** Everything was read back and was equal. False also where that was not asked for. */
  verified: boolean;
  /**
   * What was not, at the end: somebody wrote meanwhile, the target does not keep what it is given, or the source does not
   * give the session that it lists.
   */
  different: { kind: 'session' | 'key'; id: string }[];
}

/**
 * Copies what is not yet there, equal, under the same ids; removes nothing. Both stores may be anybody's. Nobody should
 * write to the source meanwhile. Rejects with the first failure; what was copied until then is skipped by the next run.
 */
export async function migrate(
  from: StorageAdapter,
  to: StorageAdapter,
  options?: MigrateOptions,
): Promise<MigrateReport> {
  const { ttl, ...given } = optionsObject('options', options, KNOWN);
  const dryRun = flagOption('dryRun', given.dryRun, false);
  const verify = flagOption('verify', given.verify, true);
  const signal = signalOption(given.signal);
  const onProgress = callbackOption('onProgress', given.onProgress);
  if (!isAdapter(from) || !isAdapter(to)) throw new TypeError('stores are migrated from an adapter to an adapter');
  if (from === to) throw new SmallTalkError('ERR_OPTION_INVALID', 'a store cannot be migrated to itself');
  expiryOf(ttl);
  const kinds = kindsOf(from, { ...given, ...(ttl === undefined ? {} : { ttl }) });
  // Without keys, the methods for them may be missing. Only where that was said: what has others in their place is no store.
  const needed = given.keys === false ? FOR_SESSIONS : undefined;
  for (const adapter of [from, to]) checkComplete(adapter, needed);
  const report: MigrateReport = {
    sessions: 0,
    keys: 0,
    skipped: 0,
    missing: 0,
    bytes: 0,
    dryRun,
    keysListed: kinds.length > 1,
    verified: false,
    different: [],
  };
  const compareEnds = supports(from, 'getExpiry') && supports(to, 'getExpiry');
  signal?.throwIfAborted();
  await Promise.all([from.initialize(), to.initialize()]);
  const saves = new Saves();
  for (const { count, ids, read } of kinds) {
    await forEach(ids(), signal, async (id) => {
      const item = await read(from, id);
      if (item === null) report.missing += 1;
      else if (isSame(item, await read(to, id), compareEnds)) report.skipped += 1;
      else {
        if (!dryRun) await saves.save(() => item.saveTo(to));
        report[count] += 1;
        report.bytes += item.bytes;
      }
      const { sessions, keys, skipped, missing, bytes } = report;
      await onProgress?.({ sessions, keys, skipped, missing, bytes });
    });
  }
  if (dryRun || !verify) return report;
  for (const { kind, ids, read, isListed } of kinds) {
    await forEach(ids(), signal, async (id) => {
      const item = await read(from, id);
      if (item === null) {
        // A key may have ended. A session that is listed again and is still not there is no other than the one of before.
        if (kind === 'session' && isListed) report.different.push({ kind, id });
        return;
      }
      if (isSame(item, await read(to, id), compareEnds)) return;
      // What has ended since it was read is gone from both.
      if (item.expiresAt > Date.now()) report.different.push({ kind, id });
    });
  }
  return { ...report, verified: report.different.length === 0 };
}

interface Kind {
  kind: 'session' | 'key';
  count: 'sessions' | 'keys';
  /** Begins anew at each call. */
  ids: () => AsyncGenerator<string, void, undefined>;
  /** By the source itself. */
  isListed: boolean;
  read: Read;
}

function kindsOf(from: StorageAdapter, { sessions = true, keys = true, ttl }: MigrateOptions): Kind[] {
  const none = (): AsyncGenerator<string, void, undefined> => each([]);
  const chosen = (given: boolean | Iterable<string>, all: Kind['ids'], what: string): Kind['ids'] => {
    if (typeof given === 'boolean') return given ? all : none;
    const ids = idsOf(given, what);
    return () => each(ids);
  };
  const kinds: Kind[] = [
    {
      kind: 'session',
      count: 'sessions',
      ids: chosen(sessions, () => sessionIds(from), 'sessions'),
      isListed: sessions === true,
      read: readSession,
    },
  ];
  if (!supports(from, 'keys') && keys === true) return kinds;
  const ids = chosen(keys, () => storedKeys(from), 'keys');
  return [...kinds, { kind: 'key', count: 'keys', ids, isListed: keys === true, read: readKey(ttl) }];
}
