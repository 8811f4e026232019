/** Events of one turn of the loop: they cross to the binary in one piece and are answered in one. */
import { fromNative, EventLogError } from '../errors.js';
import { keepCompiled } from '../keep-compiled.js';
import { needStack } from '../stack.js';
import { soon } from '../timers.js';
import type { AppendReceipt, EventStream, StreamOutcome } from '../types.js';
import type { PreparedKind } from './encoding.js';

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

/** So many characters cross at once, though the turn has not ended. */
const ENOUGH = 1 << 18;
/** So many events that somebody waits for cross at once where none waits for the disk: one side encodes, the other writes. */
const MANY = 25;

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
class Share implements StreamOutcome {
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

class Turn {
  readonly sessions: string[] = [];
  readonly places: number[] = [];
  bodies = '';
  /** By event: who waits, or whose it is. */
  readonly owners: (Waiter | Share)[] = listOfObjects();
  readonly shares: Share[] = [];
  receipts = false;
  readonly #known = new Map<string, number>();
  #last = '';
  #lastPlace = -1;

  constructor(readonly power: boolean | null) {}

  add(sessionId: string, body: string, owner: Waiter | Share): void {
    if (sessionId !== this.#last || this.#lastPlace === -1) this.#find(sessionId);
    this.bodies = this.places.length === 0 ? body : `${this.bodies}\n${body}`;
    this.places.push(this.#lastPlace);
    this.owners.push(owner);
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
      place = this.sessions.push(sessionId) - 1;
      this.#known.set(sessionId, place);
    }
    this.#last = sessionId;
    this.#lastPlace = place;
  }
}

keepCompiled(new Turn(null));
keepCompiled(new Share(() => undefined));

/** Collects the events of a turn. Used by the log alone. */
export class Together {
  readonly #cross: (crossing: Crossing) => Promise<Answer>;
  readonly #enough: number;
  readonly #many: number;
  #turn: Turn | null = null;

  /**
   * `cross` gives the events to the binary, at the most so many bytes as may wait there. `syncs`: events that say nothing
   * else wait for the disk; then all of a turn share one sync.
   */
  constructor(mayWait: number, syncs: boolean, cross: (crossing: Crossing) => Promise<Answer>) {
    this.#many = syncs ? Infinity : MANY;
    this.#enough = Math.min(ENOUGH, mayWait / 4);
    this.#cross = cross;
  }

  /** Adds an event, as encoded text; `power`: what it asks for, where that is not what the log does anyway. */
  add(sessionId: string, body: string, power: boolean | null, waiter: Waiter): void {
    const turn = this.#turnOf(power, body);
    turn.add(sessionId, body, waiter);
    turn.receipts = true;
    if (turn.bodies.length < this.#enough && (power !== null || turn.places.length !== this.#many)) return;
    try {
      this.send();
    } catch {
      // The stack is full. It is sent when the turn ends.
    }
  }

  /** A road for events of which nobody waits for a receipt. */
  stream(prepare: Prepare, settled: (outcome: StreamOutcome) => void): EventStream {
    let last: { turn: Turn; share: Share } | null = null;
    /** When all that has begun has been settled. */
    let all = Promise.resolve();
    const encode: EventStream['encode'] = (kind, payload, timestamp) => (kind as PreparedKind).body(payload, timestamp);
    const add = (kind: object, text: string, origin: object): void => {
      const turn = this.#turnOf(null, text);
      const { share } = last?.turn === turn ? last : (last = begin(turn));
      turn.add((kind as PreparedKind).sessionId, text, share);
      // No call: on a stack that is full it would fail, and what is counted here and there must be the same.
      share.characters += text.length;
      share.origins.push(origin);
      if (turn.bodies.length < this.#enough) return;
      try {
        this.send();
      } catch {
        // As above: what is in the turn must not be refused as well.
      }
    };
    const begin = (turn: Turn): { turn: Turn; share: Share } => {
      needStack();
      const share = new Share((outcome) => {
        // Where nothing is emitted any more, nobody would let go of the turn.
        if (last?.turn === turn) last = null;
        settled(outcome);
      });
      const before = all;
      all = share.done.then(() => before);
      turn.shares.push(share);
      return { turn, share };
    };
    const idle = async (): Promise<void> => {
      this.send();
      await all;
    };
    return { kind: prepare, encode, add, idle };
  }

  /**
   * Gives the binary what has been collected: whatever is asked of it next comes after that. Throws where the stack is full:
   * then all of it is here still.
   */
  send(): void {
    const turn = this.#turn;
    if (turn === null) return;
    const { bodies } = turn;
    let crossed: Promise<Answer>;
    try {
      crossed = this.#cross(turn.take());
    } catch (error) {
      turn.bodies = bodies;
      throw error;
    }
    this.#turn = null;
    // By the engine alone, which needs no more of the stack than there was for the crossing.
    crossed.then(
      (answer) => settle(turn, answer, null),
      (error: unknown) => settle(turn, null, error as Error),
    );
  }

  /** The turn of an event. A large one crosses alone: where there is no room for it, there may be for those before it. */
  #turnOf(power: boolean | null, body: string): Turn {
    const turn = this.#turn;
    if (turn?.power === power && body.length < this.#enough) return turn;
    this.send();
    needStack();
    const begun = new Turn(power);
    // Before anything else knows of it: whatever a full stack keeps from happening, what is in a turn is sent.
    soon(() => {
      if (this.#turn === begun) this.send();
    });
    return (this.#turn = begun);
  }
}

type Prepare = EventStream['kind'];

/** Tells everybody what became of it; `failed`: of all of it this. */
function settle({ owners, shares, receipts }: Turn, answer: Answer, failed: Error | null): void {
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
