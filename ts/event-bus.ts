/** A Node EventEmitter that remembers what happened. */
import { errorMonitor } from 'node:events';
import { inspect, type InspectOptions } from 'node:util';

import { BusCore } from './event-bus/core.js';
import { EventHistory } from './event-bus/history.js';
import { HotState } from './event-bus/hot-state.js';
import { callIsolated } from './event-bus/isolation.js';
import { LogFeed } from './event-bus/log-feed.js';
import { redactedBy } from './event-bus/redaction.js';
import { replaySelection } from './event-bus/selection.js';
import { BusScope, BusTopic, narrowed, type ScopeMetadata } from './event-bus/scope.js';
import { nameOf, NO_LABELS, targetFor, Targets, type Target } from './event-bus/target.js';
import type {
  AnyBusEvents,
  AnyListener,
  Args,
  BusReplayOptions,
  BusStats,
  EventMap,
  Fn,
  Name,
  ReplayReport,
  Scope,
  StoredEvent,
  Topic,
} from './event-bus/types.js';
import { SmallTalkError } from './errors.js';
import { joinCallers, named, watching } from './holders.js';
import { checkId } from './ids.js';
import { METHOD, namesOption, numberOption, optionsObject, wordOption, type Known } from './options.js';
import { CRITICAL_EVENTS } from './priorities.js';
import { shown } from './shown.js';
import type { EventReplayStorage } from './types.js';

/** How a bus remembers. */
export interface EventBusOptions {
  /** How many events the history holds; 0 keeps none. Default 1000. */
  historyLimit?: number;
  /** How many bytes, by an estimate, the history may keep alive; the oldest events go. Default: no limit. */
  historyBytes?: number;
  /** Where events are appended, in order, beside being dispatched. Default: nowhere. */
  log?: EventReplayStorage;
  /** How many bytes, by an estimate, may be on their way to the log, and as many again of critical events. Default 16 MiB. */
  logQueueBytes?: number;
  /** The session of the log that the events belong to. Default `default`. */
  sessionId?: string;
  /** The names of critical events, in place of agent_handoff, plan_created, user_interrupted, orchestration_decision. */
  critical?: readonly string[];
  /** `isolate`: a listener that throws or rejects stops nobody, and is reported as `listener:error`. Default `node`. */
  listenerErrors?: 'node' | 'isolate';
  /** As Node's EventEmitter has it. Default false. */
  captureRejections?: boolean;
  /**
   * Gets a copy of each event before it is kept and gives what history, log and replay shall have of it, or null for
   * nothing. Live listeners get the original. When it throws, the event is not kept, and that is a `listener:error`;
   * `emitDurable` rejects with it.
   */
  redact?: (event: StoredEvent) => StoredEvent | null;
}

/** Their names. */
export const BUS_OPTIONS: Known<EventBusOptions> = {
  historyLimit: true,
  historyBytes: true,
  log: true,
  logQueueBytes: true,
  sessionId: true,
  critical: true,
  listenerErrors: true,
  captureRejections: true,
  redact: METHOD,
};

const MAX_HISTORY = 2 ** 24;

/**
 * A Node EventEmitter with a history. `emit` records the event, then dispatches it synchronously, arguments by reference.
 * With a log every recorded event is appended to it as well; a failure there is a `log:error` event and never an error of
 * the emitter's.
 */
export class SmallTalkEventBus<T extends EventMap<T> = Record<string, AnyListener>> extends BusCore {
  /** The newest events. */
  readonly history: EventHistory;
  readonly #critical: ReadonlySet<string>;
  readonly #isolates: boolean;
  readonly #redact: ((event: StoredEvent) => StoredEvent | null) | null;
  #feed: LogFeed | null = null;
  /** The one that is being closed. */
  #leaving: LogFeed | null = null;
  #closing: Promise<void> | null = null;
  #current: StoredEvent | null = null;
  #unrecorded = 0;

  constructor(options?: EventBusOptions) {
    const given = optionsObject('options', options, BUS_OPTIONS);
    const limit = numberOption('historyLimit', given.historyLimit, 1000, { min: 0, max: MAX_HISTORY, integer: true });
    const bytes = numberOption('historyBytes', given.historyBytes, Infinity, { min: 0, max: Infinity });
    const queue = numberOption('logQueueBytes', given.logQueueBytes, 16 * 2 ** 20, { min: 0, max: 2 ** 40 });
    const isolates = wordOption('listenerErrors', given.listenerErrors, 'node', ['node', 'isolate']) === 'isolate';
    const { log, redact, sessionId = 'default', captureRejections = false } = given;
    if (redact !== undefined && typeof redact !== 'function') throw new TypeError('redact must be a function');
    if (log !== undefined && typeof (log as Partial<EventReplayStorage> | null)?.append !== 'function') {
      throw new TypeError('log must have the methods of an EventReplayStorage');
    }
    checkId(sessionId, 'sessionId');
    const critical = new Set(namesOption('critical', given.critical, CRITICAL_EVENTS));
    const hot = new HotState({
      capacity: limit,
      maxBytes: bytes,
      targets: new Targets(critical, NO_LABELS),
      logging: log !== undefined,
      rare: isolates || redact !== undefined,
    });
    super(captureRejections, hot);
    joinCallers(hot);
    this.history = new EventHistory(hot);
    this.#critical = critical;
    this.#isolates = isolates;
    this.#redact = redact ?? null;
    if (log !== undefined) {
      this.#feed = new LogFeed(log, sessionId, queue, {
        failed: (error, event) => this.#report('log:error', error, event),
        overflowed: (dropped) => this.#report('log:overflow', dropped),
      });
    }
  }

  /** The event that is being replayed, while listeners run synchronously in a replay; null otherwise. */
  get current(): StoredEvent | null {
    return this.#current;
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
    const report: ReplayReport = { replayed: 0, skipped: 0, gap, firstSeq: 0, lastSeq: 0 };
    for (const event of events) {
      if (listener === undefined && event.event === 'error' && this.listenerCount('error') === 0) {
        report.skipped += 1;
        continue;
      }
      report.replayed += 1;
      report.firstSeq ||= event.seq;
      report.lastSeq = event.seq;
      this.#during({ ...event, replayed: true }, () => {
        if (listener === undefined) this.#deliver(event.event, event.args, event.metadata['agentId']);
        else if (!this.#isolates) listener.apply(this, event.args);
        else callIsolated(this, [listener], event.args, (error) => this.#report('listener:error', error, event.event));
      });
    }
    return report;
  }

  /**
   * Settles when the log has answered every event emitted so far. Rejects with the first failure among them that no earlier
   * flush has heard of. What was dropped because the queue was full fails no flush: see `log:overflow`.
   */
  async flush(): Promise<void> {
    await (this.#closing ?? this.#feed?.flush(this._hot.lastSeq));
  }

  /** Flushes and detaches the log, which stays open. Emitting and listening go on. */
  close(): Promise<void> {
    this.#closing ??= this.#detach();
    return this.#closing;
  }

  async #detach(): Promise<void> {
    const feed = this.#feed;
    this.#leaving = feed;
    this.#feed = null;
    this._hot.logging = false;
    this._hot.version += 1;
    try {
      await feed?.close();
    } finally {
      this.#leaving = null;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** What it has counted since it was made. */
  getStats(): BusStats {
    const { lastSeq, criticals, delivered, size, bytes } = this._hot;
    const names = this.eventNames();
    return {
      emitted: lastSeq + this.#unrecorded,
      delivered,
      recorded: lastSeq,
      byPriority: { critical: criticals, normal: lastSeq - criticals },
      listeners: names.reduce((count, name) => count + this.listenerCount(name), 0),
      history: { events: size, bytes },
      log: this.#feed?.stats() ?? null,
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
  async _erase(sessionId: string, erase: () => Promise<boolean>): Promise<boolean> {
    const feed = this.#feed ?? this.#leaving;
    return feed === null ? erase() : feed.erase(sessionId, erase);
  }

  /** @internal */
  override _rareNow(): boolean {
    return this.#current !== null;
  }

  /** @internal */
  override _log(target: Target, args: unknown[], timestamp: number): void {
    this.#feed?.send(target, args, timestamp, this._hot.lastSeq);
  }

  /** @internal */
  override _fireRarely(target: Target, args: unknown[], logged: boolean, emitter: BusCore): boolean {
    if (target.recorded) this.#keep(this.#redactedOrReported(this.#stored(target, args, Date.now())), target, logged);
    else this.#unrecorded += 1;
    return this.#deliverNews(target, args, emitter);
  }

  #keep(event: StoredEvent | null, target: Target, logged: boolean): void {
    if (event === null) {
      this.#unrecorded += 1;
      return;
    }
    const kept = this.#redact === null ? target : targetFor(event, target.labels.sessionId);
    this._hot.recordOnly(kept, event.args, event.timestamp);
    const { lastSeq: seq, lastTime: timestamp } = this._hot;
    // The list of what redact gave may be anybody's.
    if (logged) this.#feed?.send(kept, [...event.args], timestamp, seq);
  }

  #stored(target: Target, args: unknown[], timestamp: number): StoredEvent {
    const metadata = { ...target.labels.metadata };
    return {
      seq: this._hot.lastSeq,
      event: target.name as string,
      args,
      timestamp,
      priority: target.priority,
      metadata,
    };
  }

  /** Throws what `redact` throws. */
  #redacted(event: StoredEvent): StoredEvent | null {
    return this.#redact === null ? event : redactedBy(this.#redact, { ...event, seq: event.seq + 1 });
  }

  /** The same for an emit, which must not throw because of it. */
  #redactedOrReported(event: StoredEvent): StoredEvent | null {
    try {
      return this.#redacted(event);
    } catch (error) {
      this.#report('listener:error', error, event.event);
      return null;
    }
  }

  async #fireDurably(target: Target, args: unknown[]): Promise<boolean> {
    const feed = this.#feed;
    if (this.#closing !== null)
      throw new SmallTalkError('ERR_CLOSED', 'the event bus is closed, and has let go of its log');
    if (feed === null) throw new SmallTalkError('ERR_OPTION_INVALID', 'emitDurable needs a bus with a log');
    if (!target.recorded) throw new SmallTalkError('ERR_OPTION_INVALID', `${String(target.name)} is never recorded`);
    const event = this.#redacted(this.#stored(target, args, Date.now()));
    if (event !== null) await feed.sendDurably(event, targetFor(event, target.labels.sessionId));
    this.#keep(event, target, false);
    return this.#deliverNews(target, args);
  }

  /** What a listener emits while a replay calls it is news. */
  #deliverNews({ name, labels }: Target, args: unknown[], emitter: BusCore = this): boolean {
    const { agentId } = labels.metadata;
    if (this.#current === null) return this.#deliver(name, args, agentId, emitter);
    return this.#during(null, () => this.#deliver(name, args, agentId, emitter));
  }

  /** Dispatches an event, however listeners may fail. The emitter is the bus, or what stands in for it. */
  #deliver(name: string | symbol, args: unknown[], agentId: unknown, emitter: BusCore = this): boolean {
    const count = emitter.listenerCount(name);
    this._hot.countDelivered(count);
    const isolated = this.#isolates && (name !== 'error' || count > 0);
    if (!isolated && !watching()) return emitter._dispatch(name, args);
    const monitors = name === 'error' ? emitter.rawListeners(errorMonitor) : [];
    // Node gives no list where the name is undefined.
    const listeners = [...monitors, ...(count === 0 ? [] : emitter.rawListeners(name))] as AnyListener[];
    // Node's own emit does not say which of several it calls.
    const names = isolated || listeners.length === 1 ? listeners.map(nameOf) : [];
    return named({ agentId, event: String(name), listeners: names }, (word) => {
      if (!isolated) return emitter._dispatch(name, args);
      callIsolated(emitter, listeners, args, (error) => this.#report('listener:error', error, name), word);
      return count > 0;
    });
  }

  /** Tells of trouble by an event; a listener that throws then is nobody's caller's fault. */
  #report(name: 'log:error' | 'log:overflow' | 'listener:error', ...args: unknown[]): void {
    try {
      if (!this._dispatch(name, args)) warnOnce(name, args[0]);
    } catch (error) {
      process.nextTick(() => {
        throw error;
      });
    }
  }

  #during<R>(current: StoredEvent | null, work: () => R): R {
    const before = this.#current;
    this.#setCurrent(current);
    try {
      return work();
    } finally {
      this.#setCurrent(before);
    }
  }

  #setCurrent(current: StoredEvent | null): void {
    this.#current = current;
    this._hot.version += 1;
  }
}

const warned = new Set<string>();

function codeOf(detail: unknown): string {
  try {
    return String((detail as { code?: unknown } | null)?.code);
  } catch {
    return 'unreadable';
  }
}

/** Trouble that nobody listens for is said once, in a warning. */
function warnOnce(name: string, detail: unknown): void {
  const key = `${name} ${codeOf(detail)}`;
  if (warned.has(key)) return;
  warned.add(key);
  const message = `nobody listens for ${name} on a SmallTalkEventBus, and it happened: ${shown(detail)}`;
  process.emitWarning(message, { type: 'SmallTalkWarning', code: 'SMALLTALK_BUS_TROUBLE' });
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
