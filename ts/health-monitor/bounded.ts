import { HealthError } from '../errors.js';
import { clearImmediate, clearTimeout, monotonic, setImmediate, setTimeout } from '../timers.js';

/** A timer that comes so much too late, in milliseconds, has found the loop frozen. */
const FROZEN_MS = 100;

/**
 * What `work` comes to, or `ERR_TIMEOUT` after `ms`. What it comes to later is nobody's business any more.
 *
 * When a frozen loop runs again, timers come before answers. What the loop was late is nobody's fault and is given once
 * more, but only once: a loop that is always late must not wait for ever. An answer that is there by then is read first.
 */
export async function bounded<T>(work: () => T | PromiseLike<T>, ms: number, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  let turn: NodeJS.Immediate | undefined;
  const late = new Promise<never>((_, reject) => {
    const giveUp = (): void => reject(new HealthError('ERR_TIMEOUT', `${what} took longer than ${ms} ms`));
    // Not unref'd as the timers are: an idle loop would sleep before it.
    const readFirst = (): void => void (turn = setImmediate(giveUp));
    const due = monotonic() + ms;
    timer = setTimeout(() => {
      const lag = monotonic() - due;
      if (lag >= FROZEN_MS) timer = setTimeout(readFirst, Math.min(lag, ms)).unref();
      else readFirst();
    }, ms).unref();
  });
  try {
    return await Promise.race([work(), late]);
  } finally {
    clearTimeout(timer);
    clearImmediate(turn);
  }
}
