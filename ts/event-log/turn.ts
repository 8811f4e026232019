/** What has come together in one turn of the loop, who has a share in it, and how all of them are told what became of it. */
import type { Ends } from '../calls.js';
import { fromNative, EventLogError } from '../errors.js';
import { keepCompiled } from '../keep-compiled.js';
import type { AppendReceipt, StreamOutcome } from '../types.js';

/** Who waits for a receipt. */
export interface Waiter {
  timestamp: number;
  resolve(receipt: AppendReceipt): void;
  reject(error: Error): void;
}

/** What crosses. */
export interface Crossing {
  /** The sessions they belong to. */
  sessions: string[];
  /** For each event, which of the sessions; null where there is one. */
  places: Uint32Array | null;
  /** The events, one a line. */
  bodies: string;
  /** Whether anybody wants receipts. */
  receipts: boolean;
  power: boolean | null;
}

/**
 * What comes back: the receipts, one a line, each the id, and before it the number where that is not one more than that of
 * the line before; and `[[index, failure], …]` as JSON, null where all is well.
 */
export type Answer = [receipts: string, unstored: string | null] | null;
type Failure = Parameters<typeof fromNative>[0];

/** Who waits for an answer. */
export interface Asking extends Ends<Answer> {
  /** The binary has it, and will answer. */
  isGiven: boolean;
}

/**
 * A list for objects. An empty literal is one for small integers to the engine, which throws away what it has compiled for
 * those when the first object comes: with each turn anew.
 */
function listOfObjects<T extends object>(): T[] {
  const list: object[] = [NOTHING];
  list.length = 0;
  return list as T[];
}

const NOTHING = {};

/** What a stream has in one turn. */
export class Share implements StreamOutcome {
  characters = 0;
  readonly failures: { error: Error; origin: object }[] = [];
  /** What it wants back with a failure, by event. */
  readonly origins: object[] = listOfObjects();
  readonly done: Promise<void>;
  readonly #settled: (outcome: StreamOutcome) => void;
  #end!: () => void;
  #next = 0;

  constructor(settled: (outcome: StreamOutcome) => void) {
    this.#settled = settled;
    this.done = new Promise((resolve) => (this.#end = resolve));
  }

  get events(): number {
    return this.origins.length;
  }

  /** Takes what became of the next of its events. */
  settleOne(error: Error | null): void {
    const origin = this.origins[this.#next++] as object;
    if (error !== null) this.failures.push({ error, origin });
  }

  /** All of it has been settled. */
  settle(): void {
    try {
      this.#settled(this);
    } finally {
      this.#end();
    }
  }
}

/** What crosses in one piece. */
export class Turn implements Asking {
  readonly sessions: string[] = [];
  readonly places: number[] = [];
  bodies = '';
  /** By event: who waits, or whose it is. */
  readonly owners: (Waiter | Share)[] = listOfObjects();
  readonly shares: Share[] = [];
  /** Settles all of it; what comes second does nothing. */
  readonly answered: Promise<Answer>;
  resolve!: (answer: Answer) => void;
  reject!: (error: unknown) => void;
  receipts = false;
  /** The next event begins another one. */
  isFull = false;
  isGiven = false;
  readonly #known = new Map<string, number>();
  #last = '';
  #lastPlace = -1;

  constructor(readonly power: boolean | null) {
    this.answered = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }

  add(sessionId: string, body: string, owner: Waiter | Share): void {
    if (sessionId !== this.#last || this.#lastPlace === -1) this.#find(sessionId);
    const { length } = this.places;
    // No call: whoever ends JavaScript anywhere, as a `vm` with a timeout does it, ends it where something is called.
    this.bodies = length === 0 ? body : `${this.bodies}\n${body}`;
    this.places[length] = this.#lastPlace;
    this.owners[length] = owner;
  }

  /** What crosses. The text is kept no longer: where it waits for long, it waits once. */
  take(): Crossing {
    const { sessions, bodies, receipts, power } = this;
    this.bodies = '';
    const places = sessions.length === 1 ? null : new Uint32Array(this.places);
    return { sessions, places, bodies, receipts, power };
  }

  #find(sessionId: string): void {
    let place = this.#known.get(sessionId);
    if (place === undefined) {
      place = this.sessions.length;
      this.#known.set(sessionId, place);
      this.sessions[place] = sessionId;
    }
    this.#last = sessionId;
    this.#lastPlace = place;
  }
}

keepCompiled(new Turn(null));
keepCompiled(new Share(() => undefined));

/** Tells everybody what became of it; `failed`: of all of it this. */
export function settle({ owners, shares, receipts }: Turn, answer: Answer, failed: Error | null): void {
  const failures = failuresIn(answer);
  const lines = answer !== null && receipts ? answer[0].split('\n') : [];
  const eachIsTold = receipts || failed !== null || failures.size > 0;
  let seq = 0;
  for (let index = 0; index < owners.length && eachIsTold; index += 1) {
    const owner = owners[index] as Waiter | Share;
    const error = failed ?? failures.get(index) ?? null;
    const line = lines[index] ?? '';
    const space = line.indexOf(' ');
    if (space !== -1) seq = Number(line.slice(0, space));
    else if (line !== '') seq += 1;
    if (owner instanceof Share) owner.settleOne(error);
    else settleOne(owner, error, seq, line.slice(space + 1));
  }
  for (const share of shares) settleShare(share);
}

/** Where its stream throws, the process hears of that as of any rejection that nobody handles; the streams behind it go on. */
function settleShare(share: Share): void {
  try {
    share.settle();
  } catch (error) {
    void Promise.reject(error);
  }
}

const NONE: ReadonlyMap<number, Error> = new Map();

/** The events that are not stored, by their place. */
function failuresIn(answer: Answer): ReadonlyMap<number, Error> {
  const unstored = answer?.[1] ?? null;
  if (unstored === null) return NONE;
  const failures = JSON.parse(unstored) as [number, Failure][];
  return new Map(failures.map(([index, failure]) => [index, fromNative(failure, EventLogError)]));
}

function settleOne(waiter: Waiter, error: Error | null, seq: number, id: string): void {
  if (error !== null) waiter.reject(error);
  else if (id === '')
    waiter.reject(new EventLogError('ERR_INDETERMINATE', 'there was an answer, and nothing of this event in it'));
  else waiter.resolve({ seq, id, timestamp: waiter.timestamp });
}
