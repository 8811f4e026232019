/** The hot half of the bus: what happens between `emit` and the listeners. */
import { EventEmitter } from 'node:events';

import { now } from './clock.js';
import { INLINE_ARGUMENTS, type Ring } from './ring.js';
import type { Target, Targets } from './target.js';
import type { AnyListener } from './types.js';

const LISTENERS = Symbol('listeners');

/** No version that a target could have: every emit of it looks anew. */
const NEVER = -1;

type Handlers = Record<string | symbol, AnyListener | AnyListener[] | undefined>;

/**
 * An EventEmitter that looks up where an event goes once, and again when listeners may have changed.
 *
 * Node keeps listeners in `_events` and reads that property before it changes them, whoever asks. Here it is an accessor
 * that counts the reads, so that no way of adding or removing a listener goes unnoticed.
 */
export abstract class BusCore extends EventEmitter {
  declare [LISTENERS]: Handlers | undefined;
  readonly #ring: Ring;
  readonly #targets: Targets;
  readonly #alwaysRare: boolean;
  #delivered = 0;
  #version = 0;
  #last: Target;
  #logging: boolean;
  /** Called as a method, so that its `this` is the bus and the engine learns who is called. */
  #call: AnyListener = nobody;

  /** @internal */
  constructor(options: { captureRejections: boolean; ring: Ring; targets: Targets; logging: boolean; rare: boolean }) {
    super({ captureRejections: options.captureRejections });
    this.#ring = options.ring;
    this.#targets = options.targets;
    this.#last = options.targets.of('error');
    this.#logging = options.logging;
    this.#alwaysRare = options.rare || options.captureRejections || EventEmitter.captureRejections;
  }

  /** Node's own name for it. While Node's constructor runs there is no version to count yet. */
  get _events(): Handlers | undefined {
    if (#version in this) this.#version += 1;
    return this[LISTENERS];
  }

  set _events(handlers: Handlers | undefined) {
    if (LISTENERS in this) this[LISTENERS] = handlers;
    else Object.defineProperty(this, LISTENERS, { value: handlers, writable: true });
    if (#version in this) this.#version += 1;
  }

  override emit(event: string | symbol, first?: unknown, second?: unknown, third?: unknown): boolean {
    const last = this.#last;
    const target = last.name === event ? last : this.#find(event);
    const count = arguments.length - 1;
    if (count <= INLINE_ARGUMENTS) return this._fire(target, count, first, second, third);
    // Handed on as they are: to make an array of them here would cost every emit an allocation.
    // eslint-disable-next-line prefer-rest-params -- as above
    return Reflect.apply(this._emitMany, this, arguments) as boolean;
  }

  /** @internal */
  _emitMany(event: string | symbol, ...args: unknown[]): boolean {
    return this._fireAll(this.#find(event), args);
  }

  #find(event: string | symbol): Target {
    const target = this.#targets.of(event);
    this.#last = target;
    return target;
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
    if (target.version !== this.#version && !this.#refresh(target)) {
      return this._fireRarely(target, argumentsOf(count, first, second, third), true);
    }
    this.#ring.push(target, count, first, second, third, now());
    if (this.#logging) this._log(target, argumentsOf(count, first, second, third), this.#ring.lastTime);
    if (target.size === 0) return false;
    this.#delivered += target.size;
    if (count === 2) {
      this.#call = target.two;
      this.#call(first, second);
    } else if (count === 1) {
      this.#call = target.one;
      this.#call(first);
    } else {
      this.#callOthers(target, count, first, second, third);
    }
    return true;
  }

  #callOthers(target: Target, count: number, first: unknown, second: unknown, third: unknown): void {
    if (count === 3) {
      this.#call = target.three;
      this.#call(first, second, third);
    } else if (count === 0) {
      this.#call = target.none;
      this.#call();
    } else {
      for (const listener of target.listeners) listener.apply(this, first as unknown[]);
    }
  }

  /** @internal */
  get _ring(): Ring {
    return this.#ring;
  }

  /** @internal Calls of listeners up to now. */
  get _delivered(): number {
    return this.#delivered;
  }

  /** @internal So many listeners are about to be called by other means. */
  _countDelivered(calls: number): void {
    this.#delivered += calls;
  }

  /** @internal Node's own emit. */
  _dispatch(event: string | symbol, args: unknown[]): boolean {
    return super.emit(event, ...args);
  }

  /** @internal Where an event of no scope goes. */
  _targetOf(event: string | symbol): Target {
    return this.#targets.of(event);
  }

  /** @internal From now on nobody logs. */
  _stopLogging(): void {
    this.#logging = false;
  }

  /** @internal What holds for targets has changed. */
  _forgetTargets(): void {
    this.#version += 1;
  }

  /** @internal Whether, at this moment, every event has to take the way that is not in a hurry. */
  protected abstract _rareNow(): boolean;
  /** @internal Records and dispatches an event that asks for more than the hot way can do. */
  protected abstract _fireRarely(target: Target, args: unknown[], logged: boolean): boolean;
  /** @internal Hands an event to the log. */
  protected abstract _log(target: Target, args: unknown[], time: number): void;

  /** Looks up who listens. `false`: the event goes the way that is not in a hurry, and will ask again. */
  #refresh(target: Target): boolean {
    // An error that nobody hears is thrown, and monitored, as Node does it.
    const rare = this.#alwaysRare || !target.recorded || target.name === 'error' || this._rareNow();
    const handlers = rare ? [] : (this[LISTENERS]?.[target.name] ?? []);
    // A copy, as Node makes one for every emit: listeners that come or go meanwhile change nothing under way.
    const listeners = typeof handlers === 'function' ? [handlers] : handlers.slice();
    const ready = !rare && listeners.every(isOrdinary);
    target.listen(ready ? this.#version : NEVER, listeners);
    return ready;
  }
}

function nobody(): void {}

/** A function with a `call` of its own has to be called by other means. */
function isOrdinary(listener: AnyListener): boolean {
  return listener.call === Function.prototype.call;
}

function argumentsOf(count: number, first: unknown, second: unknown, third: unknown): unknown[] {
  if (count > INLINE_ARGUMENTS) return first as unknown[];
  return count === 3 ? [first, second, third] : count === 2 ? [first, second] : count === 1 ? [first] : [];
}
