/** What a log lacks, because there was no room for it on the way, until the log has been told. */
import type { NewEvent } from '../types.js';

/** How many events. */
export interface Missing {
  dropped: number;
  critical: number;
}

/** Stands in the log where events are missing. */
const OVERFLOW_TOPIC = 'log_overflow';

/** By session. */
export class MissingEvents {
  #bySession = new Map<string, Missing>();

  get any(): boolean {
    return this.#bySession.size > 0;
  }

  add(sessionId: string, { dropped, critical }: Missing): void {
    const known = this.#bySession.get(sessionId);
    this.#bySession.set(sessionId, {
      dropped: dropped + (known?.dropped ?? 0),
      critical: critical + (known?.critical ?? 0),
    });
  }

  /** Gives all of it to somebody who tells the log. */
  take(): Iterable<[sessionId: string, missing: Missing]> {
    const all = this.#bySession;
    this.#bySession = new Map();
    return all;
  }

  /** The session is to know nothing of it. */
  forget(sessionId: string): void {
    this.#bySession.delete(sessionId);
  }
}

/** What the log is told. Nobody emitted this: it counts as nothing. */
export function overflowEvent(missing: Missing): NewEvent {
  return { topic: OVERFLOW_TOPIC, payload: [missing], priority: 'critical', timestamp: Date.now() };
}
