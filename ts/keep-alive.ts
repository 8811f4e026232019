/** An operation whose promise is pending keeps the process alive; nothing else of this package does. */
import { clearInterval, setInterval, soon, whenTurned } from './timers.js';

/** The longest delay that a timer takes; this one does nothing when it fires. */
const NEVER_MS = 2 ** 31 - 1;

let pending = 0;
let timer: NodeJS.Timeout | undefined;
let turning = false;

/** One more operation is pending. Counted last: whoever ends JavaScript anywhere leaves no count without a timer. */
export function stayAlive(): void {
  if (pending === 0 && timer === undefined) soon(begin);
  pending += 1;
}

/** Where nobody is ended: between its beginning and its name, a timer would be one that nobody can stop. */
function begin(): void {
  if (pending > 0) timer ??= setInterval(() => undefined, NEVER_MS);
}

/** One operation has settled; `counted`: it was pending, and not stopped before. */
export function letExit(counted: boolean): void {
  if (counted) pending -= 1;
  if (pending > 0 || turning) return;
  whenTurned(rest);
  // Not before: whoever is ended in between leaves it to the next one.
  turning = true;
}

/**
 * The timer goes when nothing is pending at the end of a turn of the loop: whoever asks for one thing after another would begin
 * and end one each time. But then it goes, as Node holds on to it, and with it to all that this module can reach.
 */
function rest(): void {
  turning = false;
  if (pending > 0) return;
  clearInterval(timer);
  timer = undefined;
}
