/** What a bus sends to its log: in order, and never an error back into an emitter. */
import type { EventReplayStorage } from '../types.js';
import type { StoredEvent } from './types.js';

/** Hears of events that could not be appended. */
type Failed = (error: Error, event: StoredEvent) => void;

/** Appends events and keeps count of what is on its way. */
export class LogFeed {
  readonly #log: EventReplayStorage;
  readonly #sessionId: string;
  readonly #failed: Failed;
  readonly #onTheWay = new Set<Promise<void>>();
  #firstFailure: Error | null = null;

  constructor(log: EventReplayStorage, sessionId: string, failed: Failed) {
    this.#log = log;
    this.#sessionId = sessionId;
    this.#failed = failed;
  }

  /** Appends an event. The log encodes its arguments within this call. */
  send(event: StoredEvent): void {
    const { event: topic, args: payload, priority, timestamp } = event;
    const appended = this.#append({ topic, payload, priority, timestamp });
    const done: Promise<void> = appended
      .catch((reason: unknown) => this.#fail(reason, event))
      .finally(() => this.#onTheWay.delete(done));
    this.#onTheWay.add(done);
  }

  /** Waits for everything sent so far; rejects with the first failure since the last flush. */
  async flush(): Promise<void> {
    await Promise.all(this.#onTheWay);
    const failure = this.#firstFailure;
    this.#firstFailure = null;
    if (failure !== null) throw failure;
  }

  /** A log written by users may throw where it should reject. */
  async #append(event: Parameters<EventReplayStorage['append']>[1]): Promise<void> {
    await this.#log.append(this.#sessionId, event);
  }

  #fail(reason: unknown, event: StoredEvent): void {
    const error = reason instanceof Error ? reason : new Error('the log rejected an event', { cause: reason });
    this.#firstFailure ??= error;
    this.#failed(error, event);
  }
}
