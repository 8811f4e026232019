/** What is queued lands although nobody closed anything: a last, synchronous chance at exit. */
import { monotonic } from './timers.js';

interface Leaving {
  drain(limitMs: number): void;
  land: Land | undefined;
}

/** Has done what is queued, and says when that is over, whether or not it was done. */
type Land = (over: () => void) => void;

const LIMIT_MS = 5_000;

const leaving = new Map<number, Leaving>();
const forgotten = new FinalizationRegistry<number>(land);
let next = 0;

/** That of an object to be drained at exit. */
export interface ExitWish {
  takeBack(): void;
  /** It is there also when the object is forgotten, until it is taken back. */
  keep(): void;
}

/**
 * Calls `drain` when the process, or this worker thread, exits by itself or by `process.exit()`; the object is held
 * weakly, so neither function may refer to it. All drains together have five seconds. When the object is forgotten, `land` is asked to do what is queued, and the exit is drained until that is over.
 */
export function drainAtExit(object: object, drain: (limitMs: number) => void, land?: Land): ExitWish {
  const ticket = next++;
  if (leaving.size === 0) process.on('exit', drainAll);
  leaving.set(ticket, { drain, land });
  // Of its own: an object may wish it once more before it takes the first wish back.
  const token = {};
  forgotten.register(object, ticket, token);
  const keep = (): void => void forgotten.unregister(token);
  const takeBack = (): void => {
    keep();
    forget(ticket);
  };
  return { takeBack, keep };
}

function land(ticket: number): void {
  const asked = leaving.get(ticket)?.land;
  // Until that is over the way out is the last chance.
  if (asked === undefined) forget(ticket);
  else asked(() => forget(ticket));
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
