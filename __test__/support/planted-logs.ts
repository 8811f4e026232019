/** Bugs that are planted into an event log that has none. */
import { join } from 'node:path';

import {
  JsonlEventReplayStorage,
  type Event,
  type EventReplayStorage,
  type NewEvent,
  type ReplayOptions,
} from '../../ts/index.js';
import { testEventReplayStorageContract, type LogCapability, type LogContractOptions } from '../../ts/testing/index.js';
import { failuresOf } from './mini-runner.js';
import { withBug, type Bug } from './planted.js';
import { MemoryLog } from './plain-log.cjs';
import { temporaryDirectory } from './temporary.js';

/** All that ours can do. */
export const CAPABILITIES: readonly LogCapability[] = [
  ...(['sessions', 'eraseSession', 'flush', 'getStats', 'verify', 'tail', 'subscribe', 'close'] as const),
];

/** The tests of the contract that a log in plain JavaScript with such a bug fails. */
export async function failuresOfPlain(bug: Bug<EventReplayStorage>, only?: string): Promise<string[]> {
  const create = (): EventReplayStorage => withBug(new MemoryLog(), bug);
  return failuresOf(() => testEventReplayStorageContract('planted', create), only);
}

/** The tests of the contract that ours fails with a bug; of all that it can do, and strict where that is said. */
export function failuresOfOurs(others: Pick<LogContractOptions, 'strict' | 'values' | 'timeoutMs'>) {
  return async (bug: Bug<JsonlEventReplayStorage>, only?: string): Promise<string[]> => {
    let directory = '';
    const reopen = (): JsonlEventReplayStorage => withBug(new JsonlEventReplayStorage({ directory }), bug);
    const create = (): JsonlEventReplayStorage => {
      directory = join(temporaryDirectory(), 'events');
      return reopen();
    };
    const options: LogContractOptions = { reopen, supports: CAPABILITIES, ...others };
    return failuresOf(() => testEventReplayStorageContract('planted', create, undefined, options), only);
  };
}

/** Events are changed before they are appended. */
export const giving =
  <L extends EventReplayStorage>(change: (event: NewEvent, sessionId: string) => NewEvent): Bug<L> =>
  (log) =>
    ({ append: async (id: string, event: NewEvent) => log.append(id, change(event, id)) }) as Partial<L>;

/** A replay is asked for something else. */
export const asking =
  <L extends EventReplayStorage>(change: (options: ReplayOptions) => ReplayOptions): Bug<L> =>
  (log) =>
    ({ replay: (id: string, options: ReplayOptions = {}) => log.replay(id, change(options)) }) as Partial<L>;

/** Something else is made of what a replay brings. */
export const bringing =
  <L extends EventReplayStorage>(change: (events: Event[], options: ReplayOptions, id: string) => Event[]): Bug<L> =>
  (log) =>
    ({
      async *replay(id: string, options: ReplayOptions = {}) {
        const events: Event[] = [];
        for await (const event of log.replay(id, options)) events.push(event);
        for (const event of change(events, options, id)) {
          options.signal?.throwIfAborted();
          yield event;
        }
      },
    }) as unknown as Partial<L>;

/** Each call is made with other names of sessions. */
export const naming =
  <L extends EventReplayStorage>(change: (id: string) => string): Bug<L> =>
  (log) =>
    ({
      append: async (id: string, event: NewEvent) => log.append(change(id), event),
      async *replay(id: string, options?: ReplayOptions) {
        for await (const event of log.replay(change(id), options)) yield { ...event, sessionId: id };
      },
    }) as unknown as Partial<L>;

/** A clean-up reports so many of those that it has removed. */
export const reporting = (report: (removed: number) => number): Bug<EventReplayStorage> => {
  const ids = new Set<string>();
  return (log) => ({
    append: async (id, event) => (ids.add(id), log.append(id, event)),
    cleanup: async (retentionMs) => {
      const count = async (): Promise<number> => {
        let events = 0;
        for (const id of ids) for await (const { seq } of log.replay(id, { priority: 'all' })) events += Math.sign(seq);
        return events;
      };
      const before = await count();
      await log.cleanup(retentionMs);
      return { archived: 0, deleted: report(before - (await count())), bytesFreed: 0 };
    },
  });
};

/** The same without some of its members. */
export const without = <T extends object>(object: T, ...names: string[]): T =>
  Object.fromEntries(Object.entries(object).filter(([name]) => !names.includes(name))) as T;

export const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
