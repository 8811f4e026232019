/** How the log under test is opened and closed. */
import type { EventReplayStorage } from '../types.js';
import { within, type LogSubject, type TestedLog } from './log-subject.js';

type Create = () => EventReplayStorage | Promise<EventReplayStorage>;

/** The log under test, and what the suite itself does with it before and after every test. */
export interface LivingLogSubject extends LogSubject {
  open(): Promise<void>;
  /** Closes the log, where there is one that can be closed and that was not closed here before. */
  close(): Promise<void>;
}

export function subjectOf(create: Create, reopen: Create | undefined, timeoutMs: number): LivingLogSubject {
  // Null before it is made, and once it was closed here: where the next one cannot be made, this one is not closed again.
  let current: TestedLog | null = null;
  const made = async (factory: Create, name: string): Promise<void> => {
    const log = (await factory()) as TestedLog | null | undefined;
    if (typeof log !== 'object' || log === null) throw new TypeError(`${name} gave no log, but ${String(log)}`);
    current = log;
  };
  const subject: LivingLogSubject = {
    get log() {
      if (current === null) throw new Error('there is no log: it could not be opened');
      return current;
    },
    keeps: () => subject.log.persistent ?? (reopen === undefined ? null : true),
    reopens: reopen !== undefined,
    open: () => made(create, 'createLog()'),
    close: async () => {
      const log = current;
      current = null;
      await log?.close?.();
    },
    restart: async () => {
      await subject.close();
      await (reopen === undefined ? made(create, 'createLog()') : made(reopen, 'reopen()'));
    },
    soon: (awaited, promise) => within(timeoutMs / 4, awaited, promise),
  };
  return subject;
}
