/** One function that calls all listeners of an event with so many arguments, as Node calls them: in order, `this` the bus. */
import { running, wordAt } from '../holders.js';
import type { AnyListener } from './types.js';

/** As a constant of this module it is one to the engine. */
const RUNNING = running;

/** Calls after which a loop over listeners is worth being written out. */
const HOT = 2_000;

/** Beyond this the code would be too long to be compiled well. */
const MOST_WRITTEN_OUT = 32;

/**
 * A caller for several listeners; `word` names them while they run, where somebody watches the loop: see `holders.ts`. It begins as a loop; `written` gets a faster one when it has proved hot, unless
 * the process forbids code from strings, or the listeners are too many.
 */
export function callerOf(
  listeners: readonly AnyListener[],
  count: number,
  word: number,
  written: (caller: AnyListener) => void,
): AnyListener {
  const loop = (word === 0 ? LOOPS : NAMING_LOOPS)[count] as Loop;
  let calls = 0;
  return function call(this: object, ...args: unknown[]): void {
    calls += 1;
    if (calls === HOT && listeners.length <= MOST_WRITTEN_OUT) {
      const caller = writtenOut(listeners, count, word);
      if (caller !== null) written(caller);
    }
    loop(this, listeners, args, word);
  };
}

type Loop = (bus: object, listeners: readonly AnyListener[], args: unknown[], word: number) => void;

/** Calls with just the arguments that were emitted: listeners may look at how many there are. */
const LOOPS: readonly Loop[] = [
  (bus, listeners) => {
    for (const listener of listeners) listener.call(bus);
  },
  (bus, listeners, args) => {
    for (const listener of listeners) listener.call(bus, args[0]);
  },
  (bus, listeners, args) => {
    for (const listener of listeners) listener.call(bus, args[0], args[1]);
  },
  (bus, listeners, args) => {
    for (const listener of listeners) listener.call(bus, args[0], args[1], args[2]);
  },
];

const NAMING_LOOPS: readonly Loop[] = [callAll, callAll, callAll, callAll];

/** Calls all listeners and says which one runs; afterwards, what ran before. */
export function callAll(bus: object, listeners: readonly AnyListener[], args: unknown[], word: number): void {
  const before = RUNNING[0] as number;
  try {
    for (let place = 0; place < listeners.length; place += 1) {
      RUNNING[0] = wordAt(word, place);
      Reflect.apply(listeners[place] as AnyListener, bus, args);
    }
  } finally {
    RUNNING[0] = before;
  }
}

/**
 * The loop as straight code, compiled for these listeners alone: each call has a place of its own, at which the engine
 * learns who is called. The text depends on numbers only, never on anything that users hand in.
 */
function writtenOut(listeners: readonly AnyListener[], count: number, word: number): AnyListener | null {
  const parameters = ['a', 'b', 'c'].slice(0, count);
  const names = listeners.map((_, index) => `l${index}`);
  const naming = (index: number): string => (word === 0 ? '' : `r[0] = ${wordAt(word, index)}; `);
  const calls = names
    .map((name, index) => `${naming(index)}${name}.call(${['this', ...parameters].join()});`)
    .join(' ');
  const body = word === 0 ? calls : `const o = r[0]; try { ${calls} } finally { r[0] = o; }`;
  try {
    // eslint-disable-next-line @typescript-eslint/no-implied-eval -- generated from numbers; see above
    const make: unknown = new Function('r', ...names, `return function (${parameters.join()}) { ${body} };`);
    return (make as (...values: unknown[]) => AnyListener)(RUNNING, ...listeners);
  } catch {
    return null;
  }
}
