/** What a bus keeps of its events where that takes more than a push into the history: for its log, and as `redact` has it. */
import type { BusCore } from './core.js';
import { Origin } from './log-events.js';
import type { LogFeed } from './log-feed.js';
import { redactedBy } from './redaction.js';
import { targetFor, type Target } from './target.js';
import { report } from './trouble.js';
import type { StoredEvent } from './types.js';

/** Records events, and has the log as long as the bus has it. */
export class Keeper {
  /** The way to the log; null: there is none, or none any more. */
  feed: LogFeed | null = null;
  /** Events that got no number: those that are never recorded, and those of which `redact` keeps nothing. */
  unrecorded = 0;
  /** The feed that is being closed. */
  #leaving: LogFeed | null = null;
  readonly #bus: BusCore;
  readonly #redact: ((event: StoredEvent) => StoredEvent | null) | null;

  constructor(bus: BusCore, redact: ((event: StoredEvent) => StoredEvent | null) | null) {
    this.#bus = bus;
    this.#redact = redact;
  }

  /** Keeps an event of an emit, which must not throw because of it. */
  keepEmitted(target: Target, args: unknown[], logged: boolean): void {
    this.keep(this.#redactedOrReported(this.#stored(target, args)), target, logged);
  }

  /** What is to be kept of an event; null: nothing. Throws what `redact` throws. */
  redacted(target: Target, args: unknown[]): StoredEvent | null {
    const event = this.#stored(target, args);
    return this.#redact === null ? event : redactedBy(this.#redact, withNextSeq(event));
  }

  /** Keeps an event as it has been redacted; `logged`: the log hears of it, too. */
  keep(event: StoredEvent | null, target: Target, logged: boolean): void {
    if (event === null) {
      this.unrecorded += 1;
      return;
    }
    const hot = this.#bus._hot;
    const kept = this.#redact === null ? target : targetFor(event, target.labels.sessionId);
    const { feed } = this;
    // As in `_fireWarmly`. The list of what redact gave may be anybody's.
    const origin = logged && feed !== null ? new Origin(kept, [...event.args], hot.lastTime) : null;
    const seq = hot.recordOnly(kept, event.args, event.timestamp);
    if (origin === null) return;
    origin.seq = seq;
    origin.timestamp = hot.lastTime;
    try {
      feed?.send(origin);
    } catch {
      hot.unsent[hot.unsent.length] = origin;
      try {
        feed?.refuseUnsentSoon();
      } catch {
        // It is refused with the next answer of the log, or at a flush.
      }
    }
  }

  /** Lets go of the log, once it has answered. */
  async detach(): Promise<void> {
    const { feed } = this;
    const hot = this.#bus._hot;
    this.#leaving = feed;
    this.feed = null;
    hot.logging = false;
    hot.version += 1;
    try {
      await feed?.close();
    } finally {
      this.#leaving = null;
    }
  }

  /** Has a session of the log erased: what the bus has still to say of it does not come after that. */
  async erase(sessionId: string, erase: () => Promise<boolean>): Promise<boolean> {
    const feed = this.feed ?? this.#leaving;
    return feed === null ? erase() : feed.erase(sessionId, erase);
  }

  #redactedOrReported(event: StoredEvent): StoredEvent | null {
    if (this.#redact === null) return event;
    try {
      return redactedBy(this.#redact, withNextSeq(event));
    } catch (error) {
      report(this.#bus, 'listener:error', error, event.event);
      return null;
    }
  }

  #stored(target: Target, args: unknown[]): StoredEvent {
    const metadata = { ...target.labels.metadata };
    const { lastSeq, lastTime } = this.#bus._hot;
    const now = Date.now();
    return {
      seq: lastSeq,
      event: target.name as string,
      args,
      // The log may hear of it before the history does, which lets no time go back.
      timestamp: now < lastTime ? lastTime : now,
      priority: target.priority,
      metadata,
    };
  }
}

/** The number that it gets, unless something is recorded before it. */
function withNextSeq(event: StoredEvent): StoredEvent {
  return { ...event, seq: event.seq + 1 };
}
