/** Whose turn it is: operations on one file one after another, in the order of their calls; so many files at once. */
import { existsSync } from 'node:fs';

import { ChurnMap, ChurnSet } from '../../churn.js';
import { monotonic } from '../../timers.js';
import type { Progress } from './files.js';
import { abandonAll } from './lock.js';
import type { Ticket } from './ticket.js';
import { pauseNow, walk, walkNow, type Step, type Steps } from './steps.js';

/** One operation, which can be begun anew at exit. */
export type Begin<T> = (progress: Progress) => Steps<T>;

interface Operation {
  /** The one file that it changes; null: all of them, of which none is a sign that the others have been. */
  file: string | null;
  begin: Begin<unknown>;
  progress: Progress;
  /** What is being done at this moment; null: it has not begun. */
  current: Step | null;
  ticket: Ticket | undefined;
}

const MOST_AT_ONCE = 16;

/** How long the thread waits at exit for one file operation that is already with the kernel. */
const GRACE_MS = 500;

/** So many things at once. */
class Lanes {
  readonly #queue: (() => void)[] = [];
  #running = 0;

  async run<T>(run: () => Promise<T>): Promise<T> {
    if (this.#running >= MOST_AT_ONCE) await new Promise<void>((resolve) => this.#queue.push(resolve));
    else this.#running += 1;
    try {
      return await run();
    } finally {
      // Whoever waits takes the place over; else it is free.
      const next = this.#queue.shift();
      if (next === undefined) this.#running -= 1;
      else next();
    }
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

  /** Does what is waiting, synchronously, in the order of the calls. */
  drain(limitMs: number): void {
    const end = monotonic() + limitMs;
    abandonAll();
    for (const { file, begin, progress, current, ticket } of this.#writes.values()) {
      if (monotonic() >= end) return;
      if (ticket?.withdrawn === true) continue;
      if (current !== null && landed(current, file)) progress.committed = true;
      if (progress.committed) continue;
      try {
        walkNow(begin(progress), end);
      } catch {
        // The process is leaving: the next one still deserves its chance.
      }
    }
    this.#writes.clear();
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
    const operation: Operation = { file, begin, progress: { committed: false }, current: null, ticket };
    this.#writes.add(operation);
    const run = async (): Promise<T> => {
      try {
        ticket?.begin();
        return await walk(begin(operation.progress), (step) => (operation.current = step));
      } finally {
        this.#writes.delete(operation);
      }
    };
    return { run };
  }
}

function quiet(promise: Promise<unknown>): Promise<void> {
  return promise.then(
    () => undefined,
    () => undefined,
  );
}

/**
 * Waits for a step that is with the kernel and would disturb what comes after it, and says whether it was the one that
 * made the change of a file visible.
 */
function landed({ name, args }: Step, file: string | null): boolean {
  if (name !== 'rename' && name !== 'remove') return false;
  // Either way the file of the first argument is gone when it is done.
  const [gone] = args as [string];
  const end = monotonic() + GRACE_MS;
  while (existsSync(gone) && monotonic() < end) pauseNow(1);
  return args.at(-1) === file;
}
