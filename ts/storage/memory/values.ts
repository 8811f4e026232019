/** The keys of a memory adapter: encoded values, some of them with an end. */
import type { Encoded } from '../../codec.js';
import { copyOf } from '../../ids.js';
import { byCodePoint } from '../listing.js';

/** A value as it is kept. */
export interface KeptValue extends Encoded {
  /** Milliseconds since the epoch; undefined: it stays. */
  expiresAt: number | undefined;
}

/** Sweeping this often at the least would find little. */
const FEWEST_BETWEEN_SWEEPS = 64;

export class MemoryValues {
  readonly #kept = new Map<string, KeptValue>();
  #mortalSinceSweep = 0;

  /** Keys that have not expired. */
  get size(): number {
    this.#sweep();
    return this.#kept.size;
  }

  /** Characters of what is kept. */
  get length(): number {
    let length = 0;
    for (const { text } of this.#kept.values()) length += text.length;
    return length;
  }

  set(key: string, value: KeptValue): void {
    this.#kept.set(this.#kept.has(key) ? key : copyOf(key), value);
    if (value.expiresAt === undefined) return;
    this.#mortalSinceSweep += 1;
    // Values that nobody asks for again must not pile up; once in as many as there are costs each of them nothing.
    if (this.#mortalSinceSweep > Math.max(FEWEST_BETWEEN_SWEEPS, this.#kept.size)) this.#sweep();
  }

  /** A value whose time has come is removed where it is met. */
  get(key: string): KeptValue | undefined {
    const value = this.#kept.get(key);
    if (value?.expiresAt === undefined || value.expiresAt > Date.now()) return value;
    this.#kept.delete(key);
    return undefined;
  }

  delete(key: string): boolean {
    return this.get(key) !== undefined && this.#kept.delete(key);
  }

  clear(): void {
    this.#kept.clear();
  }

  /** Living keys that begin so, by code points. */
  keys(prefix: string): string[] {
    this.#sweep();
    return [...this.#kept.keys()].filter((key) => key.startsWith(prefix)).sort(byCodePoint);
  }

  #sweep(): void {
    this.#mortalSinceSweep = 0;
    for (const key of this.#kept.keys()) this.get(key);
  }
}
