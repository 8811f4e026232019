/** Logs in directories of their own, closed after each test. */
import { join } from 'node:path';

import { JsonlEventReplayStorage, type Event, type JsonlEventLogOptions, type ReplayOptions } from '../../ts/index.js';
import { temporaryDirectory } from './temporary.js';

const opened: JsonlEventReplayStorage[] = [];

export function open(options: JsonlEventLogOptions = {}): JsonlEventReplayStorage {
  const log = new JsonlEventReplayStorage({ directory: join(temporaryDirectory(), 'events'), ...options });
  opened.push(log);
  return log;
}

afterEach(async () => {
  await Promise.all(opened.splice(0).map((log) => log.close()));
});

/** All events of a session, of all priorities. */
export async function all(
  log: JsonlEventReplayStorage,
  session: string,
  options: ReplayOptions = {},
): Promise<Event[]> {
  const events: Event[] = [];
  for await (const event of log.replay(session, { priority: 'all', ...options })) events.push(event);
  return events;
}

export async function rejection(work: Promise<unknown>): Promise<Error & { code?: string; path?: string }> {
  return work.then(
    () => {
      throw new Error('it did not reject');
    },
    (error: unknown) => error as Error & { code?: string; path?: string },
  );
}

/** A script that has the compiled package as `JsonlEventReplayStorage`, and a log in `directory`. */
export function scriptWithLog(directory: string, work: string): string {
  return `
    const { JsonlEventReplayStorage } = require(${JSON.stringify(join(__dirname, '../../dist/index.js'))});
    const log = new JsonlEventReplayStorage({ directory: ${JSON.stringify(directory)} });
    ${work}`;
}
