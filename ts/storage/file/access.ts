/** The way of one adapter to its place: opened at the first need, closed once, and how its operations are done. */
import { StorageError } from '../../errors.js';
import type { WriteOptions } from '../capabilities.js';
import { durabilityOf } from '../capability-arguments.js';
import { storageError, type Manner } from './files.js';
import type { CheckedOptions } from './options.js';
import { placeOf, type Place } from './place.js';
import type { Ticket } from './ticket.js';
import { UnderWay } from './under-way.js';

/** The manner of a change that somebody waits for. */
export type Asked = Manner & { ticket: Ticket };

export class Access {
  readonly #options: CheckedOptions;
  readonly #underWay: UnderWay;
  #place: Place | null = null;
  #closing: Promise<void> | null = null;

  constructor(options: CheckedOptions) {
    this.#options = options;
    this.#underWay = new UnderWay(options.timeoutMs, options.maxQueueBytes);
  }

  get closed(): boolean {
    return this.#closing !== null;
  }

  /** Throws `ERR_CLOSED` once it is closed. */
  open(): Place {
    if (this.#closing !== null) throw new StorageError('ERR_CLOSED', 'the store is closed');
    if (this.#place !== null) return this.#place;
    try {
      this.#place = placeOf(this.#options.path);
    } catch (error) {
      throw storageError(error);
    }
    this.#place.sweep.join();
    return this.#place;
  }

  /** The work is begun at the call, so that turns are in the order of the calls. Without a ticket it may take its time. */
  async run<T>(
    work: (place: Place) => Promise<T>,
    ticket: Ticket | null = this.#underWay.ticket('read'),
    bytes = 0,
  ): Promise<T> {
    try {
      return await this.#underWay.run(async () => work(this.open()), ticket, bytes);
    } catch (error) {
      throw storageError(error);
    }
  }

  /** The manner of a change that somebody waits for. */
  asked(options: WriteOptions | undefined, reads?: Manner['reads']): Asked {
    return { ...this.manner(options, reads), ticket: this.#underWay.ticket('write') };
  }

  manner(options: WriteOptions | undefined, reads: Manner['reads'] = 'line'): Manner {
    const power = durabilityOf(options, this.#options.durability) === 'power';
    return { reads, power, busyTimeoutMs: this.#options.busyTimeoutMs };
  }

  /** What was asked for before lands. May be called twice. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const place = this.#place;
    // What other adapters do not use either is for the garbage collector.
    this.#place = null;
    const swept = place?.sweep.leave();
    await this.#underWay.settled(
      async () => void (await Promise.all([place?.turns.settled(), swept])),
      async () => place?.syncNames(),
    );
  }
}
