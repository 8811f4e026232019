/** An operation whose promise is pending keeps the process alive; nothing else of this package does. */
import { clearInterval, setImmediate, setInterval } from './timers.js';

/** The longest delay that a timer takes; this one does nothing when it fires. */
const NEVER_MS = 2 ** 31 - 1;

let pending = 0;
let timer: NodeJS.Timeout | undefined;
let turning = false;

/** One more operation is pending. */
export function stayAlive(): void {
  pending += 1;
  if (pending > 1) return;
  timer ??= setInterval(() => undefined, NEVER_MS);
  timer.ref();
}

/** One operation has settled. */
export function letExit(): void {
  pending -= 1;
  if (pending > 0) return;
  timer?.unref();
  if (turning) return;
  turning = true;
  setImmediate(rest).unref();
}

/**
 * Node holds on to a timer, and with it to all that this module can reach. It goes when nothing is pending at the end of a turn
 * of the loop, not before: whoever asks for one thing after another would begin and end a timer each time.
 */
function rest(): void {
  turning = false;
  if (pending > 0) return;
  clearInterval(timer);
  timer = undefined;
}
