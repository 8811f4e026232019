/** What every chapter of the suite for event logs gets, and how it looks at one. */
import { randomUUID } from 'node:crypto';

import type { TailOptions } from '../event-log/options.js';
import type { Event, EventReplayStorage, NewEvent, ReplayOptions } from '../types.js';
import type { Runner } from './runner.js';
import { collect, failureOf } from './subject.js';

/** A consumer with a name and a position. */
export interface LogConsumer extends AsyncIterable<Event> {
  readonly position: number;
  ack(event: Event): Promise<unknown>;
  close(): Promise<unknown>;
}

/** What a log may offer beyond `EventReplayStorage`, as far as every log that offers it must do the same. */
export interface LogCapabilities {
  /** The ids of all sessions that have events. */
  sessions(): Promise<string[]>;
  /** Removes everything of one session. Whether there was anything. */
  eraseSession(sessionId: string): Promise<boolean>;
  /** Everything appended so far is stored. */
  flush(): Promise<unknown>;
  getStats(): Promise<{ events: number; sessions: number }>;
  verify(sessionId?: string): Promise<{ events: number; damaged: readonly unknown[] }>;
  /** What there is, and then what comes; of all priorities, unless told otherwise. */
  tail(sessionId: string, options?: TailOptions): AsyncIterable<Event>;
  subscribe(sessionId: string, consumer: string, options?: TailOptions): Promise<LogConsumer>;
  close(): Promise<unknown>;
}

export type LogCapability = keyof LogCapabilities;

/** A log, with what the suite looks at where it is there. */
export interface TestedLog extends EventReplayStorage {
  /** Whether what is appended survives the log. */
  readonly persistent?: boolean;
  close?(): Promise<unknown>;
}

/** The log under test: a new one for every test, perhaps of the same place. */
export interface LogSubject {
  log: TestedLog;
  /** What a restart must leave: all (true), or nothing (false). Null: nobody has said whether the log is persistent. */
  keeps(): boolean | null;
  /** Whether somebody has said how the place of the last log is opened again. Otherwise it is made as the first one was. */
  readonly reopens: boolean;
  /** Closes the log where that can be done, and opens another one for the same place. */
  restart(): Promise<void>;
  /** What a promise gives that may wait for events. Throws where it takes a quarter of what a test may, and says what was awaited. */
  soon<T>(awaited: string, promise: Promise<T>): Promise<T>;
}

/** The log under test where it does more than every log must. */
export interface CapableLogSubject extends LogSubject {
  log: TestedLog & LogCapabilities;
}

/** Registers tests of what every log must do. */
export type BasicLogChapter = (runner: Runner, subject: LogSubject) => void;

/** Registers the tests of some capabilities; `has` tells which of them the log is said to have. */
export type LogChapter = (
  runner: Runner,
  subject: CapableLogSubject,
  has: (capability: LogCapability) => boolean,
) => void;

/** The id of a session that no other test has: a log is not emptied between two tests. */
export const sessionId = (): string => `session-${randomUUID()}`;

/** The events of a session; of all priorities, unless it is told otherwise. */
export async function eventsOf(
  log: EventReplayStorage,
  session: string,
  options: ReplayOptions = {},
): Promise<Event[]> {
  return collect(log.replay(session, { priority: 'all', ...options }));
}

/** What tells the events of a session apart in most tests. */
export async function payloadsOf(
  log: EventReplayStorage,
  session: string,
  options: ReplayOptions = {},
): Promise<unknown[]> {
  return (await eventsOf(log, session, options)).map(({ payload }) => payload);
}

/** Appends events, each once the last is stored, and gives them as they are read back. */
export async function appended(
  log: EventReplayStorage,
  session: string,
  events: readonly NewEvent[],
): Promise<Event[]> {
  for (const event of events) await log.append(session, event);
  return eventsOf(log, session);
}

/** So many events of one topic. Their payloads are their places, from 0 on. */
export const numbered = (count: number, others: Omit<NewEvent, 'topic'> = {}): NewEvent[] =>
  Array.from({ length: count }, (_, index) => ({ topic: 'step', payload: index, ...others }));

/** Whether each is greater than the one before it. */
export const isGrowing = (seqs: readonly number[]): boolean =>
  seqs.every((seq, index) => index === 0 || seq > (seqs[index - 1] ?? NaN));

/** Whether a call is refused: by a promise, or, as users' logs may do it, by an exception. */
export async function isRefused(call: () => Promise<unknown>): Promise<boolean> {
  return (await failureOf(Promise.resolve().then(call))) !== null;
}

/** What calls give that are waited for later: until then nobody else shall hear of one that fails. */
export function begun<T>(calls: readonly Promise<T>[]): Promise<T[]> {
  const all = Promise.all(calls);
  all.catch(() => undefined);
  return all;
}

/** What a promise gives. Throws where it does not settle within so long, and says what was awaited. */
export async function within<T>(patienceMs: number, awaited: string, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const error = new Error(`${awaited} did not come about within ${patienceMs / 1000} seconds`);
    timer = setTimeout(reject, patienceMs, error);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
