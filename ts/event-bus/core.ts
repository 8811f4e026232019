/** The hot half of the bus: what happens between `emit` and the listeners. */
import { EventEmitter } from 'node:events';

import { now } from './clock.js';
import { callerOf } from './callers.js';
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
  /** @internal */
  delivered = 0;
  /** @internal */
  readonly ring: Ring;
  readonly #targets: Targets;
  readonly #alwaysRare: boolean;
  #version = 0;
  #last: Target;
  #logging: boolean;
  /** Called as a method, so that its `this` is the bus and the engine learns who is called. */
  #call: AnyListener = nobody;

  /** @internal */
  constructor(options: { captureRejections: boolean; ring: Ring; targets: Targets; logging: boolean; rare: boolean }) {
    super({ captureRejections: options.captureRejections });
    this.ring = options.ring;
    this.#targets = options.targets;
    this.#last = options.targets.of('error');
    this.#logging = options.logging;
    this.#alwaysRare = options.rare || options.captureRejections || EventEmitter.captureRejections;
    hide(this, 'ring', 'delivered');
  }

  /** Node's own name for it. While Node's constructor runs there is no version to count yet. */
  get _events(): Handlers | undefined {
    if (#version in this) this.#version += 1;
    return this[LISTENERS];
  }

  set _events(handlers: Handlers) {
    if (LISTENERS in this) this[LISTENERS] = handlers;
    else Object.defineProperty(this, LISTENERS, { value: handlers, writable: true });
    if (#version in this) this.#version += 1;
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
    if (target.version !== this.#version && !this.#refresh(target)) {
      return this.fireRarely(target, argumentsOf(count, first, second, third), true);
    }
    const time = this.ring.push(target, count, first, second, third, now());
    if (this.#logging) this.log(target, argumentsOf(count, first, second, third), time);
    if (target.size === 0) return false;
    this.delivered += target.size;
    const { calls } = target;
    switch (count) {
      case 2:
        this.#call = calls[2] ?? this.#prepare(target, 2);
        this.#call(first, second);
        break;
      case 1:
        this.#call = calls[1] ?? this.#prepare(target, 1);
        this.#call(first);
        break;
      case 3:
        this.#call = calls[3] ?? this.#prepare(target, 3);
        this.#call(first, second, third);
        break;
      case 0:
        this.#call = calls[0] ?? this.#prepare(target, 0);
        this.#call();
        break;
      default:
        for (const listener of this.#listenersOf(target)) listener.apply(this, first as unknown[]);
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
    this.#version += 1;
  }

  /** @internal Whether, at this moment, every event has to take the way that is not in a hurry. */
  protected abstract rareNow(): boolean;
  /** @internal Records and dispatches an event that asks for more than the hot way can do. */
  protected abstract fireRarely(target: Target, args: unknown[], logged: boolean): boolean;
  /** @internal Hands an event to the log. */
  protected abstract log(target: Target, args: unknown[], time: number): void;

  /** Looks up who listens. `false`: the event goes the way that is not in a hurry, and will ask again. */
  #refresh(target: Target): boolean {
    target.version = NEVER;
    // An error that nobody hears is thrown, and monitored, as Node does it.
    if (this.#alwaysRare || !target.recorded || target.name === 'error' || this.rareNow()) return false;
    const handlers = this[LISTENERS]?.[target.name];
    const single = typeof handlers === 'function' ? handlers : null;
    if (
      single === null ? handlers !== undefined && !(handlers as AnyListener[]).every(isOrdinary) : !isOrdinary(single)
    ) {
      return false;
    }
    target.size = handlers === undefined ? 0 : single === null ? handlers.length : 1;
    target.calls.fill(single);
    target.version = this.#version;
    return true;
  }

  /** A copy, as Node makes one for every emit: listeners that come or go meanwhile change nothing under way. */
  #listenersOf(target: Target): AnyListener[] {
    const handlers = this[LISTENERS]?.[target.name] ?? [];
    return typeof handlers === 'function' ? [handlers] : handlers.slice();
  }

  #prepare(target: Target, count: 0 | 1 | 2 | 3): AnyListener {
    const { version } = target;
    const caller = callerOf(this.#listenersOf(target), count, (written) => {
      if (target.version === version) target.calls[count] = written;
    });
    target.calls[count] = caller;
    return caller;
  }
}

function nobody(): void {}

/** What is the bus's own business is no property that inspecting or spreading it should show. */
function hide(object: object, ...names: string[]): void {
  for (const name of names) Object.defineProperty(object, name, { enumerable: false });
}

/** A function with a `call` of its own has to be called by other means. */
function isOrdinary(listener: AnyListener): boolean {
  return listener.call === Function.prototype.call;
}

function argumentsOf(count: number, first: unknown, second: unknown, third: unknown): unknown[] {
  if (count > INLINE_ARGUMENTS) return first as unknown[];
  return count === 3 ? [first, second, third] : count === 2 ? [first, second] : count === 1 ? [first] : [];
}
