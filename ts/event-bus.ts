/** A Node EventEmitter that remembers what happened. */
import { EventEmitter } from 'node:events';

import { EventHistory } from './event-bus/history.js';
import { LogFeed } from './event-bus/log-feed.js';
import type {
  AnyListener,
  Args,
  BusReplayOptions,
  EventMap,
  Fn,
  Name,
  ReplayReport,
  StoredEvent,
} from './event-bus/types.js';
import { checkId } from './ids.js';
import { numberOption, optionsObject } from './options.js';
import { CRITICAL_EVENTS } from './priorities.js';
import type { EventReplayStorage } from './types.js';

/** How a bus remembers. */
export interface EventBusOptions {
  /** How many events the history holds; 0 keeps none. Default 1000. */
  historyLimit?: number;
  /** Where events are appended, in order, beside being dispatched. Default: nowhere. */
  log?: EventReplayStorage;
  /** The session of the log that the events belong to. Default `default`. */
  sessionId?: string;
  /** The names of critical events, in place of agent_handoff, plan_created, user_interrupted, orchestration_decision. */
  critical?: readonly string[];
  /** As Node's EventEmitter has it. Default false. */
  captureRejections?: boolean;
}

/** Dispatched as any other event, never recorded. */
const UNRECORDED: ReadonlySet<string> = new Set(['newListener', 'removeListener', 'log:error']);

const MAX_HISTORY = 2 ** 24;

/**
 * A Node EventEmitter with a history. `emit` records the event, then dispatches it synchronously, arguments by reference.
 * With a log every recorded event is appended to it as well; a failure there is a `log:error` event and never an error of
 * the emitter's.
 */
export class SmallTalkEventBus<T extends EventMap<T> = Record<string, AnyListener>> extends EventEmitter {
  /** The newest events. */
  readonly history: EventHistory;
  readonly #critical: ReadonlySet<string>;
  #feed: LogFeed | null = null;
  #current: StoredEvent | null = null;

  constructor(options?: EventBusOptions) {
    const given = optionsObject('options', options);
    super({ captureRejections: given.captureRejections ?? false });
    this.#critical = new Set(given.critical ?? CRITICAL_EVENTS);
    const limit = numberOption('historyLimit', given.historyLimit, 1000, { min: 0, max: MAX_HISTORY, integer: true });
    this.history = new EventHistory(limit, {
      priorityOf: (event) => (this.#critical.has(event) ? 'critical' : 'normal'),
    });
    const { log, sessionId = 'default' } = given;
    checkId(sessionId, 'sessionId');
    if (log !== undefined) {
      this.#feed = new LogFeed(log, sessionId, (error, event) => super.emit('log:error', error, event));
    }
  }

  /** The event that is being replayed, while listeners run synchronously in a replay; null otherwise. */
  get current(): StoredEvent | null {
    return this.#current;
  }

  override emit<K extends Name<T>>(event: K, ...args: Args<T, K>): boolean;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- symbols are not in the map
  override emit(event: symbol, ...args: any[]): boolean;
  override emit(event: string | symbol, ...args: unknown[]): boolean {
    if (typeof event === 'string' && !UNRECORDED.has(event)) this.#record(event, args);
    if (this.#current === null) return super.emit(event, ...args);
    // What a listener emits while a replay calls it is news.
    return this.#during(null, () => super.emit(event, ...args));
  }

  /**
   * Sends matching history to today's listeners, oldest first, without recording it. What is emitted meanwhile is not part
   * of it. A listener that throws ends it as it would end an emit.
   */
  replay(options: BusReplayOptions = {}): ReplayReport {
    const { listener } = options;
    if (listener !== undefined && typeof listener !== 'function') throw new TypeError('listener must be a function');
    const events = this.history.toArray(options);
    const report: ReplayReport = { replayed: 0, skipped: 0, gap: this.#gap(options, events), firstSeq: 0, lastSeq: 0 };
    for (const event of events) {
      if (listener === undefined && event.event === 'error' && this.listenerCount('error') === 0) {
        report.skipped += 1;
        continue;
      }
      report.replayed += 1;
      report.firstSeq ||= event.seq;
      report.lastSeq = event.seq;
      this.#during({ ...event, replayed: true }, () => {
        if (listener === undefined) super.emit(event.event, ...event.args);
        else listener.apply(this, event.args);
      });
    }
    return report;
  }

  /** Settles when every event emitted so far is acknowledged by the log; rejects with the first failure since the last. */
  async flush(): Promise<void> {
    await this.#feed?.flush();
  }

  /** Flushes and detaches the log, which stays open. Emitting and listening go on. */
  async close(): Promise<void> {
    const feed = this.#feed;
    this.#feed = null;
    await feed?.flush();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #record(event: string, args: unknown[]): void {
    const timestamp = this.history.push(event, args);
    if (this.#feed === null) return;
    const priority = this.#critical.has(event) ? 'critical' : 'normal';
    this.#feed.send({ seq: this.history.lastSeq, event, args, timestamp, priority, metadata: {} });
  }

  #during<R>(current: StoredEvent | null, work: () => R): R {
    const before = this.#current;
    this.#current = current;
    try {
      return work();
    } finally {
      this.#current = before;
    }
  }

  /** Whether something that was asked for has been overwritten. */
  #gap({ afterSeq, since, last }: BusReplayOptions, found: StoredEvent[]): boolean {
    const { firstSeq } = this.history;
    if (firstSeq === 1) return false;
    if (afterSeq !== undefined && afterSeq >= firstSeq - 1) return false;
    if (last !== undefined && found.length >= last) return false;
    const [oldest] = this.history;
    return since === undefined || oldest === undefined || since <= oldest.timestamp;
  }
}

export interface SmallTalkEventBus<T extends EventMap<T>> {
  on<K extends Name<T>>(event: K, listener: Fn<T, K>): this;
  on(event: symbol, listener: AnyListener): this;
  once<K extends Name<T>>(event: K, listener: Fn<T, K>): this;
  once(event: symbol, listener: AnyListener): this;
  off<K extends Name<T>>(event: K, listener: Fn<T, K>): this;
  off(event: symbol, listener: AnyListener): this;
  addListener<K extends Name<T>>(event: K, listener: Fn<T, K>): this;
  addListener(event: symbol, listener: AnyListener): this;
  removeListener<K extends Name<T>>(event: K, listener: Fn<T, K>): this;
  removeListener(event: symbol, listener: AnyListener): this;
  prependListener<K extends Name<T>>(event: K, listener: Fn<T, K>): this;
  prependListener(event: symbol, listener: AnyListener): this;
  prependOnceListener<K extends Name<T>>(event: K, listener: Fn<T, K>): this;
  prependOnceListener(event: symbol, listener: AnyListener): this;
}
