/** When so many agents fail that the trouble is not theirs. Pure: the time comes from the caller. */

/** More failures than this within the window, and the whole is degraded. */
const TOO_MANY = 3;
const WINDOW_MS = 30_000;
/** Fewer agents than this have to be failing, for so long, until it is restored. */
const FEW = 2;
const CALM_MS = 120_000;

/** Counts failures of agents. All times are milliseconds of one clock that never goes back. */
export class Degradation {
  /** Who is failing now. */
  readonly #failing = new Set<string>();
  /** The last failure of each agent within the window. */
  readonly #failures = new Map<string, number>();
  /** While it is degraded, since when few are failing; null where they are not. */
  #calmSince: number | null = null;
  #degraded = false;

  get degraded(): boolean {
    return this.#degraded;
  }

  /** Who is failing now, the longest first. */
  get failing(): string[] {
    return [...this.#failing];
  }

  /** An agent is gone. `true` where that is one too many. */
  fails(id: string, now: number): boolean {
    this.#failing.add(id);
    if (this.#failing.size >= FEW) this.#calmSince = null;
    this.#failures.delete(id);
    this.#failures.set(id, now);
    for (const [other, moment] of this.#failures) {
      if (moment > now - WINDOW_MS) break;
      this.#failures.delete(other);
    }
    if (this.#degraded || this.#failures.size <= TOO_MANY) return false;
    this.#degraded = true;
    // Agents that fail in turn may be one at a time; but what was calm before says nothing about this.
    this.#calmSince = this.#failing.size < FEW ? now : null;
    return true;
  }

  /** An agent is well again, or no longer watched. */
  ends(id: string, now: number): void {
    this.#failing.delete(id);
    if (this.#failing.size < FEW) this.#calmSince ??= now;
  }

  /** When to look whether it is restored; null where that takes an agent that gets well. */
  get lookAt(): number | null {
    return this.#degraded && this.#calmSince !== null ? this.#calmSince + CALM_MS : null;
  }

  /** Whether it is restored; `true` once. */
  restored(now: number): boolean {
    const { lookAt } = this;
    if (lookAt === null || now < lookAt) return false;
    this.#degraded = false;
    this.#failures.clear();
    return true;
  }
}
