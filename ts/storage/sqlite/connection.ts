/** The open file: opened by the first call, tried anew after a failed opening, drained at exit, closed once. */
import { Calls, type Hearer, type Kind } from '../../calls.js';
import { fromNative, StorageError } from '../../errors.js';
import { drainAtExit, type ExitWish } from '../../exit.js';
import { MOMENT_MS, Moments, type Watch } from '../../moments.js';
import { crossing, native, type Native } from '../../native.js';
import { Patience, type Late } from '../../patience.js';
import type { Durability } from '../../types.js';
import { EVERYTHING, PendingWrites } from '../pending-writes.js';
import { Turns } from '../turns.js';
import { drainOf } from './drain.js';
import { Here } from './here.js';
import type { CheckedOptions } from './options.js';
import { Pace } from './pace.js';
import { UnsettledSaves } from './unsettled-saves.js';

export type Handle = ReturnType<Native['storageOpen']>;

/** Gives an operation to the binary. */
export type Begin = (binary: Native, handle: Handle, slot: number) => void;

interface Opened {
  handle: Handle;
  calls: Calls;
  watch: Watch;
  /** Settles when the file is open. */
  opening: Promise<unknown>;
  exit: ExitWish;
  /** Settles when it is closed; null while nobody has asked for that. */
  ended: Promise<unknown> | null;
}

/** One file, and what is on its way to it. */
export class Connection {
  readonly turns: Turns;
  readonly pace = new Pace();
  readonly here = new Here();
  readonly unsettled = new UnsettledSaves();
  readonly #options: CheckedOptions['opening'];
  readonly #patience: Patience;
  readonly #pending = new PendingWrites();
  readonly #moments = new Moments();
  #opened: Opened | null = null;
  #ready = false;
  #closing: Promise<void> | null = null;
  /** What writes in several steps, and is to take all of them. */
  readonly #inSteps = new Set<Promise<unknown>>();

  constructor(options: CheckedOptions['opening'], timeoutMs: number) {
    this.#options = options;
    this.#patience = new Patience(timeoutMs, (late) => this.#look(late));
    this.turns = new Turns(this.#patience.clock);
  }

  /** Opens the file where it is not open yet. Throws `ERR_CLOSED`, `ERR_NATIVE_UNAVAILABLE`. */
  open(): Opened {
    if (this.#closing !== null) throw new StorageError('ERR_CLOSED', 'the store is closed');
    this.#patience.start();
    if (this.#opened !== null) return this.#opened;
    native();
    const calls = new Calls(StorageError);
    let handle: Handle | undefined;
    let failure: unknown;
    const opening = calls.run<null>(
      (binary, slot) => {
        try {
          handle = binary.storageOpen({ ...this.#options, now: Date.now() }, calls.settle, slot);
        } catch (error) {
          failure = error;
          throw error;
        }
      },
      'read',
      this.#patience,
    );
    // Whoever called hears of a failure by the call itself; this promise is for those who wait for the opening.
    opening.catch(() => undefined);
    if (handle === undefined) throw fromNative(failure as Parameters<typeof fromNative>[0], StorageError);
    const watch = watchOf(handle);
    const { turns, pace, unsettled } = this;
    const { maxQueueBytes } = this.#options;
    const exit = drainAtExit(this, drainOf({ handle, calls, watch, turns, pace, unsettled, maxQueueBytes }));
    const opened: Opened = { handle, calls, watch, opening, exit, ended: null };
    this.#opened = opened;
    opening.then(
      () => (this.#ready = true),
      () => this.#forget(opened),
    );
    return opened;
  }

  /** Runs an operation that concerns no session; its promise settles with the answer. */
  call<T>(begin: Begin, kind?: Kind): Promise<T> {
    this.open();
    return this.turns.pass(() => this.go<T>(begin, kind));
  }

  /**
   * Runs an operation whose turn it is, perhaps after a `close()` that was called later.
   */
  go<T>(begin: Begin, kind: Kind = 'write', hearer?: Hearer): Promise<T> {
    const { handle, calls } = this.#opened ?? this.open();
    return calls.run<T>((binary, slot) => begin(binary, handle, slot), kind, this.#patience, this.turns.since, hearer);
  }

  /** A slot by which the binary says that there is something to fetch. */
  channel(hear: () => void): { slot: number; close(): void } {
    return (this.#opened ?? this.open()).calls.channel(hear);
  }

  /** Asks what is answered at once, also within a turn that a `close()` waits for. */
  now<T>(ask: (binary: Native, handle: Handle) => T): T {
    const { handle } = this.#opened ?? this.open();
    return crossing(StorageError, (binary) => ask(binary, handle));
  }

  /** The same for one whose answer comes soon, unless the disk is waited for. */
  callSoon<T>(begin: Begin, moment: Durability, kind?: Kind): Promise<T> {
    const answer = this.call<T>(begin, kind);
    const opened = this.#opened;
    if (this.#options.direct && this.#ready && opened !== null) {
      this.#moments.asked(opened.calls, opened.watch, MOMENT_MS[moment]);
    }
    return answer;
  }

  /** Runs an operation on one session when its turn has come. */
  turn<T>(id: string, begin: Begin, kind: Kind = 'write'): Promise<T> {
    this.open();
    return this.turns.take(id, kind === 'write' ? 'other' : 'read', (turn) => {
      const answer = this.go<T>(begin, kind);
      turn.sent();
      return answer;
    });
  }

  /** Notes a write until it settles, so that reads of that name wait for it. */
  write<T>(name: string, write: Promise<T>): Promise<T> {
    return this.#pending.track(name, write);
  }

  /** A write of everything, after all that was asked for before it. */
  writeAll<T>(begin: Begin): Promise<T> {
    this.open();
    return this.#writeAll(begin);
  }

  /** Writes of everything, one after another: a close that is called meanwhile waits for the last of them. */
  writeInSteps<T>(work: (writeAll: <U>(begin: Begin) => Promise<U>) => Promise<T>): Promise<T> {
    this.open();
    const steps = work((begin) => this.#writeAll(begin)).finally(() => this.#inSteps.delete(steps));
    this.#inSteps.add(steps);
    return steps;
  }

  #writeAll<T>(begin: Begin): Promise<T> {
    const write = this.turns.takeAll((turn) => {
      const answer = this.go<T>(begin);
      turn.sent();
      return answer;
    });
    return this.write(EVERYTHING, write);
  }

  /** A read that concerns everything: it sees all that was asked for before it. */
  async readAll<T>(
    begin: (binary: Native, handle: Handle, slot: number, inOrder: boolean) => void,
    kind: Kind = 'read',
  ): Promise<T> {
    this.open();
    return this.turns.takeLast(() => {
      const inOrder = this.inOrder();
      return this.go<T>((binary, handle, slot) => begin(binary, handle, slot, inOrder), kind);
    });
  }

  /** Whether a read has to wait its turn behind writes: it must see those of the same object. */
  inOrder(name?: string): boolean {
    if (!this.#ready) return true;
    return name === undefined ? this.#pending.any : this.#pending.has(name);
  }

  /** The same for a read of several, or of none: while the file is not open, there may be none to read. */
  inOrderOfAny(names: readonly string[]): boolean {
    return !this.#ready || names.some((name) => this.#pending.has(name));
  }

  /** What was asked for before lands; afterwards everything is rejected with `ERR_CLOSED`. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    if (this.#opened === null) return;
    await Promise.allSettled(this.#inSteps);
    try {
      await this.turns.takeLast(() => Promise.resolve());
    } catch (error) {
      // It took too long, and nobody can close it once more. When what it waited for is done, it closes.
      if (this.#opened !== null) this.#end(this.#opened).catch(() => undefined);
      throw error;
    }
    // Its opening may have failed meanwhile: then it is closed already.
    if (this.#opened !== null) await this.#end(this.#opened);
  }

  /** After a failed opening the next call tries anew. */
  #forget(opened: Opened): void {
    if (this.#opened === opened) this.#opened = null;
    // Its threads would wait for the garbage collector.
    void this.#end(opened).catch(() => undefined);
  }

  /** Gives up what has taken too long: what has not been begun is withdrawn, of what has nobody knows. */
  #look(late: Late): boolean {
    const { limitMs } = this.#patience;
    const waiting = this.turns.withdraw(late, limitMs);
    const opened = this.#opened;
    if (opened === null) return waiting;
    const { calls, handle, watch } = opened;
    const slots = calls.overdue(late);
    if (slots.length > 0) {
      crossing(StorageError, (binary) => binary.storageWithdraw(handle, slots));
      // What was withdrawn has been answered.
      calls.settleNow(watch(0));
      calls.giveUp(slots, limitMs);
    }
    return waiting || calls.pending > 0;
  }

  /** Closes a file, once: the binary answers nothing that is asked for after it. */
  #end(opened: Opened): Promise<unknown> {
    this.#patience.start();
    opened.ended ??= opened.calls
      .run<null>((binary, slot) => binary.storageClose(opened.handle, slot), 'read', this.#patience)
      // Where that is given up, the binary still has what keeps it from closing: the way out is to wait for that.
      .then(() => {
        opened.exit.takeBack();
        this.#patience.rest();
      });
    return opened.ended;
  }
}

const watchOf =
  (handle: Handle): Watch =>
  (limitMs) =>
    crossing(StorageError, (binary) => binary.storageWatch(handle, limitMs));
