/** What was asked of one adapter and is not done: how much of it there may be, and how long somebody waits for it. */
import { ChurnSet } from '../../churn.js';
import { StorageError } from '../../errors.js';
import { Patience, type Late } from '../../patience.js';
import { Ticket, type TicketKind } from './ticket.js';

export class UnderWay {
  readonly #maxBytes: number;
  readonly #patience: Patience;
  readonly #running = new ChurnSet<Promise<unknown>>();
  readonly #tickets = new ChurnSet<Ticket>();
  #bytes = 0;

  constructor(timeoutMs: number, maxBytes: number) {
    this.#maxBytes = maxBytes;
    this.#patience = new Patience(timeoutMs, (late) => this.#look(late));
  }

  /** The ticket of an operation that somebody is about to wait for. */
  ticket(kind: TicketKind): Ticket {
    const ticket = new Ticket(kind, this.#patience.clock);
    this.#tickets.add(ticket);
    this.#patience.start();
    return ticket;
  }

  /** Does something, at once, and waits for it as long as its ticket allows; without one as long as it takes. */
  async run<T>(begin: () => Promise<T>, ticket: Ticket | null, bytes: number): Promise<T> {
    try {
      const running = this.#accounted(begin, bytes);
      return await (ticket === null ? running : Promise.race([running, ticket.givenUp]));
    } finally {
      if (ticket !== null) this.#tickets.delete(ticket);
    }
  }

  /** Waits for something, for all that is under way, and then for what is to come last. */
  async settled(first: () => Promise<void>, last: () => Promise<void>): Promise<void> {
    const ticket = this.ticket('read');
    try {
      // A prune takes its turns one after another.
      for (const next of [first, () => Promise.allSettled(this.#running.values()), last]) {
        await Promise.race([next(), ticket.givenUp]);
      }
    } finally {
      this.#tickets.delete(ticket);
      this.#patience.rest();
    }
  }

  /** What is given up goes on, and takes its memory until it ends. */
  #accounted<T>(begin: () => Promise<T>, bytes: number): Promise<T> {
    if (bytes > 0 && this.#bytes > 0 && this.#bytes + bytes > this.#maxBytes) {
      const message = `${this.#bytes} of ${this.#maxBytes} bytes wait to be written; wait for earlier writes and try again`;
      throw new StorageError('ERR_BACKPRESSURE', message);
    }
    this.#bytes += bytes;
    const running = begin().finally(() => {
      this.#bytes -= bytes;
      this.#running.delete(running);
    });
    running.catch(() => undefined);
    this.#running.add(running);
    return running;
  }

  #look(late: Late): boolean {
    for (const ticket of this.#tickets.values()) if (late(ticket.since)) ticket.giveUp(this.#patience.limitMs);
    return this.#tickets.size > 0;
  }
}
