/** One function that calls all listeners of an event with so many arguments, as Node calls them: in order, `this` the bus. */
import { running, wordAt } from '../holders.js';
import { MARK, type Marks } from './marks.js';
import type { AnyListener } from './types.js';

/** As a constant of this module it is one to the engine. */
const RUNNING = running;

/** Calls after which a loop over listeners is worth being written out. */
const HOT = 2_000;

/** Beyond this the code would be too long to be compiled well. */
const MOST_WRITTEN_OUT = 32;

/** Several listeners, and what has to be said while they run. */
export interface Several {
  /** A copy that nobody changes. */
  readonly listeners: readonly AnyListener[];
  /** What names them, where somebody watches the loop: see `holders.ts`; else 0. */
  readonly word: number;
  /** Node's own list of them, where it wants to be told that it is in use: see `marks.ts`. */
  readonly marks: Marks | null;
}

/**
 * A caller for several listeners. It begins as a loop; `written` gets a faster one when it has proved hot, unless the process
 * forbids code from strings, or the listeners are too many.
 */
export function callerOf(several: Several, count: number, written: (caller: AnyListener) => void): AnyListener {
  const { listeners, word, marks } = several;
  const plain = (word === 0 ? LOOPS : NAMING_LOOPS)[count] as Loop;
  const loop = marks === null ? plain : marking(plain, marks);
  let calls = 0;
  return function call(this: object, ...args: unknown[]): void {
    calls += 1;
    if (calls === HOT && listeners.length <= MOST_WRITTEN_OUT) {
      const caller = writtenOut(several, count);
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

function marking(loop: Loop, marks: Marks): Loop {
  return (bus, listeners, args, word) => {
    marks[MARK] = (marks[MARK] ?? 0) + 1;
    try {
      loop(bus, listeners, args, word);
    } finally {
      marks[MARK] = (marks[MARK] ?? 0) - 1;
    }
  };
}

/** Calls several listeners with any number of arguments. */
export function callMany(bus: object, { listeners, word, marks }: Several, args: unknown[]): void {
  const loop = word === 0 ? applyAll : callAll;
  (marks === null ? loop : marking(loop, marks))(bus, listeners, args, word);
}

function applyAll(bus: object, listeners: readonly AnyListener[], args: unknown[]): void {
  for (const listener of listeners) listener.apply(bus, args);
}

/**
 * The loop as straight code, compiled for these listeners alone: each call has a place of its own, at which the engine
 * learns who is called. The text depends on numbers only, never on anything that users hand in.
 */
function writtenOut({ listeners, word, marks }: Several, count: number): AnyListener | null {
  const parameters = ['a', 'b', 'c'].slice(0, count);
  const names = listeners.map((_, index) => `l${index}`);
  const naming = (index: number): string => (word === 0 ? '' : `r[0] = ${wordAt(word, index)}; `);
  const calls = names
    .map((name, index) => `${naming(index)}${name}.call(${['this', ...parameters].join()});`)
    .join(' ');
  const begin = (word === 0 ? '' : 'const o = r[0]; ') + (marks === null ? '' : 'm[k] += 1; ');
  const end = (word === 0 ? '' : 'r[0] = o; ') + (marks === null ? '' : 'm[k] -= 1; ');
  const body = begin === '' ? calls : `${begin} try { ${calls} } finally { ${end} }`;
  try {
    // eslint-disable-next-line @typescript-eslint/no-implied-eval -- generated from numbers; see above
    const make: unknown = new Function('r', 'm', 'k', ...names, `return function (${parameters.join()}) { ${body} };`);
    return (make as (...values: unknown[]) => AnyListener)(RUNNING, marks, MARK, ...listeners);
  } catch {
    return null;
  }
}
