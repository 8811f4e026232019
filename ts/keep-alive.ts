/** An operation whose promise is pending keeps the process alive; nothing else of this package does. */
import { setInterval } from './timers.js';

/** The longest delay that a timer takes; this one does nothing when it fires. */
const NEVER_MS = 2 ** 31 - 1;

let pending = 0;
let timer: NodeJS.Timeout | undefined;

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
  if (pending === 0) timer?.unref();
}
