/** What is queued lands although nobody closed anything: a last, synchronous chance at exit. */
import { monotonic, soon } from './timers.js';

interface Leaving {
  drain: Drain;
  land: Land | undefined;
  role: Role;
}

/** A sender hands something to others that are drained: it has its turn before them. */
type Role = 'sender' | 'writer';

const ROLES: readonly Role[] = ['sender', 'writer'];

/** Does what is queued, within so many milliseconds; `last`: nothing will be asked for any more. */
type Drain = (limitMs: number, last: boolean) => void;

/** Has done what is queued, and says when that is over, whether or not it was done. */
type Land = (over: () => void) => void;

const LIMIT_MS = 5_000;

/** On the listeners of every copy of this package: to make way for each other they would have no end of it. */
const DRAINS = Symbol.for('smalltalk-native:drains');

const leaving = new Map<number, Leaving>();
const forgotten = new FinalizationRegistry<number>(land);
let next = 0;
/** What is left of the time of all drains. */
let leftMs = LIMIT_MS;
let moving = false;
/** Nobody comes between the two drains: the first one was all. */
let isOver = false;

/** That of an object to be drained at exit. */
export interface ExitWish {
  takeBack(): void;
  /** It is there also when the object is forgotten, until it is taken back. */
  keep(): void;
}

/**
 * Calls `drain` when the process, or this worker thread, exits by itself or by `process.exit()`, and once more behind the
 * listeners of others, which may have asked for something. The object is held weakly, so neither function may refer to it.
 * All drains together have five seconds. When the object is forgotten, `land` is asked to do what is queued, and the exit is
 * drained until that is over.
 */
export function drainAtExit(object: object, drain: Drain, land?: Land, role: Role = 'writer'): ExitWish {
  const ticket = next++;
  // Whoever takes off all listeners of the exit takes off ours as well.
  if (leaving.size === 0 || !process.listeners('exit').includes(drainFirst)) listen();
  leaving.set(ticket, { drain, land, role });
  // Of its own: an object may wish it once more before it takes the first wish back.
  const token = {};
  forgotten.register(object, ticket, token);
  const keep = (): void => void forgotten.unregister(token);
  const takeBack = (): void => {
    keep();
    forget(ticket);
  };
  return { takeBack, keep };
}

function land(ticket: number): void {
  const asked = leaving.get(ticket)?.land;
  // Until that is over the way out is the last chance.
  if (asked === undefined) forget(ticket);
  else asked(() => forget(ticket));
}

function forget(ticket: number): void {
  if (leaving.delete(ticket) && leaving.size === 0) unlisten();
}

/**
 * The first drain comes before the listeners of others, of which one may throw, or end the process; the last one behind them, as
 * they may have asked for something.
 */
function listen(): void {
  unlisten();
  process.prependListener('exit', drainFirst).on('newListener', makeWay);
  // Where there are none, the first drain is the last.
  if (!process.listeners('exit').every((listener) => DRAINS in listener)) process.on('exit', drainLast);
}

function unlisten(): void {
  process.off('newListener', makeWay).off('exit', drainFirst).off('exit', drainLast);
}

/** Both have their places anew when somebody adds a listener, before or behind all others. */
function makeWay(name: string | symbol, listener: object): void {
  if (name !== 'exit' || moving || DRAINS in listener) return;
  soon(() => {
    moving = false;
    if (leaving.size > 0) listen();
  });
  moving = true;
}

const drainFirst = Object.assign(
  () => {
    leftMs = LIMIT_MS;
    const listeners = process.listeners('exit');
    isOver = [-1, listeners.indexOf(drainFirst) + 1].includes(listeners.indexOf(drainLast));
    // Half of the time is for what others ask for in between.
    drainAll(isOver, isOver ? leftMs : leftMs / 2);
  },
  { [DRAINS]: true },
);

const drainLast = Object.assign(
  () => {
    if (!isOver) drainAll(true, leftMs);
  },
  { [DRAINS]: true },
);

/** Each has its share of the time, for it may be held up by somebody else; then those that have used it up share what is left. */
function drainAll(last: boolean, limitMs: number): void {
  const began = monotonic();
  const left = (): number => Math.max(0, began + limitMs - monotonic());
  for (const turn of ROLES) {
    const all = [...leaving.values()].filter(({ role }) => role === turn);
    let behind = all.length;
    const unfinished = all.filter((one) => !isDrained(one, left() / behind--, last));
    behind = unfinished.length;
    for (const one of unfinished) isDrained(one, left() / behind--, last);
  }
  leftMs -= Math.min(leftMs, monotonic() - began);
}

/** Drains one within so many milliseconds; whether it took less. */
function isDrained({ drain }: Leaving, limitMs: number, last: boolean): boolean {
  const began = monotonic();
  try {
    drain(limitMs, last);
  } catch {
    // The process is leaving: the next one in the list still deserves its chance.
  }
  return monotonic() - began < limitMs;
}
