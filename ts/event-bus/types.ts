/** The types by which a bus knows its events. */
import type { SmallTalkEventBus } from '../event-bus.js';
import type { EventPriority } from '../types.js';
import type { ScopeMetadata } from './scope.js';

/** Any function that can listen. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- listeners take what their event has
export type AnyListener = (...args: any[]) => void;

/** Event names and the listeners they have; an interface or a type. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- listeners take what their event has
export type EventMap<T> = { [K in keyof T]: (...args: any[]) => void };

/** Events that every bus has. Those about listeners and the log are dispatched and never recorded. */
export interface BusEvents {
  error: (error: unknown) => void;
  newListener: (name: string | symbol, listener: AnyListener) => void;
  removeListener: (name: string | symbol, listener: AnyListener) => void;
  /** An event could not be appended to the log. */
  'log:error': (error: Error, event?: StoredEvent) => void;
  /** The queue to the log is full, and events are being dropped from the log: how many up to now. Once per time it fills. */
  'log:overflow': (info: { dropped: number; critical: number }) => void;
  /** With `listenerErrors: 'isolate'`: a listener of the event named second threw or rejected. Also: `redact` threw. */
  'listener:error': (error: unknown, name: string | symbol) => void;
}

/** What can be listened to on any bus, whatever its map: the events that every bus has, and symbols. */
export interface AnyBusEvents extends BusEvents {
  [event: symbol]: AnyListener;
}

/** The events of a bus: those of its map and those that every bus has. */
export type All<T> = T & Omit<BusEvents, keyof T>;
/** The names of a bus's events. */
export type Name<T> = keyof All<T> & string;
/** The listener of an event. */
export type Fn<T, K> = K extends keyof All<T> ? Extract<All<T>[K], AnyListener> : AnyListener;
/** The arguments of an event. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- an unknown event takes anything
export type Args<T, K> = K extends keyof All<T> ? (All<T>[K] extends (...a: infer A) => unknown ? A : never) : any[];

/** Methods are compared either way round: one may want more than the other, but not something else. */
interface EitherWay<Listener> {
  hears(listener: [Listener]): void;
}

/**
 * By what the compiler tells the buses of two maps apart: one will do where another is wanted if it has all events that are
 * wanted, and each as it is wanted. More events are fine. So is an event that has more than is wanted, for whoever listens, or
 * takes more, for whoever emits. A bus that knows no names is one of any events.
 */
export type EventsOf<T> = string extends keyof T
  ? // eslint-disable-next-line @typescript-eslint/no-explicit-any -- it fits everywhere, and everything fits
    any
  : { [K in keyof T]: EitherWay<T[K]> } & { [K in keyof BusEvents]: EitherWay<BusEvents[K]> };

/** An event as the history has it. `args` holds the arguments themselves, by reference. */
export interface StoredEvent {
  /** Per bus, dense, from 1. */
  seq: number;
  event: string;
  args: unknown[];
  /** Milliseconds since the epoch; never goes back. */
  timestamp: number;
  priority: EventPriority;
  metadata: Record<string, unknown>;
  /** Set while a replay sends it. */
  replayed?: true;
}

/** Which part of the history. Everything given must hold. */
export interface HistoryOptions {
  filter?: (event: StoredEvent) => boolean;
  /** Inclusive, milliseconds since the epoch. */
  since?: number;
  /** Inclusive, milliseconds since the epoch. */
  until?: number;
  /** Exclusive. */
  afterSeq?: number;
  /** Names; `*` stands for any run of characters. */
  events?: string[];
  /** Default `all`. */
  priority?: 'critical' | 'all';
  /** All members given must be equal. */
  metadata?: Record<string, unknown>;
  /** The newest so many. */
  last?: number;
  /** Of those, the oldest so many. */
  limit?: number;
}

/** What to replay, and to whom. */
export interface BusReplayOptions extends HistoryOptions {
  /** Only to this listener, registered or not. Default: today's listeners. */
  listener?: AnyListener;
}

/** What a replay did. */
export interface ReplayReport {
  /** How many events were sent. */
  replayed: number;
  /** `error` events that nobody listens to are not sent. */
  skipped: number;
  /** The history no longer reaches back to what was asked for. */
  gap: boolean;
  /** The first event sent; 0 where there was none. */
  firstSeq: number;
  /** The last event sent; 0 where there was none. */
  lastSeq: number;
}

/** How events get to the log. */
export interface LogStats {
  /** Acknowledged by the log. */
  logged: number;
  /** Rejected by the log. */
  failed: number;
  /** Never handed to the log, because its queue was full. */
  dropped: number;
  /** Those of the dropped ones that were critical. */
  droppedCritical: number;
  /** On their way. */
  queuedEvents: number;
  /** Their estimated size. */
  queuedBytes: number;
}

/** What a bus counts. */
export interface BusStats {
  /** Events emitted, recorded or not. */
  emitted: number;
  /** Calls of listeners. */
  delivered: number;
  /** Events that have a number. */
  recorded: number;
  /** Recorded events by priority. */
  byPriority: Record<EventPriority, number>;
  /** Listeners of all events. */
  listeners: number;
  /** What the history holds; the bytes are an estimate, made when asked. */
  history: { events: number; bytes: number };
  /** null without a log. */
  log: LogStats | null;
}

/** One event without the look-up of its name. */
export interface Topic<T, K extends Name<T>> {
  emit(...args: Args<T, K>): boolean;
}

/** Emits events that carry what they belong to. */
export interface Scope<T extends EventMap<T>> {
  /** The bus it emits on. */
  readonly bus: SmallTalkEventBus<T>;
  emit<K extends Name<T>>(event: K, ...args: Args<T, K>): boolean;
  /** As the bus's own. */
  emitDurable<K extends Name<T>>(event: K, ...args: Args<T, K>): Promise<boolean>;
  topic<K extends Name<T>>(event: K): Topic<T, K>;
  /** A scope within this one; what it says goes before what this one says. */
  scope(metadata: ScopeMetadata): Scope<T>;
}
