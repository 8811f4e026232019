/** A consumer with a name, which goes on where it was. */
import { EventLogError } from '../errors.js';
import { crossing, type Native } from '../native.js';
import type { Durability, Event } from '../types.js';
import type { Asked } from './asked.js';
import type { TailOptions } from './options.js';
import { tail, type Tailed } from './tail.js';

type Handle = ReturnType<Native['logConsumer']>;

/**
 * Brings the events of a session, and remembers which have been acknowledged, also across restarts: each is brought at
 * least once, and again as long as it has not been. Nobody else, in whichever process, can have the same name and session
 * at the same time. Close it to let go of them.
 */
export class EventConsumer implements AsyncIterable<Event> {
  readonly sessionId: string;
  readonly name: string;
  readonly #log: Tailed;
  readonly #handle: Handle;
  readonly #asked: Asked;
  readonly #options: TailOptions;
  readonly #stopped = new AbortController();
  readonly #closed: (consumer: EventConsumer) => void;
  readonly #durability: Durability;
  #position: number;
  #closing: Promise<void> | null = null;

  /** @internal `subscribe` makes it. */
  constructor(from: {
    log: Tailed;
    asked: Asked;
    handle: Handle;
    sessionId: string;
    name: string;
    position: number;
    durability: Durability;
    options: TailOptions;
    closed(consumer: EventConsumer): void;
  }) {
    this.sessionId = from.sessionId;
    this.name = from.name;
    this.#log = from.log;
    this.#asked = from.asked;
    this.#handle = from.handle;
    this.#options = from.options;
    this.#position = from.position;
    this.#durability = from.durability;
    this.#closed = from.closed;
  }

  /** Every event up to this number has been acknowledged. */
  get position(): number {
    return this.#position;
  }

  /** What has not been acknowledged, and then what comes. Rejects with `ERR_CLOSED` when it, or the log, is closed. */
  [Symbol.asyncIterator](): AsyncGenerator<Event, void, undefined> {
    const { signal, ...options } = this.#options;
    const signals = [this.#stopped.signal, ...(signal === undefined ? [] : [signal])];
    return tail(this.#log, this.sessionId, { options, signals, after: () => this.#position });
  }

  /**
   * Takes note that this event, and all before it, have been seen to; resolves when that survives what `durability` names.
   * Like an append it may reject with `ERR_TIMEOUT` or `ERR_INDETERMINATE`; it may be said again in either case. A `TypeError`
   * is an event of another session, whose number says nothing about this one. A number is taken as it is: what has not come yet
   * and is not above it will not come.
   */
  async ack(event: Event | number): Promise<void> {
    const seq = typeof event === 'number' ? event : (event as Partial<Event> | null)?.seq;
    if (!Number.isSafeInteger(seq) || (seq as number) < 0) throw new TypeError('ack takes an event or its seq');
    const { sessionId = this.sessionId } = typeof event === 'number' ? {} : (event as Partial<Event>);
    if (sessionId !== this.sessionId) {
      const [theirs, ours] = [sessionId, this.sessionId].map((id) => JSON.stringify(id));
      throw new TypeError(`ack was given an event of session ${theirs}, and the consumer is one of ${ours}`);
    }
    this.#check();
    await this.#asked.runSoon<null>(this.#durability, (binary, slot) => {
      binary.logConsumerAcknowledge(this.#handle, slot, seq as number);
    });
    this.#position = Math.max(this.#position, seq as number);
  }

  /**
   * Lets go of the name, after everything that has been acknowledged before; resolves when that is on the disk. May be called
   * twice. Rejects with `ERR_IO` where a sync fails, that of another consumer's position included, and with `ERR_TIMEOUT` where
   * it takes longer than the log's `timeoutMs`.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<void> {
    this.#stopped.abort(new EventLogError('ERR_CLOSED', `the consumer ${JSON.stringify(this.name)} is closed`));
    this.#closed(this);
    await this.#asked.run<null>('read', (binary, slot) => {
      binary.logConsumerClose(this.#handle, slot);
    });
  }

  #check(): void {
    if (this.#closing !== null) this.#stopped.signal.throwIfAborted();
  }
}

/** What a consumer is made of. */
export async function openConsumer(
  from: { log: Tailed; asked: Asked; consumers: Set<EventConsumer>; isClosed: () => boolean },
  durability: Durability,
  sessionId: string,
  name: string,
  options: TailOptions,
): Promise<EventConsumer> {
  const { log, asked, consumers, isClosed } = from;
  const handle = crossing(EventLogError, (binary) =>
    binary.logConsumer(asked.handle, sessionId, name, durability === 'power'),
  );
  let position: number;
  try {
    position = await asked.run<number>('read', (binary, slot) => {
      binary.logConsumerOpen(handle, slot);
    });
    // The log would have closed it, had it been there; nothing answers any more.
    if (isClosed()) throw new EventLogError('ERR_CLOSED', 'the event log is closed');
  } catch (error) {
    // What was begun and given up may still get the position: then nobody else could have it.
    crossing(EventLogError, (binary) => binary.logConsumerForget(handle));
    throw error;
  }
  const closed = (consumer: EventConsumer): void => void consumers.delete(consumer);
  const opened = new EventConsumer({ log, asked, handle, sessionId, name, position, durability, options, closed });
  consumers.add(opened);
  return opened;
}
