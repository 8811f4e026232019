/** What a log lacks, because there was no room for it on the way, until the log has been told. */
import type { NewEvent } from '../types.js';

/** How many events. */
export interface Missing {
  dropped: number;
  critical: number;
}

/** What a log is being told. */
export interface Note {
  readonly sessionId: string;
  readonly missing: Missing;
  /** The log could not be told. */
  failed: boolean;
  /** Its session is being erased, and is to know nothing of it. */
  unwanted: boolean;
}

/** Stands in the log where events are missing. */
const OVERFLOW_TOPIC = 'log_overflow';

/** By session. */
export class MissingEvents {
  #bySession = new Map<string, Missing>();
  /** Those that have no answer yet. */
  readonly #notes = new Set<Note>();

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
  take(): Note[] {
    const notes = Array.from(this.#bySession, ([sessionId, missing]) => {
      return { sessionId, missing, failed: false, unwanted: false };
    });
    this.#bySession = new Map();
    for (const note of notes) this.#notes.add(note);
    return notes;
  }

  /** The log knows it. */
  told(note: Note): void {
    this.#notes.delete(note);
  }

  /** The log could not be told: it is missing still. */
  untold(note: Note): void {
    this.#notes.delete(note);
    note.failed = true;
    if (!note.unwanted) this.add(note.sessionId, note.missing);
  }

  /** The session, which is about to be erased, is to know nothing of what it lacks by now. Gives what takes that back. */
  forget(sessionId: string): () => void {
    const missing = this.#bySession.get(sessionId);
    const notes = [...this.#notes].filter((note) => note.sessionId === sessionId);
    this.#bySession.delete(sessionId);
    for (const note of notes) note.unwanted = true;
    return () => {
      if (missing !== undefined) this.add(sessionId, missing);
      for (const note of notes) {
        note.unwanted = false;
        if (note.failed) this.add(sessionId, note.missing);
      }
    };
  }
}

/** What the log is told. Nobody emitted this: it counts as nothing. */
export function overflowEvent(missing: Missing): NewEvent {
  return { topic: OVERFLOW_TOPIC, payload: [missing], priority: 'critical', timestamp: Date.now() };
}
