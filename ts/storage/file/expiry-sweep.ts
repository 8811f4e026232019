/**
 * Removes the files of keys whose end has come, also where nobody asks for them again: once a minute at the most, and only as
 * long as there may be keys with an end, and somebody has the place open.
 */
import { clearTimeout, setTimeout } from '../../timers.js';
import type { Manner } from './files.js';
import type { Entry } from './folder.js';
import type { KeyHead } from './format.js';
import type { Place } from './place.js';
import { isExpired, removeIfExpired } from './upkeep.js';

const PAUSE_MS = 60_000;

/** Who writes a key at this moment is not waited for. */
const MANNER: Manner = { reads: 'line', power: false, busyTimeoutMs: 0 };

export class ExpirySweep {
  /** Weakly: the timer must not hold what everybody else has forgotten. */
  readonly #place: WeakRef<Place>;
  /** How many adapters have the place open. */
  #users = 0;
  /** No key that is known of ends before. */
  #earliest = Infinity;
  #timer: NodeJS.Timeout | null = null;
  #running: Promise<void> | null = null;

  constructor(place: Place) {
    this.#place = new WeakRef(place);
  }

  /** For an adapter that opens the place. */
  join(): void {
    this.#users += 1;
    this.#arm();
  }

  /** For one that closes it. After the last one nothing is begun any more; what has been is waited for. */
  async leave(): Promise<void> {
    this.#users -= 1;
    if (this.#users > 0) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    await this.#running;
  }

  /** There will be a key that ends then, in milliseconds since the epoch; undefined: it stays. */
  expect(end: number | undefined): void {
    if (end === undefined) return;
    this.#earliest = Math.min(this.#earliest, end);
    this.#arm();
  }

  /** These keys are there. */
  meet(entries: readonly Entry<KeyHead>[]): void {
    for (const { head } of entries) this.expect(head?.expiresAt);
  }

  #arm(): void {
    if (this.#users === 0 || this.#earliest === Infinity || this.#running !== null) return;
    // It keeps no process alive.
    this.#timer ??= setTimeout(() => this.#look(), PAUSE_MS).unref();
  }

  #look(): void {
    this.#timer = null;
    const place = this.#place.deref();
    if (place === undefined) return;
    if (this.#earliest > Date.now()) {
      this.#arm();
      return;
    }
    this.#running = this.#sweep(place).finally(() => {
      this.#running = null;
      this.#arm();
    });
  }

  /** What cannot be removed now takes room, and no more, until the next time. */
  async #sweep(place: Place): Promise<void> {
    const before = this.#earliest;
    // What is set from now on counts as well.
    this.#earliest = Infinity;
    try {
      const entries = await place.keys.entries();
      this.meet(entries.filter(({ head }) => !isExpired(head)));
      const expired = entries.filter(({ head }) => isExpired(head));
      await place.turns.each(expired, async (entry) => {
        if (this.#users === 0) this.meet([entry]);
        else await removeIfExpired(place, entry.id, MANNER).catch(() => this.meet([entry]));
      });
    } catch {
      this.expect(before);
    }
  }
}
