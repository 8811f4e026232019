/** Where an event goes: everything that emitting it has to know, looked up once and used until listeners change. */
import { watching, type Words } from '../holders.js';
import type { EventPriority } from '../types.js';
import { callerOf } from './callers.js';
import type { Marks } from './marks.js';
import type { AnyListener, StoredEvent } from './types.js';

/** What the events of a scope have in common. */
export interface Labels {
  /** Decides the priority, whatever the event. */
  priority: EventPriority | undefined;
  /** The session of the log; undefined: the bus's. */
  sessionId: string | undefined;
  /** All members but the priority. */
  metadata: Readonly<Record<string, unknown>>;
}

/** No version of a bus's listeners. */
export const NO_VERSION = -1;

/** The surplus of a target without listeners. */
export const NOBODY_LISTENS = -1;

/** How listeners are called. Small integers: to ask whether a boolean is true costs the engine several questions. */
export const ONE = 0;
export const ONE_NAMED = 1;
export const NONE_OR_SEVERAL = 2;

/** The bus of a target. */
interface Home {
  readonly words: Words;
}

/** One event name, for one scope. */
export class Target {
  /** The version of the bus's listeners that the calls are of; none where every emit has to look anew. */
  version = NO_VERSION;
  /** The same, where to record an event is to push it. */
  hotVersion = NO_VERSION;
  /** Where the event went that came after this one the last time. */
  follower: Target | null = null;
  readonly critical: boolean;
  /** How many listeners it has more than one. */
  surplus = NOBODY_LISTENS;
  /** Whether there is one listener, one that is to be named while it runs, or another number of them. */
  manner: typeof ONE | typeof ONE_NAMED | typeof NONE_OR_SEVERAL = NONE_OR_SEVERAL;
  /** Who listens. */
  listeners: readonly AnyListener[] = [];
  /** How many they are. */
  size = 0;
  /** What names them while they run, where somebody watches the loop; else 0. */
  word = 0;
  /** Node's list of them, where it has to know that it is being called. */
  marks: Marks | null = null;
  // Each calls all of them, with the bus as `this`, for so many arguments.
  none: AnyListener = nothing;
  one: AnyListener = nothing;
  two: AnyListener = nothing;
  three: AnyListener = nothing;

  constructor(
    readonly name: string | symbol,
    readonly priority: EventPriority,
    readonly labels: Labels,
    /** Whether the history and the log hear of it. */
    readonly recorded: boolean,
  ) {
    this.critical = priority === 'critical';
  }

  /** Takes note of who listens; of several, a copy that nobody changes. */
  listen(version: number, listeners: readonly AnyListener[], marks: Marks | null, home: Home): void {
    this.#nameAnew(listeners, home);
    this.version = version;
    this.listeners = listeners;
    this.size = listeners.length;
    this.surplus = this.size - 1;
    const [single = nothing] = listeners;
    this.manner = this.surplus !== 0 ? NONE_OR_SEVERAL : this.word !== 0 ? ONE_NAMED : ONE;
    this.marks = this.surplus > 0 ? marks : null;
    const alone = listeners.length < 2;
    this.none = alone ? single : this.#later(0);
    this.one = alone ? single : this.#later(1);
    this.two = alone ? single : this.#later(2);
    this.three = alone ? single : this.#later(3);
  }

  /** Lets go of the listeners; the next emit looks anew. */
  forget(home: Home): void {
    this.listen(NO_VERSION, [], null, home);
    this.hotVersion = NO_VERSION;
  }

  /** Who is called by the same names keeps its word: those that are given back while a listener runs are not free before its end. */
  #nameAnew(listeners: readonly AnyListener[], home: Home): void {
    const named = listeners.length > 0 && watching();
    if (named && this.word !== 0 && haveSameNames(listeners, this.listeners)) return;
    if (this.word !== 0) home.words.giveBack(this.word);
    const { agentId } = this.labels.metadata;
    // Where no word is left, all targets are told to forget who listens; this one may be among them, and is told so here.
    this.word = named ? home.words.take({ agentId, event: String(this.name), listeners: listeners.map(nameOf) }) : 0;
  }

  /** A caller that makes the caller when it is first wanted: most events have one number of arguments. */
  #later(count: 0 | 1 | 2 | 3): AnyListener {
    const { version, listeners, word, marks } = this;
    const become = (caller: AnyListener): void => {
      if (this.version === version) this[CALLER_NAMES[count]] = caller;
    };
    return function first(this: object, ...args: unknown[]): void {
      const caller = callerOf({ listeners, word, marks }, count, become);
      become(caller);
      Reflect.apply(caller, this, args);
    };
  }
}

const CALLER_NAMES = ['none', 'one', 'two', 'three'] as const;

function nothing(): void {}

/** The name of a listener; that of `once` has it in a member. */
export function nameOf(listener: AnyListener): string {
  return ((listener as { listener?: AnyListener }).listener ?? listener).name;
}

function haveSameNames(some: readonly AnyListener[], others: readonly AnyListener[]): boolean {
  return some.length === others.length && some.every((each, at) => nameOf(each) === nameOf(others[at] as AnyListener));
}

/** The target of one event that was changed before it was kept. */
export function targetFor(event: StoredEvent, sessionId: string | undefined): Target {
  const { priority, metadata } = event;
  return new Target(event.event, priority, { priority, sessionId, metadata }, true);
}

/** What the events of no scope have in common. */
export const NO_LABELS: Labels = { priority: undefined, sessionId: undefined, metadata: Object.freeze({}) };

/** So many names are remembered; a program that makes names up forgets and looks up again. */
export const REMEMBERED = 1024;

/** The targets of one scope, by name. */
export class Targets {
  readonly #byName = new Map<string | symbol, Target>();
  readonly #critical: ReadonlySet<string>;
  readonly #labels: Labels;

  constructor(critical: ReadonlySet<string>, labels: Labels) {
    this.#critical = critical;
    this.#labels = labels;
  }

  of(name: string | symbol): Target {
    return this.#byName.get(name) ?? this.#add(name);
  }

  #add(name: string | symbol): Target {
    const recorded = typeof name === 'string' && !UNRECORDED.has(name);
    const isCritical = recorded && this.#critical.has(name);
    const priority = this.#labels.priority ?? (isCritical ? 'critical' : 'normal');
    const target = new Target(name, priority, this.#labels, recorded);
    if (this.#byName.size >= REMEMBERED) this.#forgetAll();
    this.#byName.set(name, target);
    return target;
  }

  /** Each would hold on to its follower, and that to the next one. */
  #forgetAll(): void {
    for (const target of this.#byName.values()) target.follower = null;
    this.#byName.clear();
  }
}

/** Dispatched as any other event, never recorded. */
const UNRECORDED: ReadonlySet<string> = new Set([
  'newListener',
  'removeListener',
  'log:error',
  'log:overflow',
  'listener:error',
]);
