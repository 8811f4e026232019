/** The hot half of the bus: what happens between `emit` and the listeners. */
import { EventEmitter } from 'node:events';

import { now } from './clock.js';
import { INLINE_ARGUMENTS, type Ring } from './ring.js';
import { Mode, Targets, type Target } from './target.js';
import type { AnyListener } from './types.js';

const LISTENERS = Symbol('listeners');
const VERSION = Symbol('version');

type Handlers = Record<string | symbol, AnyListener | AnyListener[] | undefined>;

/**
 * An EventEmitter that looks up where an event goes once, and again when listeners may have changed.
 *
 * Node keeps listeners in `_events` and reads that property before it changes them, whoever asks. Here it is an accessor
 * that counts the reads, so that no way of adding or removing a listener goes unnoticed.
 */
export abstract class BusCore extends EventEmitter {
  declare [LISTENERS]: Handlers;
  [VERSION] = 0;
  /** @internal */
  delivered = 0;
  /** @internal */
  readonly ring: Ring;
  readonly #targets: Targets;
  readonly #alwaysRare: boolean;
  #last: Target;
  #logging: boolean;

  /** @internal */
  constructor(options: { captureRejections: boolean; ring: Ring; targets: Targets; logging: boolean; rare: boolean }) {
    super({ captureRejections: options.captureRejections });
    this.ring = options.ring;
    this.#targets = options.targets;
    this.#last = options.targets.of('error');
    this.#logging = options.logging;
    this.#alwaysRare = options.rare || options.captureRejections || EventEmitter.captureRejections;
  }

  /** Node's own name for it. */
  get _events(): Handlers {
    const handlers = this[LISTENERS];
    // On the prototype, where Node looks as well, there are none.
    if (handlers !== undefined) this[VERSION] += 1;
    return handlers;
  }

  set _events(handlers: Handlers) {
    this[LISTENERS] = handlers;
    this[VERSION] += 1;
  }

  override emit(event: string | symbol, first?: unknown, second?: unknown, third?: unknown): boolean {
    const last = this.#last;
    const target = last.name === event ? last : this.#find(event);
    if (arguments.length - 1 <= INLINE_ARGUMENTS) return this.fire(target, arguments.length - 1, first, second, third);
    // eslint-disable-next-line prefer-rest-params -- a rest parameter would make an array for every emit
    return this.fireAll(target, Array.prototype.slice.call(arguments, 1));
  }

  #find(event: string | symbol): Target {
    const target = this.#targets.of(event);
    this.#last = target;
    return target;
  }

  /** @internal Emits with any number of arguments. */
  fireAll(target: Target, args: unknown[]): boolean {
    if (args.length > INLINE_ARGUMENTS) return this.fire(target, args.length, args, undefined, undefined);
    return this.fire(target, args.length, args[0], args[1], args[2]);
  }

  /** @internal Records an event, then calls its listeners. More arguments than three come as an array in the first. */
  fire(target: Target, count: number, first: unknown, second: unknown, third: unknown): boolean {
    if (target.version !== this[VERSION]) this.#refresh(target);
    if (target.mode === Mode.Rare) return this.fireRarely(target, argumentsOf(count, first, second, third), true);
    const time = this.ring.push(target, count, first, second, third, now());
    if (this.#logging) this.log(target, argumentsOf(count, first, second, third), time);
    if (target.mode === Mode.Nobody) return false;
    if (target.mode === Mode.One) {
      this.delivered += 1;
      callOne(this, target.one as AnyListener, count, first, second, third);
    } else {
      const listeners = target.many as readonly AnyListener[];
      this.delivered += listeners.length;
      callMany(this, listeners, count, first, second, third);
    }
    return true;
  }

  /** @internal Node's own emit. */
  dispatch(event: string | symbol, args: unknown[]): boolean {
    return super.emit(event, ...args);
  }

  /** @internal Where an event of no scope goes. */
  targetOf(event: string | symbol): Target {
    return this.#targets.of(event);
  }

  /** @internal From now on nobody logs. */
  stopLogging(): void {
    this.#logging = false;
  }

  /** @internal What holds for targets has changed. */
  forgetTargets(): void {
    this[VERSION] += 1;
  }

  /** @internal Whether, at this moment, every event has to take the way that is not in a hurry. */
  protected abstract rareNow(): boolean;
  /** @internal Records and dispatches an event that asks for more than the hot way can do. */
  protected abstract fireRarely(target: Target, args: unknown[], logged: boolean): boolean;
  /** @internal Hands an event to the log. */
  protected abstract log(target: Target, args: unknown[], time: number): void;

  #refresh(target: Target): void {
    target.version = this[VERSION];
    target.one = null;
    target.many = null;
    // An error that nobody hears is thrown, and monitored, as Node does it.
    if (this.#alwaysRare || !target.recorded || target.name === 'error' || this.rareNow()) {
      target.mode = Mode.Rare;
      return;
    }
    const handlers = this[LISTENERS][target.name];
    if (handlers === undefined) {
      target.mode = Mode.Nobody;
    } else if (typeof handlers === 'function') {
      target.one = handlers;
      target.mode = isOrdinary(handlers) ? Mode.One : Mode.Rare;
    } else {
      // A copy, as Node makes one for every emit: listeners that come or go meanwhile change nothing under way.
      target.many = handlers.slice();
      target.mode = target.many.every(isOrdinary) ? Mode.Many : Mode.Rare;
    }
  }
}

/** A function with a `call` of its own has to be called by other means. */
function isOrdinary(listener: AnyListener): boolean {
  return listener.call === Function.prototype.call;
}

function argumentsOf(count: number, first: unknown, second: unknown, third: unknown): unknown[] {
  if (count > INLINE_ARGUMENTS) return first as unknown[];
  return count === 3 ? [first, second, third] : count === 2 ? [first, second] : count === 1 ? [first] : [];
}

/** A call with just the arguments that were emitted: listeners may look at how many there are. */
function callOne(
  bus: BusCore,
  listener: AnyListener,
  count: number,
  first: unknown,
  second: unknown,
  third: unknown,
): void {
  switch (count) {
    case 0:
      listener.call(bus);
      break;
    case 1:
      listener.call(bus, first);
      break;
    case 2:
      listener.call(bus, first, second);
      break;
    case 3:
      listener.call(bus, first, second, third);
      break;
    default:
      listener.apply(bus, first as unknown[]);
  }
}

function callMany(
  bus: BusCore,
  listeners: readonly AnyListener[],
  count: number,
  first: unknown,
  second: unknown,
  third: unknown,
): void {
  const { length } = listeners;
  switch (count) {
    case 0:
      for (let at = 0; at < length; at += 1) (listeners[at] as AnyListener).call(bus);
      break;
    case 1:
      for (let at = 0; at < length; at += 1) (listeners[at] as AnyListener).call(bus, first);
      break;
    case 2:
      for (let at = 0; at < length; at += 1) (listeners[at] as AnyListener).call(bus, first, second);
      break;
    case 3:
      for (let at = 0; at < length; at += 1) (listeners[at] as AnyListener).call(bus, first, second, third);
      break;
    default:
      for (let at = 0; at < length; at += 1) (listeners[at] as AnyListener).apply(bus, first as unknown[]);
  }
}
