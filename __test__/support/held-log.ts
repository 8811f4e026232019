/** A log in memory that answers when a test says so. */
import type { Event, EventReplayStorage, NewEvent } from '../../ts/index.js';

export interface Held extends NewEvent {
  sessionId: string;
}

interface Answer {
  accept(): void;
  reject(error: unknown): void;
}

export class HeldLog implements EventReplayStorage {
  /** What it was handed, in the order in which it was. */
  readonly events: Held[] = [];
  /** Called within `append`, before anything else; what it throws, `append` throws. */
  before: (event: NewEvent) => void = () => undefined;
  readonly #waiting: Answer[] = [];

  /** `held`: every append waits for the test. */
  constructor(public held = false) {}

  append(sessionId: string, event: NewEvent): Promise<void> {
    this.before(event);
    this.events.push({ ...event, sessionId });
    if (!this.held) return Promise.resolve();
    return new Promise((accept, reject) => this.#waiting.push({ accept, reject }));
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  accept(count = Infinity): void {
    for (const answer of this.#waiting.splice(0, count)) answer.accept();
  }

  reject(error: unknown, count = Infinity): void {
    for (const answer of this.#waiting.splice(0, count)) answer.reject(error);
  }

  async *replay(): AsyncIterable<Event> {}

  async cleanup(): Promise<void> {}
}

/** All that is queued as a microtask or for the next tick has happened. */
export const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
