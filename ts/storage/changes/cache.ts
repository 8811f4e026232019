/** What is known of the sessions used last, so that saving one again costs what changed. */
import type { MessageList } from './message-list.js';

/** A session as it was last sent to the store, or read from it. */
export interface Snapshot {
  messages: MessageList;
  /** Names the stored state that this is: see `Stamps`. */
  stamp: number;
  /**
   * One of the messages that were read, whose texts are kept anyhow: with the last object of a shape goes what the engine
   * has compiled for it, and a program that restores now and then would have it compiled anew.
   */
  shape?: unknown;
}

/** What an entry takes beside its messages. */
const ENTRY_BYTES = 500;

/** Snapshots by session, at most so many bytes of them; who was used least recently goes first. */
export class SnapshotCache {
  readonly #limit: number;
  /** A Map keeps the order in which its keys came: whoever is used is put at the end again. */
  readonly #snapshots = new Map<string, Snapshot>();
  /**
   * Goes on where it was: whoever it has come past is not there any more, or at the end again. One that begins anew would first
   * have to come past all the places that are empty.
   */
  #oldest = this.#snapshots.keys();
  #bytes = 0;

  /** With a limit of 0 nothing is kept. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** About how many bytes the snapshots take. */
  get bytes(): number {
    return this.#bytes;
  }

  get(id: string): Snapshot | undefined {
    const snapshot = this.#snapshots.get(id);
    if (snapshot === undefined) return undefined;
    this.#snapshots.delete(id);
    this.#snapshots.set(id, snapshot);
    return snapshot;
  }

  set(id: string, snapshot: Snapshot): void {
    this.forget(id);
    const bytes = weight(snapshot);
    if (bytes > this.#limit) return;
    this.#snapshots.set(id, snapshot);
    this.#bytes += bytes;
    this.#shrink();
  }

  /** Puts a snapshot in the place of the one with a stamp, if that is still here; it was used when that one was. */
  replace(id: string, stamp: number, snapshot: Snapshot): void {
    const before = this.#snapshots.get(id);
    if (before?.stamp !== stamp) return;
    const bytes = weight(snapshot);
    if (bytes > this.#limit) {
      this.forget(id);
      return;
    }
    this.#snapshots.set(id, snapshot);
    this.#bytes += bytes - weight(before);
    this.#shrink();
  }

  #shrink(): void {
    while (this.#bytes > this.#limit && this.#snapshots.size > 0) {
      const { done, value } = this.#oldest.next();
      if (done === true) this.#oldest = this.#snapshots.keys();
      else this.forget(value);
    }
  }

  forget(id: string): void {
    const snapshot = this.#snapshots.get(id);
    if (snapshot === undefined) return;
    this.#snapshots.delete(id);
    this.#bytes -= weight(snapshot);
  }

  clear(): void {
    this.#snapshots.clear();
    this.#bytes = 0;
  }
}

const weight = ({ messages }: Snapshot): number => ENTRY_BYTES + messages.bytes;
