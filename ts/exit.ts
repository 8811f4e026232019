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
  if (leaving.size === 0) listen();
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

/** The first drain is early: a listener behind it may throw, or end the process. There is a second one when there is such. */
function listen(): void {
  process.on('exit', drainFirst).on('newListener', makeWay);
}

function unlisten(): void {
  process.off('newListener', makeWay).off('exit', drainFirst).off('exit', drainLast);
}

/** The last drain goes behind a listener that is about to be added: whatever that one will ask for is drained, too. */
function makeWay(name: string | symbol, listener: object): void {
  if (name !== 'exit' || moving || DRAINS in listener) return;
  moving = true;
  soon(() => {
    moving = false;
    if (leaving.size > 0) process.off('exit', drainLast).on('exit', drainLast);
  });
}

const drainFirst = Object.assign(
  () => {
    leftMs = LIMIT_MS;
    const listeners = process.listeners('exit');
    isOver = [-1, listeners.indexOf(drainFirst) + 1].includes(listeners.indexOf(drainLast));
    drainAll(isOver);
  },
  { [DRAINS]: true },
);

const drainLast = Object.assign(
  () => {
    if (!isOver) drainAll(true);
  },
  { [DRAINS]: true },
);

function drainAll(last: boolean): void {
  const began = monotonic();
  const left = (): number => Math.max(0, began + leftMs - monotonic());
  for (const turn of ROLES) {
    for (const { drain, role } of leaving.values()) {
      if (role !== turn) continue;
      try {
        drain(left(), last);
      } catch {
        // The process is leaving: the next one in the list still deserves its chance.
      }
    }
  }
  leftMs = left();
}
