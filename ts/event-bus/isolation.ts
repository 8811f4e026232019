/** Calls listeners so that none of them can stop the others, or the emitter. */
import { errorMonitor, type EventEmitter } from 'node:events';

/** Calls every listener of an event; `failed` hears of what they throw or reject with. Whether there was one. */
export function callIsolated(
  emitter: EventEmitter,
  name: string | symbol,
  args: unknown[],
  failed: (error: unknown) => void,
): boolean {
  const monitors = name === 'error' ? emitter.rawListeners(errorMonitor) : [];
  const listeners = emitter.rawListeners(name);
  for (const listener of [...monitors, ...listeners]) {
    try {
      const result = Reflect.apply(listener as (...given: unknown[]) => unknown, emitter, args);
      if (isThenable(result)) result.then(undefined, failed);
    } catch (error) {
      failed(error);
    }
  }
  return listeners.length > 0;
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';
}
