/** How events reach their listeners on the way that is not in a hurry. */
import { errorMonitor, EventEmitter } from 'node:events';

import { named, watching } from '../holders.js';
import { soon } from '../timers.js';
import type { BusCore } from './core.js';
import { callIsolated } from './isolation.js';
import { nameOf, type Target } from './target.js';
import { report } from './trouble.js';
import type { AnyListener, StoredEvent } from './types.js';

/** Calls listeners in a replay, while somebody watches the loop, and where none of them may stop another. */
export class Delivery {
  /** The event that is being replayed, while listeners run synchronously in a replay; null otherwise. */
  current: StoredEvent | null = null;
  #looking = false;
  readonly #bus: BusCore;
  readonly #isolates: boolean;

  constructor(bus: BusCore, isolates: boolean) {
    this.#bus = bus;
    this.#isolates = isolates;
  }

  /** What a listener emits while a replay calls it is news. The emitter is the bus, or what stands in for it. */
  news({ name, labels }: Target, args: unknown[], emitter: BusCore): boolean {
    const { agentId } = labels.metadata;
    if (this.current === null) return this.#deliver(name, args, agentId, emitter);
    return this.#during(null, () => this.#deliver(name, args, agentId, emitter));
  }

  /** Sends an event of the history, to today's listeners or only to this one. */
  again(event: StoredEvent, listener: AnyListener | undefined): void {
    const bus = this.#bus;
    this.#during({ ...event, replayed: true }, () => {
      if (listener === undefined) this.#deliver(event.event, event.args, event.metadata['agentId'], bus);
      else if (this.#isolates)
        callIsolated(bus, [listener], event.args, (error) => report(bus, 'listener:error', error, event.event));
      else if (bus._hot.captures) emitTo(bus, event, listener);
      else listener.apply(bus, event.args);
    });
  }

  /** Dispatches an event, however listeners may fail. */
  #deliver(name: string | symbol, args: unknown[], agentId: unknown, emitter: BusCore): boolean {
    const bus = this.#bus;
    const count = emitter.listenerCount(name);
    bus._hot.countDelivered(count);
    const isolated = this.#isolates && (name !== 'error' || count > 0);
    if (!isolated && !watching()) return emitter._dispatch(name, args);
    const monitors = name === 'error' ? emitter.rawListeners(errorMonitor) : [];
    // Node gives no list where the name is undefined.
    const listeners = [...monitors, ...(count === 0 ? [] : emitter.rawListeners(name))] as AnyListener[];
    // Node's own emit does not say which of several it calls.
    const names = isolated || listeners.length === 1 ? listeners.map(nameOf) : [];
    return named({ agentId, event: String(name), listeners: names }, (word) => {
      if (!isolated) return emitter._dispatch(name, args);
      callIsolated(emitter, listeners, args, (error) => report(bus, 'listener:error', error, name), word);
      return count > 0;
    });
  }

  #during<R>(current: StoredEvent | null, work: () => R): R {
    const before = this.current;
    // Whoever is ended in the midst of it, as by a `vm` with a timeout, does not set it back.
    if (before === null && current !== null && !this.#looking) {
      soon(this.#over);
      this.#looking = true;
    }
    this.#setCurrent(current);
    try {
      return work();
    } finally {
      this.#setCurrent(before);
    }
  }

  /** Nothing is replayed when nothing else runs. */
  readonly #over = (): void => {
    this.#looking = false;
    if (this.current !== null) this.#setCurrent(null);
  };

  #setCurrent(current: StoredEvent | null): void {
    this.current = current;
    this.#bus._hot.version += 1;
  }
}

/** Calls a listener that is none of the bus's, and has Node do with its rejection what it does with one of theirs. */
function emitTo(bus: BusCore, { event, args }: StoredEvent, listener: AnyListener): void {
  const stranger = new EventEmitter({ captureRejections: true });
  stranger[EventEmitter.captureRejectionSymbol] = (error: Error, ...what) => {
    const heard = (bus as EventEmitter)[EventEmitter.captureRejectionSymbol];
    if (typeof heard === 'function') Reflect.apply(heard, bus, [error, ...what]);
    else bus.emit('error', error);
  };
  stranger.on(event, (...given: unknown[]) => Reflect.apply(listener, bus, given)).emit(event, ...args);
}
