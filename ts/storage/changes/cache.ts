/** What is known of the sessions used last, so that saving one again costs what changed. */
import { copyOf } from '../../ids.js';
import type { MessageList } from './message-list.js';

/** A session as it was last sent to the store, or read from it. */
export interface Snapshot {
  messages: MessageList;
  /** Names the stored state that this is: see `Stamps`. */
  stamp: number;
  /**
   * An object of the shape of the messages that were read, but none of those: the program may hang anything on them. With the
   * last object of a shape goes what the engine has compiled for it, and a program that restores now and then would have it
   * compiled anew.
   */
  shape?: unknown;
}

/** What an entry takes beside its messages. */
const ENTRY_BYTES = 500;

/** One of a chain, from the one that was used least recently to the one that was used last. */
interface Entry {
  readonly id: string;
  snapshot: Snapshot;
  older: Entry | null;
  newer: Entry | null;
}

/**
 * Snapshots by session, at most so many bytes of them; who was used least recently goes first. The order of a Map would tell
 * who that is as well, but past all the places of those that were put at its end; and an iterator that stays there holds
 * each table that the Map has ever had.
 */
export class SnapshotCache {
  readonly #limit: number;
  readonly #entries = new Map<string, Entry>();
  #oldest: Entry | null = null;
  #newest: Entry | null = null;
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
    const entry = this.#entries.get(id);
    if (entry === undefined) return undefined;
    this.#unlink(entry);
    this.#append(entry);
    return entry.snapshot;
  }

  set(id: string, snapshot: Snapshot): void {
    const bytes = weight(snapshot);
    if (bytes > this.#limit) {
      this.forget(id);
      return;
    }
    this.#bytes += bytes;
    const known = this.#entries.get(id);
    if (known === undefined) {
      const entry = { id: copyOf(id), snapshot, older: null, newer: null };
      this.#entries.set(entry.id, entry);
      this.#append(entry);
    } else {
      this.#bytes -= weight(known.snapshot);
      known.snapshot = snapshot;
      this.#unlink(known);
      this.#append(known);
    }
    this.#shrink();
  }

  /** Puts a snapshot in the place of the one with a stamp, if that is still here; it was used when that one was. */
  replace(id: string, stamp: number, snapshot: Snapshot): void {
    const entry = this.#entries.get(id);
    if (entry?.snapshot.stamp !== stamp) return;
    const bytes = weight(snapshot);
    if (bytes > this.#limit) {
      this.forget(id);
      return;
    }
    this.#bytes += bytes - weight(entry.snapshot);
    entry.snapshot = snapshot;
    this.#shrink();
  }

  forget(id: string): void {
    const entry = this.#entries.get(id);
    if (entry !== undefined) this.#remove(entry);
  }

  clear(): void {
    this.#entries.clear();
    this.#oldest = this.#newest = null;
    this.#bytes = 0;
  }

  #shrink(): void {
    while (this.#bytes > this.#limit && this.#oldest !== null) this.#remove(this.#oldest);
  }

  #remove(entry: Entry): void {
    this.#entries.delete(entry.id);
    this.#unlink(entry);
    this.#bytes -= weight(entry.snapshot);
  }

  #append(entry: Entry): void {
    entry.older = this.#newest;
    if (this.#newest === null) this.#oldest = entry;
    else this.#newest.newer = entry;
    this.#newest = entry;
  }

  #unlink(entry: Entry): void {
    const { older, newer } = entry;
    if (older === null) this.#oldest = newer;
    else older.newer = newer;
    if (newer === null) this.#newest = older;
    else newer.older = older;
    entry.older = entry.newer = null;
  }
}

const weight = ({ messages }: Snapshot): number => ENTRY_BYTES + messages.bytes;
