/** What there is of a session, and then what comes. */
import type { Event, ReplayOptions } from '../types.js';
import type { TailOptions } from './options.js';

/** What a tail needs of a log. */
export interface Tailed {
  replay(sessionId: string, options: ReplayOptions): AsyncIterable<Event>;
  /** The number of the newest event, as soon as there is one above `after`. Rejects with the reason of the signal. */
  wait(sessionId: string, after: number, signal: AbortSignal | undefined): Promise<number>;
}

/** Each event once, in order; ends only by its signal, or with the log. */
export async function* tail(log: Tailed, sessionId: string, options: TailOptions): AsyncGenerator<Event, never, undefined> {
  const { signal } = options;
  let after = options.afterSeq ?? 0;
  for (;;) {
    signal?.throwIfAborted();
    const newest = await log.wait(sessionId, after, signal);
    for await (const event of log.replay(sessionId, { ...options, afterSeq: after })) {
      yield event;
      after = event.seq;
    }
    // What was there and did not match is not looked at again.
    after = Math.max(after, newest);
  }
}
