/** Waiting for events that nobody has stored yet. */
import { EventLogError } from '../errors.js';
import { crossing } from '../native.js';
import { onAbort } from '../signals.js';
import type { Asked } from './asked.js';

/** The number of the newest event, as soon as there is one above `after`. Rejects with the reason of the signal. */
export async function waitForNewer(
  asked: Asked,
  sessionId: string,
  after: number,
  signal: AbortSignal,
): Promise<number> {
  let ticket = 0;
  const end = (): void => {
    crossing(EventLogError, (binary) => binary.logWaitEnd(asked.handle, ticket));
    // Where the thread that writes is held up, the answer comes when it goes on, or never.
    asked.abandon(ticket, signal.reason);
  };
  onAbort(signal, end);
  try {
    return await asked.run<number>('long', (binary, slot) => {
      ticket = slot;
      binary.logWait(asked.handle, slot, sessionId, Math.max(0, after));
    });
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener('abort', end);
  }
}
