/** Calls listeners so that none of them can stop the others, or the emitter. */
import { running, wordAt } from '../holders.js';

/**
 * Calls every listener; `failed` hears of what they throw or reject with. A `word` other than 0 is what names them to whoever
 * watches the loop.
 */
export function callIsolated(
  bus: object,
  listeners: readonly ((...args: unknown[]) => unknown)[],
  args: unknown[],
  failed: (error: unknown) => void,
  word = 0,
): void {
  for (const [place, listener] of listeners.entries()) {
    if (word !== 0) running[0] = wordAt(word, place);
    try {
      const result = Reflect.apply(listener, bus, args);
      if (isThenable(result)) result.then(undefined, failed);
    } catch (error) {
      failed(error);
    }
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';
}
