/** The types by which a bus knows its events. */
import type { EventPriority } from '../types.js';

/** Any function that can listen. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- listeners take what their event has
export type AnyListener = (...args: any[]) => void;

/** Event names and the listeners they have; an interface or a type. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- listeners take what their event has
export type EventMap<T> = { [K in keyof T]: (...args: any[]) => void };

/** Events that every bus has. `log:*` are dispatched and never recorded. */
export interface BusEvents {
  error: (error: unknown) => void;
  newListener: (name: string | symbol, listener: AnyListener) => void;
  removeListener: (name: string | symbol, listener: AnyListener) => void;
  /** An event could not be appended to the log. */
  'log:error': (error: Error, event?: StoredEvent) => void;
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
