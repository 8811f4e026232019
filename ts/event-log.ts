/** A durable log of events, one file of JSON lines for each session. `docs/event-log.md` describes the files. */
import { resolve } from 'node:path';

import type { Kind } from './calls.js';
import type { EncodeOptions } from './codec.js';
import { EventLogError } from './errors.js';
import { decodeEvents, encodeEvent, PreparedKind } from './event-log/encoding.js';
import { closeFiles, openFiles, type Opened } from './event-log/opened.js';
import {
  DEFAULTS,
  durabilityOption,
  logOptions,
  powerOption,
  REPLAY,
  SUBSCRIPTION,
  replayQuery,
  retentionArgument,
  tailOptions,
  type JsonlEventLogOptions,
  type TailOptions,
} from './event-log/options.js';
import { Reads } from './event-log/reads.js';
import { openConsumer, type EventConsumer } from './event-log/consumer.js';
import type { EventLogStats, EventLogVerifyReport } from './event-log/stats.js';
import { tail, type Tailed } from './event-log/tail.js';
import { waitForNewer } from './event-log/wait.js';
import { checkId } from './ids.js';
import { crossing, native, NATIVE_LOG, type Native } from './native.js';
import { optionsObject, signalOption } from './options.js';
import type {
  AppendReceipt,
  CleanupReport,
  Durability,
  Event,
  EventKind,
  EventReplayStorage,
  EventStream,
  NewEvent,
  ReplayOptions,
  StreamOutcome,
} from './types.js';

type Handle = ReturnType<Native['logOpen']>;

/** Gives an operation to the binary. */
type Begin = (binary: Native, handle: Handle, slot: number) => void;

/** What a consumer brings, and what its acknowledgements survive: by default what the log's events do. */
export type SubscribeOptions = Omit<TailOptions, 'afterSeq'> & { durability?: Durability };

/**
 * Stores events so that they survive the process (`durability: 'process'`, the default) or the power (`'power'`), and
 * replays them by time, number, topic and priority. One process owns a directory, all its threads share it. The files
 * are opened by the first call; what keeps them from opening (`ERR_LOCKED`, `ERR_IO`) rejects that call, and the next
 * one tries again.
 */
export class JsonlEventReplayStorage implements EventReplayStorage {
  /** The settings of a log that is told nothing. */
  static readonly defaults: Readonly<Required<JsonlEventLogOptions>> = DEFAULTS;

  /** Where the files are. */
  readonly directory: string;
  readonly #options: Required<JsonlEventLogOptions>;
  readonly #encoding: EncodeOptions;
  #opened: Opened | null = null;
  #closing: Promise<void> | null = null;

  /** Checks the options. Throws a TypeError or `ERR_OPTION_INVALID`. */
  constructor(options?: JsonlEventLogOptions) {
    this.#options = logOptions(options);
    this.#encoding = { unsupported: this.#options.unsupported };
    this.directory = resolve(this.#options.directory);
  }

  /**
   * Stores an event, which is encoded within this call: later changes to it change nothing. A member that events do not
   * have is a TypeError; `seq` and `sessionId` of an event that was replayed are given anew. Resolves once it will
   * survive what `durability` names (default: the log's). Rejects with `ERR_BACKPRESSURE` when too much waits,
   * `ERR_TIMEOUT` when it has waited for the log's `timeoutMs` and was withdrawn, `ERR_VALUE_UNSUPPORTED` with the path of
   * what could not come back, `ERR_FULL`, `ERR_IO`; with `ERR_INDETERMINATE` nobody knows whether it is stored, with every
   * other error it is not.
   */
  append(sessionId: string, event: NewEvent, options?: { durability?: Durability }): Promise<AppendReceipt> {
    // A promise of its own rather than an async function: three of them would be made for each event.
    return new Promise((resolve, reject) => {
      checkId(sessionId, 'sessionId');
      const power = options === undefined ? null : powerOption(options);
      const { body, id, timestamp } = encodeEvent(event, this.#encoding);
      const { together } = this.#open();
      if (id === null) together.add(sessionId, body, power, { timestamp, resolve, reject });
      else this.#appendAs(id, sessionId, body, power, timestamp).then(resolve, reject);
    });
  }

  /** `append` has encoded its event when it returns; one that somebody has put in its place may not have. */
  get encodesAtOnce(): boolean {
    return this.append === appendHere;
  }

  openEventStream(settled: (outcome: StreamOutcome) => void): EventStream | null {
    if (!this.encodesAtOnce) return null;
    const kind = (sessionId: string, event: EventKind): object => new PreparedKind(sessionId, event, this.#encoding);
    let road: EventStream | null = null;
    let left: Opened['left'] | null = null;
    // The log opens with the first event.
    const opened = (): EventStream => {
      if (road !== null && left?.already !== true) return road;
      const { together, left: of } = this.#open();
      left = of;
      return (road = together.stream(kind, settled));
    };
    return {
      kind,
      encode: (prepared, payload, timestamp) => {
        if (this.#closing !== null) this.#open();
        return opened().encode(prepared, payload, timestamp);
      },
      add: (prepared, text, origin) => opened().add(prepared, text, origin),
      idle: async () => road?.idle(),
    };
  }

  /**
   * The events of a session, oldest first; critical ones only, unless `priority: 'all'`. What it brings is fixed when
   * the first event is asked for: everything acknowledged before that, nothing twice, whatever is appended, archived or
   * deleted meanwhile. It is read as fast as it is consumed; leaving the loop early lets go of everything. It rejects with
   * `ERR_TIMEOUT` where the next events do not come within the log's `timeoutMs`.
   */
  async *replay(sessionId: string, options?: ReplayOptions): AsyncGenerator<Event, void, undefined> {
    checkId(sessionId, 'sessionId');
    const given = optionsObject('options', options, REPLAY);
    const query = replayQuery(given);
    const signal = signalOption(given.signal);
    signal?.throwIfAborted();
    const { asked } = this.#open();
    const cursor = crossing(EventLogError, (binary) => binary.logReplay(asked.handle, sessionId, query));
    const reads = new Reads(asked, signal);
    try {
      for (;;) {
        // Whatever was appended before comes before what is read.
        this.#open().together.send();
        const piece = await reads.next<string | null>((binary, slot) => binary.logReplayNext(cursor, slot));
        if (piece === null) return;
        for (const event of decodeEvents(piece)) {
          reads.check();
          yield event;
        }
      }
    } finally {
      reads.end();
      crossing(EventLogError, (binary) => {
        binary.logReplayEnd(cursor);
      });
    }
  }

  /**
   * What there is of a session, oldest first, and then what comes: each event once, in order, whoever writes it. All
   * priorities, unless told otherwise. It ends by its signal, or when the log is closed, with an error; or by leaving the
   * loop. What the retention archives before it is brought is not brought. A wrong argument is thrown by the call itself, not
   * by the first event as in `replay`: the options count as they are now.
   */
  tail(sessionId: string, options?: TailOptions): AsyncGenerator<Event, void, undefined> {
    checkId(sessionId, 'sessionId');
    const { afterSeq = 0, signal, ...rest } = tailOptions(options);
    const signals = signal === undefined ? [] : [signal];
    return tail(this.#tailed, sessionId, { options: rest, signals, after: () => afterSeq });
  }

  /**
   * A consumer with a name, which goes on behind the last event that it has acknowledged, also after a restart. Rejects
   * with `ERR_LOCKED` while another one has the same name and session; `owner` says in which process.
   */
  async subscribe(sessionId: string, consumer: string, options?: SubscribeOptions): Promise<EventConsumer> {
    checkId(sessionId, 'sessionId');
    checkId(consumer, 'consumer');
    const { durability: asked, ...others } = optionsObject('options', options, SUBSCRIPTION);
    const durability = durabilityOption(asked, this.#options.durability);
    const checked = tailOptions(others);
    const isClosed = (): boolean => this.#closing !== null;
    const from = { ...this.#open(), log: this.#tailed, isClosed };
    return openConsumer(from, durability, sessionId, consumer, checked);
  }

  /** Reads the files of one session again, or of all, archive included, and says where they are damaged. */
  async verify(sessionId?: string): Promise<EventLogVerifyReport> {
    if (sessionId !== undefined) checkId(sessionId, 'sessionId');
    return this.#json<EventLogVerifyReport>('long', (binary, handle, slot) => {
      binary.logVerify(handle, slot, sessionId);
    });
  }

  /**
   * Moves files whose events are all older than `retentionMs` to the archive, and deletes archived ones older than
   * `maxRetentionMs`, by the events' own timestamps. By default both are the longest of all open logs on the directory. Runs by
   * itself: see `cleanupIntervalMs`. Appends go on meanwhile.
   * The close of the last log on the directory ends it early: it resolves with what it has done by then.
   */
  async cleanup(retentionMs?: number): Promise<CleanupReport> {
    const retention = retentionArgument(retentionMs);
    return this.#json<CleanupReport>('long', (binary, handle, slot) => {
      binary.logCleanup(handle, slot, retention);
    });
  }

  /** Removes everything of a session, archive and copies of damaged lines included. Whether there was anything. */
  async eraseSession(sessionId: string): Promise<boolean> {
    checkId(sessionId, 'sessionId');
    return this.#call<boolean>('write', (binary, handle, slot) => {
      binary.logEraseSession(handle, slot, sessionId);
    });
  }

  /** The ids of all sessions with events within the retention, in order. */
  async sessions(): Promise<string[]> {
    return this.#call<string[]>('read', (binary, handle, slot) => {
      binary.logSessions(handle, slot);
    });
  }

  /** Counts, and what the opening found and repaired. */
  async getStats(): Promise<EventLogStats> {
    type Told = Omit<EventLogStats, 'directory' | 'queuedBytes'>;
    const stats = await this.#json<Told>('read', (binary, handle, slot) => {
      binary.logGetStats(handle, slot);
    });
    const { handle } = this.#open().asked;
    const queuedBytes = crossing(EventLogError, (binary) => binary.logQueuedBytes(handle));
    return { directory: this.directory, ...stats, queuedBytes };
  }

  /**
   * Resolves when everything appended so far is on the disk, whatever its durability, and what consumers have acknowledged.
   * Those that wait together share one sync, and what becomes of it. Rejects with `ERR_INDETERMINATE` where a sync failed or had
   * not ended within `timeoutMs`, with `ERR_TIMEOUT` where none was begun by then; with `ERR_IO` where the sync of a consumer's
   * position failed.
   */
  async flush(): Promise<void> {
    await this.#call<null>('write', (binary, handle, slot) => {
      binary.logFlush(handle, slot);
    });
  }

  /**
   * What was appended before lands; afterwards everything is rejected with `ERR_CLOSED`. May be called twice. Rejects with
   * `ERR_TIMEOUT` where that takes longer than `timeoutMs`: it goes on all the same; with `ERR_IO` where somebody has removed
   * or replaced the log's lock, or the sync of a consumer's position failed, and nobody has heard of it; with
   * `ERR_INDETERMINATE` where a sync of events failed and this log has not heard of it.
   */
  close(): Promise<void> {
    this.#closing ??= closeFiles(this.#opened);
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** @internal */
  [NATIVE_LOG](): Handle {
    return this.#open().asked.handle;
  }

  readonly #tailed: Tailed = {
    replay: (sessionId, options) => this.replay(sessionId, options),
    wait: (sessionId, after, signal) => {
      const { asked, together } = this.#open();
      together.send();
      return waitForNewer(asked, sessionId, after, signal);
    },
  };

  #open(): Opened {
    if (this.#closing !== null) throw new EventLogError('ERR_CLOSED', 'the event log is closed');
    if (this.#opened?.left.already === false) return this.#opened;
    native();
    const before = this.#opened;
    this.#opened = openFiles(this, this.directory, this.#options);
    before?.exit.takeBack();
    return this.#opened;
  }

  async #appendAs(
    id: string,
    sessionId: string,
    body: string,
    power: boolean | null,
    timestamp: number,
  ): Promise<AppendReceipt> {
    const receipt = await this.#call<string>('write', (binary, handle, slot) => {
      binary.logAppend(handle, slot, sessionId, body, id, power);
    });
    return { seq: Number(receipt.slice(0, receipt.indexOf(' '))), id, timestamp };
  }

  async #call<T>(kind: Kind, begin: Begin): Promise<T> {
    const { asked, together } = this.#open();
    together.send();
    return asked.run<T>(kind, (binary, slot) => begin(binary, asked.handle, slot));
  }

  async #json<T>(kind: Kind, begin: Begin): Promise<T> {
    return JSON.parse(await this.#call<string>(kind, begin)) as T;
  }
}

const appendHere = JsonlEventReplayStorage.prototype.append;
