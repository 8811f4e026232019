/** What there is of a session, and then what comes. */
import { onAbort } from '../signals.js';
import type { Event, ReplayOptions } from '../types.js';

/** What a tail needs of a log. */
export interface Tailed {
  replay(sessionId: string, options: ReplayOptions): AsyncIterable<Event>;
  /** The number of the newest event, as soon as there is one above `after`. Rejects with the reason of the signal. */
  wait(sessionId: string, after: number, signal: AbortSignal): Promise<number>;
}

/** What a tail brings, where it begins, and what ends it. */
export interface Following {
  options: ReplayOptions;
  /** Asked when the first event is. */
  after(): number;
  signals: readonly AbortSignal[];
}

/** Each event once, in order; ends only by its signals, with the log, or when it is left. */
export function tail(log: Tailed, sessionId: string, following: Following): AsyncGenerator<Event, void, undefined> {
  const ended = new AbortController();
  const end: Ending = { ended, left: false };
  const events = follow(log, sessionId, following, end);
  const leave = events.return.bind(events);
  // A generator hears of it when it has what it waits for, and that may never come.
  events.return = (value) => {
    end.left = true;
    ended.abort();
    return leave(value);
  };
  // So do streams leave that are destroyed with an error: to `Readable.from` a client that goes away is one.
  events.throw = async (error) => {
    await events.return();
    throw error;
  };
  return events;
}

interface Ending {
  ended: AbortController;
  /** Whoever iterates wants nothing any more, and no error either. */
  left: boolean;
}

async function* follow(
  log: Tailed,
  sessionId: string,
  { options, after: begin, signals }: Following,
  end: Ending,
): AsyncGenerator<Event, void, undefined> {
  const { signal } = end.ended;
  const abort = (): void => end.ended.abort(signals.find(({ aborted }) => aborted)?.reason);
  for (const one of signals) onAbort(one, abort);
  try {
    if (signals.some(({ aborted }) => aborted)) abort();
    let after = begin();
    for (;;) {
      signal.throwIfAborted();
      const newest = await log.wait(sessionId, after, signal);
      for await (const event of log.replay(sessionId, { ...options, afterSeq: after, signal })) {
        yield event;
        after = event.seq;
      }
      // What was there and did not match is not looked at again.
      after = Math.max(after, newest);
    }
  } catch (error) {
    if (!end.left) throw error;
  } finally {
    for (const one of signals) one.removeEventListener('abort', abort);
  }
}
