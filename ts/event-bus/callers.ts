/** One function that calls all listeners of an event with so many arguments, as Node calls them: in order, `this` the bus. */
import type { AnyListener } from './types.js';

/** Calls after which a loop over listeners is worth being written out. */
const HOT = 2_000;

/** Beyond this the code would be too long to be compiled well. */
const MOST_WRITTEN_OUT = 32;

/**
 * A caller for several listeners. It begins as a loop; `written` gets a faster one when it has proved hot, unless the
 * process forbids code from strings, or the listeners are too many.
 */
export function callerOf(
  listeners: readonly AnyListener[],
  count: number,
  written: (caller: AnyListener) => void,
): AnyListener {
  const loop = LOOPS[count] as (bus: object, listeners: readonly AnyListener[], args: unknown[]) => void;
  let calls = 0;
  return function call(this: object, ...args: unknown[]): void {
    calls += 1;
    if (calls === HOT && listeners.length <= MOST_WRITTEN_OUT) {
      const caller = writtenOut(listeners, count);
      if (caller !== null) written(caller);
    }
    loop(this, listeners, args);
  };
}

/** Calls with just the arguments that were emitted: listeners may look at how many there are. */
const LOOPS = [
  (bus: object, listeners: readonly AnyListener[]): void => {
    for (const listener of listeners) listener.call(bus);
  },
  (bus: object, listeners: readonly AnyListener[], args: unknown[]): void => {
    for (const listener of listeners) listener.call(bus, args[0]);
  },
  (bus: object, listeners: readonly AnyListener[], args: unknown[]): void => {
    for (const listener of listeners) listener.call(bus, args[0], args[1]);
  },
  (bus: object, listeners: readonly AnyListener[], args: unknown[]): void => {
    for (const listener of listeners) listener.call(bus, args[0], args[1], args[2]);
  },
];

/**
 * The loop as straight code, compiled for these listeners alone: each call has a place of its own, at which the engine
 * learns who is called. The text depends on two numbers only, never on anything that users hand in.
 */
function writtenOut(listeners: readonly AnyListener[], count: number): AnyListener | null {
  const parameters = ['a', 'b', 'c'].slice(0, count);
  const names = listeners.map((_, index) => `l${index}`);
  const calls = names.map((name) => `${name}.call(${['this', ...parameters].join()});`);
  try {
    // eslint-disable-next-line @typescript-eslint/no-implied-eval -- generated from two numbers; see above
    const make: unknown = new Function(...names, `return function (${parameters.join()}) { ${calls.join(' ')} };`);
    return (make as (...listeners: AnyListener[]) => AnyListener)(...listeners);
  } catch {
    return null;
  }
}
