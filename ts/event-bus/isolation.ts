/** Calls listeners so that none of them can stop the others, or the emitter. */
/** Calls every listener; `failed` hears of what they throw or reject with. */
export function callIsolated(
  bus: object,
  listeners: readonly ((...args: unknown[]) => unknown)[],
  args: unknown[],
  failed: (error: unknown) => void,
): void {
  for (const listener of listeners) {
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
