/** A Node EventEmitter that remembers what happened. */
import { inspect, type InspectOptions } from 'node:util';

import { BusCore } from './event-bus/core.js';
import { Delivery } from './event-bus/delivery.js';
import { EventHistory } from './event-bus/history.js';
import { HotState } from './event-bus/hot-state.js';
import { Keeper } from './event-bus/keeper.js';
import type { Origin } from './event-bus/log-events.js';
import { LogFeed } from './event-bus/log-feed.js';
import { busOptions, type EventBusOptions } from './event-bus/options.js';
import { replaySelection } from './event-bus/selection.js';
import { BusScope, BusTopic, narrowed, type ScopeMetadata } from './event-bus/scope.js';
import { NO_LABELS, targetFor, Targets, type Target } from './event-bus/target.js';
import { report } from './event-bus/trouble.js';
import type {
  AnyBusEvents,
  AnyListener,
  Args,
  BusReplayOptions,
  BusStats,
  EventMap,
  EventsOf,
  Fn,
  Name,
  ReplayReport,
  Scope,
  StoredEvent,
  Topic,
} from './event-bus/types.js';
import { SmallTalkError } from './errors.js';
import { joinCallers } from './holders.js';
import { optionsObject } from './options.js';

export type { EventBusOptions } from './event-bus/options.js';

declare const EVENTS: unique symbol;

/**
 * A Node EventEmitter with a history. `emit` records the event, then dispatches it synchronously, arguments by reference.
 * With a log every recorded event is appended to it as well; a failure there is a `log:error` event and never an error of
 * the emitter's.
 */
export class SmallTalkEventBus<T extends EventMap<T> = Record<string, AnyListener>> extends BusCore {
  /** There is no such member; without it the compiler takes a bus of any map for one of any other. */
  declare readonly [EVENTS]: EventsOf<T>;
  /** The newest events. */
  readonly history: EventHistory;
  readonly #critical: ReadonlySet<string>;
  readonly #keeper: Keeper;
  readonly #delivery: Delivery;
  #closing: Promise<void> | null = null;

  constructor(options?: EventBusOptions) {
    const { log, critical, isolates, redact, ...given } = busOptions(options);
    const hot = new HotState({
      capacity: given.historyLimit,
      maxBytes: given.historyBytes,
      targets: new Targets(critical, NO_LABELS),
      logging: log !== null,
      rare: isolates || redact !== null,
    });
    super(given.captureRejections, hot);
    joinCallers(hot);
    this.history = new EventHistory(hot);
    this.#critical = critical;
    this.#delivery = new Delivery(this, isolates);
    this.#keeper = new Keeper(this, redact);
    if (log !== null) {
      this.#keeper.feed = new LogFeed(log, given.sessionId, given.logQueueBytes, hot.unsent, {
        failed: (error, event) => report(this, 'log:error', error, event),
        overflowed: (dropped) => report(this, 'log:overflow', dropped),
      });
    }
  }

  /** The event that is being replayed, while listeners run synchronously in a replay; null otherwise. */
  get current(): StoredEvent | null {
    return this.#delivery.current;
  }

  /** An event without the look-up of its name, for hot loops. */
  topic<K extends Name<T>>(event: K): Topic<T, K> {
    return new BusTopic(this, this._hot.targetOf(event)) as unknown as Topic<T, K>;
  }

  /** Emits events that carry what they belong to: `sessionId`, `conversationId`, `agentId`, … */
  scope(metadata: ScopeMetadata): Scope<T> {
    const home = {
      core: this,
      targetsOf: (labels: Target['labels']) => new Targets(this.#critical, labels),
      fireDurably: (target: Target, args: unknown[]) => this.#fireDurably(target, args),
    };
    return new BusScope(home, narrowed(NO_LABELS, metadata)) as unknown as Scope<T>;
  }

  /**
   * Appends the event to the log; when that is acknowledged, records and dispatches it. When it fails, neither happens:
   * rejects with what the log says, or `redact` throws, `ERR_BACKPRESSURE` when the queue is full, `ERR_OPTION_INVALID`
   * without a log, `ERR_CLOSED` after `close()`. An event of which `redact` keeps nothing is dispatched all the same.
   */
  emitDurable<K extends Name<T>>(event: K, ...args: Args<T, K>): Promise<boolean> {
    return this.#fireDurably(this._hot.targetOf(event), args);
  }

  /**
   * Sends matching history to today's listeners, oldest first, without recording it. What is emitted meanwhile is not part
   * of it. A listener that throws ends it as it would end an emit.
   */
  replay(options?: BusReplayOptions): ReplayReport {
    const given = optionsObject('options', options);
    const { listener } = given;
    if (listener !== undefined && typeof listener !== 'function') throw new TypeError('listener must be a function');
    const { events, gap } = replaySelection(this.history, given);
    const did: ReplayReport = { replayed: 0, skipped: 0, gap, firstSeq: 0, lastSeq: 0 };
    for (const event of events) {
      if (listener === undefined && event.event === 'error' && this.listenerCount('error') === 0) {
        did.skipped += 1;
        continue;
      }
      did.replayed += 1;
      did.firstSeq ||= event.seq;
      did.lastSeq = event.seq;
      this.#delivery.again(event, listener);
    }
    return did;
  }

  /**
   * Settles when the log has answered every event emitted so far. Rejects with the first failure among them that no earlier
   * flush has heard of. What was dropped because the queue was full fails no flush: see `log:overflow`.
   */
  async flush(): Promise<void> {
    await (this.#closing ?? this.#keeper.feed?.flush(this._hot.lastSeq));
  }

  /** Flushes and detaches the log, which stays open. Emitting and listening go on. */
  close(): Promise<void> {
    this.#closing ??= this.#keeper.detach();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** What it has counted since it was made. */
  getStats(): BusStats {
    const { lastSeq, criticals, delivered, size, bytes } = this._hot;
    const names = this.eventNames();
    return {
      emitted: lastSeq + this.#keeper.unrecorded,
      delivered,
      recorded: lastSeq,
      byPriority: { critical: criticals, normal: lastSeq - criticals },
      listeners: names.reduce((count, name) => count + this.listenerCount(name), 0),
      history: { events: size, bytes },
      log: this.#keeper.feed?.stats() ?? null,
    };
  }

  /** @internal */
  [inspect.custom](depth: number, options: InspectOptions): string {
    if (depth < 0) return `[${this.constructor.name}]`;
    const listeners = Object.fromEntries(this.eventNames().map((name) => [name, this.listenerCount(name)]));
    const { size, capacity, lastSeq } = this.history;
    const shown = { listeners, history: `${size} of ${capacity}`, lastSeq };
    return `${this.constructor.name} ${inspect(shown, { ...options, depth })}`;
  }

  /** @internal Has a session of the log erased: what the bus has still to say of it does not come after that. */
  _erase(sessionId: string, erase: () => Promise<boolean>): Promise<boolean> {
    return this.#keeper.erase(sessionId, erase);
  }

  /** @internal */
  override _rareNow(): boolean {
    return this.#delivery.current !== null;
  }

  /** @internal */
  override _log(origin: Origin): void {
    this.#keeper.feed?.send(origin);
  }

  /** @internal */
  override _refuseUnsent(): void {
    this.#keeper.feed?.refuseUnsentSoon();
  }

  /** @internal */
  override _fireRarely(target: Target, args: unknown[], logged: boolean, emitter: BusCore): boolean {
    if (target.recorded) this.#keeper.keepEmitted(target, args, logged);
    else this.#keeper.unrecorded += 1;
    return this.#delivery.news(target, args, emitter);
  }

  async #fireDurably(target: Target, args: unknown[]): Promise<boolean> {
    const { feed } = this.#keeper;
    if (this.#closing !== null)
      throw new SmallTalkError('ERR_CLOSED', 'the event bus is closed, and has let go of its log');
    if (feed === null) throw new SmallTalkError('ERR_OPTION_INVALID', 'emitDurable needs a bus with a log');
    if (!target.recorded) throw new SmallTalkError('ERR_OPTION_INVALID', `${String(target.name)} is never recorded`);
    const event = this.#keeper.redacted(target, args);
    if (event !== null) await feed.sendDurably(event, targetFor(event, target.labels.sessionId));
    this.#keeper.keep(event, target, false);
    return this.#delivery.news(target, args, this);
  }
}

export interface SmallTalkEventBus<T extends EventMap<T>> {
  emit<K extends Name<T>>(event: K, ...args: Args<T, K>): boolean;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- symbols are not in the map
  emit(event: symbol, ...args: any[]): boolean;
  on<K extends Name<T>>(event: K, listener: Fn<T, K>): this;
  on<K extends keyof AnyBusEvents>(event: K, listener: AnyBusEvents[K]): this;
  once<K extends Name<T>>(event: K, listener: Fn<T, K>): this;
  once<K extends keyof AnyBusEvents>(event: K, listener: AnyBusEvents[K]): this;
  off<K extends Name<T>>(event: K, listener: Fn<T, K>): this;
  off<K extends keyof AnyBusEvents>(event: K, listener: AnyBusEvents[K]): this;
  addListener<K extends Name<T>>(event: K, listener: Fn<T, K>): this;
  addListener<K extends keyof AnyBusEvents>(event: K, listener: AnyBusEvents[K]): this;
  removeListener<K extends Name<T>>(event: K, listener: Fn<T, K>): this;
  removeListener<K extends keyof AnyBusEvents>(event: K, listener: AnyBusEvents[K]): this;
  prependListener<K extends Name<T>>(event: K, listener: Fn<T, K>): this;
  prependListener<K extends keyof AnyBusEvents>(event: K, listener: AnyBusEvents[K]): this;
  prependOnceListener<K extends Name<T>>(event: K, listener: Fn<T, K>): this;
  prependOnceListener<K extends keyof AnyBusEvents>(event: K, listener: AnyBusEvents[K]): this;
}
