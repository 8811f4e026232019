/** What is told of agents, in order; while it is held, nothing is. */
import type { Roster } from './roster.js';
import type { Watched } from './watched.js';

/** Whoever listens may hold it at any moment, or take out whom the rest is about: that is told when it goes on, or never. */
export class Telling {
  readonly #agents: Roster;
  #untold: { about: Watched | null; tell: () => void }[] = [];
  #held = false;

  constructor(agents: Roster) {
    this.#agents = agents;
  }

  get held(): boolean {
    return this.#held;
  }

  /** Tells something of an agent that is still watched, or of the whole. */
  about(about: Watched | null, tell: () => void): void {
    if (this.held || this.#untold.length > 0) this.#untold.push({ about, tell });
    else this.#pass(about, tell);
  }

  hold(): void {
    this.#held = true;
  }

  /** `false`: whoever was told of what had been held back holds it again. */
  go(): boolean {
    this.#held = false;
    while (!this.held) {
      const next = this.#untold.shift();
      if (next === undefined) return true;
      this.#pass(next.about, next.tell);
    }
    return false;
  }

  #pass(about: Watched | null, tell: () => void): void {
    if (about === null || this.#agents.has(about)) tell();
  }
}
