/** What is queued lands although nobody closed anything: a last, synchronous chance at exit. */
import { monotonic } from './timers.js';

interface Leaving {
  object: WeakRef<object>;
  drain(limitMs: number): void;
}

const LIMIT_MS = 5_000;

const leaving = new Map<number, Leaving>();
const forgotten = new FinalizationRegistry<number>(forget);
let next = 0;

/**
 * Calls `drain` when the process, or this worker thread, exits by itself or by `process.exit()`; the object is held
 * weakly, so `drain` must not refer to it. All drains together have five seconds. The function that comes back takes the wish back.
 */
export function drainAtExit(object: object, drain: (limitMs: number) => void): () => void {
  const ticket = next++;
  if (leaving.size === 0) process.on('exit', drainAll);
  leaving.set(ticket, { object: new WeakRef(object), drain });
  // Of its own: an object may wish it once more before it takes the first wish back.
  const token = {};
  forgotten.register(object, ticket, token);
  return () => {
    forgotten.unregister(token);
    forget(ticket);
  };
}

function forget(ticket: number): void {
  if (leaving.delete(ticket) && leaving.size === 0) process.removeListener('exit', drainAll);
}

function drainAll(): void {
  const end = monotonic() + LIMIT_MS;
  for (const { drain } of leaving.values()) {
    try {
      drain(Math.max(0, end - monotonic()));
    } catch {
      // The process is leaving: the next one in the list still deserves its chance.
    }
  }
}
