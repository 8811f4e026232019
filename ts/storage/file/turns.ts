/** Whose turn it is: operations on one file one after another, in the order of their calls; so many files at once. */
import { ChurnMap, ChurnSet } from '../../churn.js';
import { delay } from '../../timers.js';
import type { Begin, Operation } from './operation.js';
import type { Ticket } from './ticket.js';
import { walk, type Step, type Steps } from './steps.js';
import { finish } from './way-out.js';

const MOST_AT_ONCE = 16;

/** So many things at once. */
class Lanes {
  readonly #queue: (() => void)[] = [];
  #running = 0;

  async run<T>(run: () => Promise<T>): Promise<T> {
    if (this.#isFull()) await this.#place();
    try {
      return await run();
    } finally {
      this.#leave();
    }
  }

  /** Waits within such a run, and leaves its place to others meanwhile. */
  async aside(ms: number): Promise<void> {
    this.#leave();
    await delay(ms);
    if (this.#isFull()) await this.#place();
  }

  /** Takes a place where one is free. */
  #isFull(): boolean {
    if (this.#running >= MOST_AT_ONCE) return true;
    this.#running += 1;
    return false;
  }

  /** A place that somebody leaves. */
  #place(): Promise<void> {
    return new Promise((resolve) => this.#queue.push(resolve));
  }

  /** Whoever waits takes the place over; else it is free. */
  #leave(): void {
    const next = this.#queue.shift();
    if (next === undefined) this.#running -= 1;
    else next();
  }
}

export class Turns {
  readonly #last = new ChurnMap<string, Promise<unknown>>();
  /** The last operation that concerned every file. */
  #barrier: Promise<unknown> = Promise.resolve();
  readonly #writes = new ChurnSet<Operation>();
  readonly #writing = new Lanes();
  /** Of their own: a disk that is slow to write may still be read. */
  readonly #reading = new Lanes();
  readonly #root: string;

  /** Those of the files below a directory. */
  constructor(root: string) {
    this.#root = root;
  }

  /** A write of one file; at exit it is done although nobody waits. */
  write<T>(file: string, begin: Begin<T>, ticket?: Ticket): Promise<T> {
    return this.#after(file, this.#writing, () => this.#noted(file, begin, ticket));
  }

  /** A read of one file: it sees what was written before. */
  read<T>(file: string, begin: () => Steps<T>): Promise<T> {
    return this.#after(file, this.#reading, () => ({ run: () => walk(begin()) }));
  }

  /** A write of every file: all that was asked for before comes first, all that comes later waits. */
  writeAll<T>(begin: Begin<T>, ticket?: Ticket): Promise<T> {
    const { run } = this.#noted(null, begin, ticket);
    const turn = this.settled().then(() => this.#writing.run(run));
    this.#last.clear();
    this.#barrier = quiet(turn);
    return turn;
  }

  /** When everything is done that was asked for until now. */
  async settled(): Promise<void> {
    await Promise.all([this.#barrier, ...this.#last.values()]);
  }

  /** Runs one part of something larger that has waited for its turn. */
  part<T>(begin: () => Steps<T>): Promise<T> {
    return this.#reading.run(() => walk(begin()));
  }

  /** Does something for each of many, so many at once. After a failure it begins no more, and ends when none is under way. */
  async each<T>(all: Iterable<T>, work: (one: T) => Promise<void>): Promise<void> {
    const left = all[Symbol.iterator]();
    const failures: unknown[] = [];
    const lane = async (): Promise<void> => {
      for (let next = left.next(); next.done !== true && failures.length === 0; next = left.next()) {
        await work(next.value).catch((error: unknown) => failures.push(error));
      }
    };
    await Promise.all(Array.from({ length: MOST_AT_ONCE }, lane));
    if (failures.length > 0) throw failures[0];
  }

  /** On the way out of the process: does what is waiting, until that moment; `sync` is for the names of what was done. */
  drain(end: number, sync: () => void): void {
    finish(this.#root, this.#writes, end, sync);
  }

  #after<T>(file: string, lanes: Lanes, prepare: () => { run: () => Promise<T> }): Promise<T> {
    const { run } = prepare();
    const before = this.#last.get(file) ?? this.#barrier;
    const turn = before.then(() => lanes.run(run));
    const done = quiet(turn);
    this.#last.set(file, done);
    void done.then(() => {
      if (this.#last.get(file) === done) this.#last.delete(file);
    });
    return turn;
  }

  #noted<T>(file: string | null, begin: Begin<T>, ticket: Ticket | undefined): { run: () => Promise<T> } {
    const operation: Operation = {
      file,
      begin,
      progress: { committed: false },
      current: null,
      ticket,
      outcome: null,
    };
    this.#writes.add(operation);
    /** Where the program goes on although it was about to exit, nothing is done a second time; what is open is closed. */
    const begun = (step: Step | null): void => {
      if (operation.outcome !== null && step?.name !== 'close') throw DONE;
      operation.current = step;
    };
    const walked = async (): Promise<T> => {
      begun(null);
      ticket?.begin();
      return walk(begin(operation.progress), begun, (ms) => this.#writing.aside(ms));
    };
    const run = async (): Promise<T> => {
      const [end] = await Promise.allSettled([walked()]);
      this.#writes.delete(operation);
      if (operation.outcome !== null) return operation.outcome() as T;
      if (end.status === 'rejected') throw end.reason;
      return end.value;
    };
    return { run };
  }
}

/** Thrown within an operation that was done on the way out. */
const DONE = new Error('it has been done');

function quiet(promise: Promise<unknown>): Promise<void> {
  return promise.then(
    () => undefined,
    () => undefined,
  );
}
