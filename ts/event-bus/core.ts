/** The hot half of the bus: what happens between `emit` and the listeners. */
import { EventEmitter } from 'node:events';

import { running } from '../holders.js';
import { callMany } from './callers.js';
import type { HotState } from './hot-state.js';
import { Origin } from './log-events.js';
import { marksOf } from './marks.js';
import { INLINE_ARGUMENTS } from './ring.js';
import { NOBODY_LISTENS, ONE, ONE_NAMED, type Target } from './target.js';
import type { AnyListener } from './types.js';

const LISTENERS = Symbol('listeners');
const HOT = Symbol('hot');
const CALL = Symbol('call');
/** As a constant of this module it is one to the engine. */
const INLINE = INLINE_ARGUMENTS;
const ALONE = ONE;
const NAMED = ONE_NAMED;
const RUNNING = running;

type Handlers = Record<string | symbol, AnyListener | AnyListener[] | undefined>;

/**
 * An EventEmitter that looks up where an event goes once, and again when listeners may have changed.
 *
 * Node keeps listeners in `_events` and reads that property before it changes them, whoever asks. Here it is an accessor
 * that counts the reads, so that no way of adding or removing a listener goes unnoticed. Nothing of it is a private
 * member: a Proxy of the bus and an object that inherits from it emit as those of an EventEmitter do.
 */
export abstract class BusCore extends EventEmitter {
  declare [LISTENERS]: Handlers | undefined;
  /** While Node's constructor runs there is none yet. */
  declare [HOT]: HotState | undefined;

  /** @internal */
  constructor(captureRejections: boolean, hot: HotState) {
    super({ captureRejections });
    this[HOT] = hot;
    hot.bus = this;
    hot.fireWarmly = this._fireWarmly;
    hot.captures = captureRejections || EventEmitter.captureRejections;
    if (hot.captures) hot.alwaysRare = true;
  }

  /**
   * Called as a method, so that its `this` is the bus and the engine learns who is called. It is no member of the bus: one that
   * is frozen emits as well, and what inherits from the bus has none of its own to hold on to.
   */
  get [CALL](): AnyListener {
    return (this[HOT] as HotState).call;
  }

  /** Node's own name for it. */
  get _events(): Handlers | undefined {
    const hot = this[HOT];
    hot?.noteChange();
    return this[LISTENERS];
  }

  set _events(handlers: Handlers | undefined) {
    if (LISTENERS in this) this[LISTENERS] = handlers;
    else Object.defineProperty(this, LISTENERS, { value: handlers, writable: true });
    const hot = this[HOT];
    if (hot === undefined) return;
    hot.noteChange();
    // What inherits from the bus got listeners of its own, as that of any emitter does: it cannot share what is looked up.
    if (this !== hot.bus && handlers !== (hot.bus as BusCore)[LISTENERS]) {
      Object.defineProperty(this, '_fire', { value: this._fireApart, writable: true, configurable: true });
    }
  }

  override emit(event: string | symbol, first?: unknown, second?: unknown, third?: unknown): boolean {
    const hot = this[HOT] as HotState;
    const { last } = hot;
    const target = last.name === event ? last : hot.find(event);
    const count = arguments.length - 1;
    if (count <= INLINE) return this._fire(target, count, first, second, third);
    // Handed on as they are: to make an array of them here would cost every emit an allocation.
    // eslint-disable-next-line prefer-rest-params -- as above
    return Reflect.apply(this._emitMany, this, arguments) as boolean;
  }

  /** @internal */
  _emitMany(event: string | symbol, ...args: unknown[]): boolean {
    return this._fireAll((this[HOT] as HotState).find(event), args);
  }

  /** @internal Emits with any number of arguments. */
  _fireAll(target: Target, args: unknown[]): boolean {
    if (args.length > INLINE_ARGUMENTS) return this._fire(target, args.length, args, undefined, undefined);
    return this._fire(target, args.length, args[0], args[1], args[2]);
  }

  /**
   * @internal Records an event, then calls its listeners. More arguments than three come as an array in the first.
   * Short enough to be compiled into its callers: what is seldom stands in methods of its own.
   */
  _fire(target: Target, count: number, first: unknown, second: unknown, third: unknown): boolean {
    const hot = this[HOT] as HotState;
    if (!hot.push(target, count, first, second, third)) {
      return hot.fireWarmly.call(this, target, count, first, second, third);
    }
    if (target.manner !== ALONE) {
      if (target.manner === NAMED) return this._callNamed(target, count, first, second, third);
      hot.surplus += target.surplus;
      if (target.surplus === NOBODY_LISTENS) return false;
    }
    if (count === 2) {
      hot.call = target.two;
      this[CALL](first, second);
    } else if (count === 1) {
      hot.call = target.one;
      this[CALL](first);
    } else {
      this._callOthers(target, count, first, second, third);
    }
    return true;
  }

  /** @internal The same where more has to be done, or listeners may have changed. */
  _fireWarmly(target: Target, count: number, first: unknown, second: unknown, third: unknown): boolean {
    const hot = this[HOT] as HotState;
    if (target.version !== hot.version && !this._refresh(target)) {
      return this._fireApart(target, count, first, second, third);
    }
    // Made before the event is recorded: from then on it counts as one of the log's, and a call or a literal may fail, for the
    // stack may be full. The log may be a user's, which can add listeners, emit, or change the list that it gets.
    const origin = hot.logging ? new Origin(target, listFor(count, first, second, third), hot.lastTime) : null;
    const seq = hot.record(target, count, first, second, third);
    if (target.critical) hot.criticals += 1;
    if (origin !== null) {
      origin.seq = seq;
      origin.timestamp = hot.lastTime;
      try {
        (hot.bus as BusCore)._log(origin);
      } catch {
        // The stack is full. The listeners hear of the event if there is room for them.
        hot.unsent[hot.unsent.length] = origin;
        try {
          (hot.bus as BusCore)._refuseUnsent();
        } catch {
          // It is refused with the next answer of the log, or at a flush.
        }
      }
      if (target.version !== hot.version && !this._refresh(target)) {
        return this._dispatchRecorded(target, argumentsOf(count, first, second, third));
      }
    }
    hot.surplus += target.surplus;
    if (target.surplus === NOBODY_LISTENS) return false;
    if (target.manner === NAMED) return this._callNamed(target, count, first, second, third);
    this._call(target, count, first, second, third);
    return true;
  }

  /** @internal The same with nothing that was looked up before. */
  _fireApart(target: Target, count: number, first: unknown, second: unknown, third: unknown): boolean {
    const bus = (this[HOT] as HotState).bus as BusCore;
    return bus._fireRarely(target, argumentsOf(count, first, second, third), true, this);
  }

  /** @internal Calls one listener, and says meanwhile that it runs; several are named by their caller. */
  _callNamed(target: Target, count: number, first: unknown, second: unknown, third: unknown): boolean {
    const before = RUNNING[0] as number;
    RUNNING[0] = target.word;
    try {
      this._call(target, count, first, second, third);
    } finally {
      RUNNING[0] = before;
    }
    return true;
  }

  /** @internal */
  _call(target: Target, count: number, first: unknown, second: unknown, third: unknown): void {
    const hot = this[HOT] as HotState;
    if (count === 2) {
      hot.call = target.two;
      this[CALL](first, second);
    } else if (count === 1) {
      hot.call = target.one;
      this[CALL](first);
    } else {
      this._callOthers(target, count, first, second, third);
    }
  }

  /** @internal */
  _callOthers(target: Target, count: number, first: unknown, second: unknown, third: unknown): void {
    const hot = this[HOT] as HotState;
    if (count === 3) {
      hot.call = target.three;
      this[CALL](first, second, third);
    } else if (count === 0) {
      hot.call = target.none;
      this[CALL]();
    } else {
      callMany(this, target, first as unknown[]);
    }
  }

  /** @internal */
  get _hot(): HotState {
    return this[HOT] as HotState;
  }

  /** @internal Dispatches an event that is recorded already, by Node's own emit. */
  _dispatchRecorded(target: Target, args: unknown[]): boolean {
    this._hot.countDelivered(this.listenerCount(target.name) - 1);
    return this._dispatch(target.name, args);
  }

  /** @internal Node's own emit. */
  _dispatch(event: string | symbol, args: unknown[]): boolean {
    return super.emit(event, ...args);
  }

  /** @internal Whether, at this moment, every event has to take the way that is not in a hurry. */
  abstract _rareNow(): boolean;
  /** @internal Records an event that asks for more than the hot way can do, and dispatches it by `emitter`. */
  abstract _fireRarely(target: Target, args: unknown[], logged: boolean, emitter: BusCore): boolean;
  /** @internal Hands an event to the log. Throws where the stack is full, and then the log has not counted it. */
  abstract _log(origin: Origin): void;
  /** @internal Has the log refuse, later, what could not be handed to it. */
  abstract _refuseUnsent(): void;

  /** @internal Looks up who listens. `false`: the event goes the way that is not in a hurry, and will ask again. */
  _refresh(target: Target): boolean {
    const hot = this[HOT] as HotState;
    // An error that nobody hears is thrown, and monitored, as Node does it.
    const rare = hot.alwaysRare || !target.recorded || target.name === 'error' || (hot.bus as BusCore)._rareNow();
    const handlers = rare ? [] : (this[LISTENERS]?.[target.name] ?? []);
    // A copy, as Node makes one for every emit: listeners that come or go meanwhile change nothing under way.
    const listeners = typeof handlers === 'function' ? [handlers] : handlers.slice();
    if (rare || !listeners.every(isOrdinary)) {
      target.forget(hot);
      return false;
    }
    target.listen(hot.version, listeners, marksOf(handlers), hot);
    if (hot.isPlain(target)) target.hotVersion = hot.version;
    hot.noteListening(target);
    return true;
  }
}

/** A function with a `call` of its own has to be called by other means. */
function isOrdinary(listener: AnyListener): boolean {
  return listener.call === Function.prototype.call;
}

function argumentsOf(count: number, first: unknown, second: unknown, third: unknown): unknown[] {
  if (count > INLINE_ARGUMENTS) return first as unknown[];
  return count === 3
    ? listOf(first, second, third)
    : count === 2
      ? listOf(first, second)
      : count === 1
        ? listOf(first)
        : [];
}

/** A list that nobody else has. */
function listFor(count: number, first: unknown, second: unknown, third: unknown): unknown[] {
  return count > INLINE_ARGUMENTS ? [...(first as unknown[])] : argumentsOf(count, first, second, third);
}

/** No literal: see `Origin`. */
function listOf(...args: unknown[]): unknown[] {
  return args;
}
