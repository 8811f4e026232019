/** Emitting for one session, conversation or agent: events that carry what they belong to. */
import { SmallTalkError } from '../errors.js';
import { checkId } from '../ids.js';
import { optionsObject } from '../options.js';
import type { EventPriority } from '../types.js';
import type { BusCore } from './core.js';
import type { Labels, Target, Targets } from './target.js';

/** What the events of a scope carry. */
export interface ScopeMetadata {
  /** The session of the log; default: the bus's. */
  sessionId?: string;
  conversationId?: string;
  agentId?: string;
  /** Decides the priority of every event of the scope. Default: by name. */
  priority?: EventPriority;
  [more: string]: unknown;
}

export const BELONGINGS = ['sessionId', 'conversationId', 'agentId'] as const;

/** The labels of a scope within another. Throws a TypeError or `ERR_OPTION_INVALID` for what cannot be one. */
export function narrowed(outer: Labels, metadata: ScopeMetadata): Labels {
  if ((metadata as unknown) === undefined) throw new TypeError('metadata must be an object');
  const { priority, ...said } = optionsObject('metadata', metadata);
  if (priority !== undefined && priority !== 'critical' && priority !== 'normal') {
    throw new SmallTalkError('ERR_OPTION_INVALID', 'priority must be one of critical, normal');
  }
  for (const name of BELONGINGS) {
    // An inherited one, too: the events of a session must not get into another one.
    const id = metadata[name];
    if (id !== undefined) {
      checkId(id, name);
      said[name] = id;
    } else if (name in said) {
      // What is undefined is not said: it must not take away what the outer scope says.
      delete said[name];
    }
  }
  return {
    priority: priority ?? outer.priority,
    sessionId: said.sessionId ?? outer.sessionId,
    metadata: Object.freeze({ ...outer.metadata, ...said }),
  };
}

/** One event without the look-up of its name: for hot loops. */
export class BusTopic {
  readonly #bus: BusCore;
  readonly #target: Target;

  constructor(bus: BusCore, target: Target) {
    this.#bus = bus;
    this.#target = target;
  }

  emit(first?: unknown, second?: unknown, third?: unknown): boolean {
    const count = arguments.length;
    if (count <= 3) return this.#bus._fire(this.#target, count, first, second, third);
    // eslint-disable-next-line prefer-rest-params -- handed on as they are: an array here would cost every emit
    return Reflect.apply(this.#many, this, arguments) as boolean;
  }

  #many(...args: unknown[]): boolean {
    return this.#bus._fireAll(this.#target, args);
  }
}

/** What a scope needs of its bus. */
export interface ScopeBus {
  readonly core: BusCore;
  targetsOf(labels: Labels): Targets;
  fireDurably(target: Target, args: unknown[]): Promise<boolean>;
}

/** Emits events with labels. */
export class BusScope {
  /** The bus it emits on. */
  readonly bus: BusCore;
  readonly #home: ScopeBus;
  readonly #labels: Labels;
  readonly #targets: Targets;

  constructor(home: ScopeBus, labels: Labels) {
    this.bus = home.core;
    this.#home = home;
    this.#labels = labels;
    this.#targets = home.targetsOf(labels);
  }

  emit(event: string, ...args: unknown[]): boolean {
    return this.bus._fireAll(this.#targets.of(event), args);
  }

  emitDurable(event: string, ...args: unknown[]): Promise<boolean> {
    return this.#home.fireDurably(this.#targets.of(event), args);
  }

  topic(event: string): BusTopic {
    return new BusTopic(this.bus, this.#targets.of(event));
  }

  /** A scope within this one; what it says goes before what this one says. */
  scope(metadata: ScopeMetadata): BusScope {
    return new BusScope(this.#home, narrowed(this.#labels, metadata));
  }
}
