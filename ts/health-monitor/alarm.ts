/** Says when the whole is degraded, and when it is restored. */
import { clearTimeout, monotonic, setTimeout, soon } from '../timers.js';
import { Degradation } from './degradation.js';

type Tell = (event: 'degraded' | 'restored', failing: string[]) => void;

/** Follows who fails, with the time and a timer that keeps nobody alive. */
export class Alarm {
  readonly #degradation = new Degradation();
  readonly #tell: Tell;
  #timer: NodeJS.Timeout | undefined;
  #held = false;

  constructor(tell: Tell) {
    this.#tell = tell;
  }

  get degraded(): boolean {
    return this.#degradation.degraded;
  }

  /** An agent is gone. `true` where that is one too many, and to be told. */
  fails(id: string): boolean {
    const tooMany = this.#degradation.fails(id, monotonic());
    this.#wait();
    return tooMany;
  }

  /** Who is failing now, the longest first. */
  get failing(): string[] {
    return this.#degradation.failing;
  }

  /** May be told later than it came about, when nobody is failing any more. */
  tellDegraded(failing = this.failing): void {
    this.#tell('degraded', failing);
  }

  /** An agent is well again, or no longer watched. */
  ends(id: string): void {
    this.#degradation.ends(id, monotonic());
    this.#wait();
  }

  /** Says nothing until `go()`, or for good. */
  hold(): void {
    this.#held = true;
    clearTimeout(this.#timer);
  }

  go(): void {
    this.#held = false;
    this.#wait();
  }

  /** Not at once: whoever has an agent watched, or no longer, may be ended. */
  #wait(): void {
    soon(() => this.#setTimer());
  }

  #setTimer(): void {
    const { lookAt } = this.#degradation;
    if (lookAt === null || this.#held) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#look(), Math.max(1, Math.ceil(lookAt - monotonic()))).unref();
  }

  #look(): void {
    if (this.#degradation.restored(monotonic())) this.#tell('restored', this.#degradation.failing);
    else this.#wait();
  }
}
