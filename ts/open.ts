/** One call for the whole thing: a bus that writes to a log, a store for sessions, and a monitor that reports on the bus. */
import { join } from 'node:path';

import { SmallTalkError } from './errors.js';
import { SmallTalkEventBus, type EventBusOptions } from './event-bus.js';
import { BUS_OPTIONS, busOptions } from './event-bus/options.js';
import type { AnyListener, EventMap } from './event-bus/types.js';
import { JsonlEventReplayStorage } from './event-log.js';
import { DEFAULTS as LOG_OPTIONS, logOptions, type JsonlEventLogOptions } from './event-log/options.js';
import { AgentHealthMonitor } from './health-monitor.js';
import { MONITOR_OPTIONS, resolveConfig } from './health-monitor/options.js';
import type { HealthEvents, HealthListener, HealthMonitorConfig } from './health-monitor/types.js';
import { native, nativeAvailable } from './native.js';
import { knownWithout, lackingMethods, optionsObject, pathOption, wordOption, type Known } from './options.js';
import { isAdapter, type StorageAdapter } from './storage/adapter.js';
import { createStorageAdapter, storageConfig, type OnFallback, type StorageConfig } from './storage/create.js';
import { clearTimeout, setTimeout } from './timers.js';
import type { EventReplayStorage } from './types.js';

/** A log, of the caller's own as well. */
export interface OwnEventLog extends EventReplayStorage {
  /** The ids of its sessions. Called once, to hear whether it opens. */
  sessions(): Promise<string[]>;
  /** Removes everything of one session. Whether there was anything. */
  eraseSession(sessionId: string): Promise<boolean>;
  close(): Promise<void>;
}

/** How the parts are opened. What is given as an object of its own class is used as it is, and stays open at the end. */
export interface OpenOptions<L extends OwnEventLog = JsonlEventReplayStorage> {
  /** Sessions are in `<directory>/sessions.db`, with the file adapter in `<directory>/sessions`, events in `<directory>/events`. Default `./data`. */
  directory?: string;
  /** A config, a URL or an adapter. */
  storage?: StorageConfig | StorageAdapter | string;
  /** Options of the log, or a log. */
  log?: JsonlEventLogOptions | L;
  /** Options of the bus. Its log is the one that is opened here. */
  bus?: Omit<EventBusOptions, 'log'>;
  /** Options of the monitor. It reports on the bus, records frozen loops in the log and replays from it. */
  health?: Omit<HealthMonitorConfig, 'bus' | 'log'>;
  /** What to do where the binary is missing: `throw` (the default) or keep sessions in memory, and have no log but one's own that needs none. */
  onFallback?: OnFallback;
}

const KNOWN: Known<OpenOptions> = {
  directory: true,
  storage: true,
  log: true,
  bus: true,
  health: true,
  onFallback: true,
};

/** What the parts are wired with here is no option of theirs. */
const OF_BUS = knownWithout(BUS_OPTIONS, ['log']);
const OF_HEALTH = knownWithout(MONITOR_OPTIONS, ['bus', 'log']);

/** What a monitor reports on a bus. */
export type ReportedEvents = { [K in Exclude<keyof HealthEvents, 'listener:error'>]: HealthListener<K> };

/** What `openSmallTalk` gives. */
export interface SmallTalk<
  T extends EventMap<T>,
  L extends OwnEventLog = JsonlEventReplayStorage,
> extends SmallTalkOrFallback<T, L> {
  readonly log: L;
  readonly health: AgentHealthMonitor;
}

/** What `openSmallTalk` gives with `onFallback: 'memory'`. */
export interface SmallTalkOrFallback<T extends EventMap<T>, L extends OwnEventLog = JsonlEventReplayStorage> {
  /** The monitor reports on it, and so it has the monitor's events as well. */
  readonly bus: SmallTalkEventBus<T & ReportedEvents>;
  readonly storage: StorageAdapter;
  /** null where the binary is missing, and it is needed for it. */
  readonly log: L | null;
  /** null where the binary is missing. */
  readonly health: AgentHealthMonitor | null;
  /**
   * Removes everything of one session, asked for before this call, from storage, log and archive. Whether there was anything. A
   * log of the caller's own erases once it has answered what the bus had sent it of the session.
   */
  eraseSession(sessionId: string): Promise<boolean>;
  /**
   * Stops the monitor, flushes the bus, and closes what was opened here. May be called twice. Rejects, when all of that has been
   * done or tried, with the first that failed: an event that could not be stored and that no `flush()` of the bus has heard of,
   * however long ago it was emitted, and whether or not a listener of `log:error` has; or what keeps the log or the store from
   * closing in order. To tell these apart, flush the bus before. A log of your own that never answers keeps it waiting; the
   * store is closed after 5 s all the same.
   */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Opens everything in one directory, wired. Rejects with what keeps a part from opening, and then leaves nothing open; with what
 * is wrong with the options, before anything is opened or made. Where the binary is missing it rejects with
 * `ERR_NATIVE_UNAVAILABLE`, or, with `onFallback: 'memory'`, gives a bus and a memory adapter, null for the monitor, and for the
 * log as well, but where it is one of your own that needs no binary.
 */
export async function openSmallTalk<T extends EventMap<T> = Record<string, AnyListener>>(
  options?: OpenOptions & { onFallback?: 'throw' },
): Promise<SmallTalk<T>>;
export async function openSmallTalk<T extends EventMap<T> = Record<string, AnyListener>>(
  options?: OpenOptions,
): Promise<SmallTalkOrFallback<T>>;
export async function openSmallTalk<
  T extends EventMap<T> = Record<string, AnyListener>,
  L extends OwnEventLog = OwnEventLog,
>(options: OpenOptions<L> & { log: L; onFallback?: 'throw' }): Promise<SmallTalk<T, L>>;
export async function openSmallTalk<
  T extends EventMap<T> = Record<string, AnyListener>,
  L extends OwnEventLog = OwnEventLog,
>(options?: OpenOptions<L>): Promise<SmallTalkOrFallback<T, L | JsonlEventReplayStorage>>;
// eslint-disable-next-line @typescript-eslint/unified-signatures -- by the last one the compiler tells what a function returns
export async function openSmallTalk<T extends EventMap<T> = Record<string, AnyListener>>(
  options?: OpenOptions & { onFallback?: 'throw' },
): Promise<SmallTalk<T>>;
export async function openSmallTalk<T extends EventMap<T> = Record<string, AnyListener>>(
  options?: OpenOptions<OwnEventLog>,
): Promise<SmallTalkOrFallback<T, OwnEventLog>> {
  const given = optionsObject('options', options, KNOWN);
  const directory = pathOption('directory', given.directory, './data');
  const onFallback = wordOption<OnFallback>('onFallback', given.onFallback, 'throw', ['throw', 'memory']);
  const [forBus, forHealth] = [
    optionsObject('bus', given.bus, OF_BUS),
    optionsObject('health', given.health, OF_HEALTH),
  ];
  const [forLog, forStorage] = [logOrOptions(given.log), storageConfig('storage', given.storage)];
  busOptions(forBus);
  resolveConfig(forHealth);
  if (!isLog(forLog)) logOptions(forLog);
  if (onFallback === 'throw') native();
  const lent = new Set<unknown>([forLog, forStorage, (forStorage as StorageConfig).adapter]);
  let log = nativeAvailable() || isLog(forLog) ? openLog(directory, forLog) : null;
  const storage = await openStorage(directory, forStorage, onFallback);
  try {
    if (log !== null && !(await opens(log, onFallback))) log = null;
    const withLog = log === null ? {} : { log };
    const bus = new SmallTalkEventBus<T & ReportedEvents>({ ...forBus, ...withLog });
    const health = nativeAvailable() ? new AgentHealthMonitor({ ...forHealth, bus, ...withLog }) : null;
    return assemble({ bus, storage, log, health }, lent);
  } catch (error) {
    await Promise.allSettled([closeOwn(log, lent), closeOwn(storage, lent)]);
    throw error;
  }
}

const LOG_METHODS = ['append', 'replay', 'sessions', 'eraseSession', 'close'] as const;

/** A log as it is, what has none of its methods as options. Throws a TypeError for what has some of them. */
function logOrOptions(given: OpenOptions<OwnEventLog>['log']): OwnEventLog | JsonlEventLogOptions {
  const methods = optionsObject<object>('log', given);
  const lacking = lackingMethods(methods, LOG_METHODS);
  // Not by its class: that of another copy of this package is another one.
  if (lacking.length === 0) return given as OwnEventLog;
  if (lacking.length === LOG_METHODS.length) return optionsObject('log', given as JsonlEventLogOptions, LOG_OPTIONS);
  throw new TypeError(`the log lacks ${lacking.join(', ')}`);
}

const isLog = (given: OwnEventLog | JsonlEventLogOptions): given is OwnEventLog =>
  typeof (given as Partial<OwnEventLog>).append === 'function';

function openLog(directory: string, given: OwnEventLog | JsonlEventLogOptions): OwnEventLog {
  if (isLog(given)) return given;
  const { directory: path = join(directory, 'events'), ...others } = given;
  return new JsonlEventReplayStorage({ ...others, directory: path });
}

/** A log opens with its first call; what keeps it from opening shall be heard here, but that it lacks the binary where it may. */
async function opens(log: OwnEventLog, onFallback: OnFallback): Promise<boolean> {
  try {
    await log.sessions();
    return true;
  } catch (error) {
    const { code } = (error ?? {}) as { code?: unknown };
    if (onFallback === 'memory' && code === 'ERR_NATIVE_UNAVAILABLE') return false;
    throw error;
  }
}

async function openStorage(
  directory: string,
  config: StorageConfig | StorageAdapter,
  onFallback: OnFallback,
): Promise<StorageAdapter> {
  if (isAdapter(config)) return createStorageAdapter(config);
  const { path = join(directory, config.adapter === 'file' ? 'sessions' : 'sessions.db') } = config;
  return createStorageAdapter({ ...config, path, onFallback: config.onFallback ?? onFallback });
}

type Opened<T extends EventMap<T>> = SmallTalkOrFallback<T, OwnEventLog>;

type Parts<T extends EventMap<T>> = Pick<Opened<T>, 'bus' | 'storage' | 'log' | 'health'>;

function assemble<T extends EventMap<T>>(parts: Parts<T>, lent: ReadonlySet<unknown>): Opened<T> {
  const { bus, storage, log, health } = parts;
  let closing: Promise<void> | null = null;
  const erasing = new Set<Promise<unknown>>();
  const eraseEvents = async (sessionId: string): Promise<boolean> =>
    log !== null && bus._erase(sessionId, () => log.eraseSession(sessionId));
  // An adapter of somebody else's may throw: the events go all the same.
  const deleteStored = async (sessionId: string): Promise<boolean> => storage.deleteSession(sessionId);
  const closeAll = async (): Promise<void> => {
    // Down the stream: whoever still writes is closed before what it writes to. One failure must not leave the rest open.
    const failures: unknown[] = [];
    const inTurn = async (...steps: (() => Promise<unknown>)[]): Promise<void> => {
      for (const step of steps) await step().catch((error: unknown) => failures.push(error));
    };
    await inTurn(async () => health?.close());
    const events = inTurn(
      () => Promise.allSettled(erasing),
      () => bus.close(),
      () => closeOwn(log, lent),
    );
    // Whoever hears that an event was not stored may store it elsewhere.
    await atMost(PATIENCE_MS, events);
    await inTurn(() => closeOwn(storage, lent));
    await events;
    if (failures.length > 0) throw failures[0];
  };
  // Not at once: whom it calls may ask for it once more.
  const close = (): Promise<void> => (closing ??= Promise.resolve().then(closeAll));
  return {
    ...parts,
    close,
    async eraseSession(sessionId) {
      if (closing !== null) throw new SmallTalkError('ERR_CLOSED', 'it is closed');
      const stored = deleteStored(sessionId);
      const logged = eraseEvents(sessionId);
      erasing.add(logged);
      const over = (): unknown => erasing.delete(logged);
      logged.then(over, over);
      return (await Promise.all([stored, logged])).includes(true);
    },
    [Symbol.asyncDispose]: close,
  };
}

/** So long, in milliseconds, the store stays open for a log that does not answer: one of somebody else's may never do so. */
const PATIENCE_MS = 5_000;

/** Waits for something, so long at the most. */
async function atMost(limitMs: number, something: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, limitMs)));
  await Promise.race([something, late]);
  clearTimeout(timer);
}

/** Closes what was opened here; what the caller handed in stays the caller's. */
async function closeOwn(part: { close(): Promise<void> } | null, lent: ReadonlySet<unknown>): Promise<void> {
  if (part !== null && !lent.has(part)) await part.close();
}
