/** How far an operation has come, for those who wait no longer: what has not been begun will not be. */
import { StorageError } from '../../errors.js';
import type { Clock } from '../../patience.js';

/** What is unknown of an operation that is given up: `write`, whether it happened; `read`, nothing. */
export type TicketKind = 'write' | 'read';

/** One operation of somebody who waits. */
export class Ticket {
  readonly since: number;
  /** Settles only by being given up. */
  readonly givenUp: Promise<never>;
  readonly #kind: TicketKind;
  #begun = false;
  #withdrawn = false;
  #reject: (error: StorageError) => void = () => undefined;

  constructor(kind: TicketKind, clock: Readonly<Clock>) {
    this.#kind = kind;
    this.since = clock.now;
    this.givenUp = new Promise((_, reject) => (this.#reject = reject));
    // Whoever waits hears of it; otherwise there is nobody to tell.
    this.givenUp.catch(() => undefined);
  }

  /** Whether it must not be begun any more. */
  get withdrawn(): boolean {
    return this.#withdrawn;
  }

  /** From now on it may have happened. Throws where it must not any more. */
  begin(): void {
    if (this.#withdrawn) throw new StorageError('ERR_TIMEOUT', 'it was withdrawn');
    this.#begun = true;
  }

  /** It has taken too long. */
  giveUp(limitMs: number): void {
    if (this.#begun && this.#kind === 'write') {
      const message = `it was begun and not done within ${limitMs} ms: it may still be, or not`;
      this.#reject(new StorageError('ERR_INDETERMINATE', message));
      return;
    }
    this.#withdrawn = true;
    this.#reject(new StorageError('ERR_TIMEOUT', `there was no answer within ${limitMs} ms`));
  }
}
