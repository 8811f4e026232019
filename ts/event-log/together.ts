/** Events of one turn of the loop: they cross to the binary in one piece and are answered in one. */
import { fromNative, EventLogError } from '../errors.js';

/** What became of an event; the receipt, its number and its id with a space between them, where it was asked for. */
export type Settled = (failure: Error | null, receipt: string) => void;
type Failure = Parameters<typeof fromNative>[0];

/** What crosses. */
export interface Crossing {
  /** The sessions they belong to. */
  sessions: string[];
  /** For each event, which of the sessions. */
  places: Uint32Array;
  /** The events, one a line. */
  bodies: string;
  /** Whether anybody wants receipts. */
  receipts: boolean;
}

/** What comes back: the receipts, one a line, and `[[index, failure], …]` as JSON; null where all is well and no more asked. */
export type Answer = [receipts: string, unstored: string] | null;

/** So many characters cross at once, though the turn has not ended. */
const ENOUGH = 1 << 20;

class Turn {
  readonly sessions = new Map<string, number>();
  readonly places: number[] = [];
  readonly bodies: string[] = [];
  readonly settled: Settled[] = [];
  readonly done: Promise<void>;
  characters = 0;
  receipts = false;
  /** All have been settled. */
  end!: () => void;

  constructor() {
    this.done = new Promise((resolve) => (this.end = resolve));
  }
}

/** Collects the events of a turn. Used by the log alone. */
export class Together {
  readonly #cross: (crossing: Crossing) => Promise<Answer>;
  readonly #enough: number;
  #turn: Turn | null = null;

  /** `cross` gives the events to the binary, at the most so many bytes as may wait there. */
  constructor(mayWait: number, cross: (crossing: Crossing) => Promise<Answer>) {
    this.#enough = Math.min(ENOUGH, mayWait / 4);
    this.#cross = cross;
  }

  /** Adds an event, as encoded text; the promise is that of the whole turn. */
  add(sessionId: string, body: string, receipt: boolean, settled: Settled): Promise<void> {
    const turn = (this.#turn ??= this.#begin());
    let place = turn.sessions.get(sessionId);
    if (place === undefined) turn.sessions.set(sessionId, (place = turn.sessions.size));
    turn.places.push(place);
    turn.bodies.push(body);
    turn.settled.push(settled);
    turn.characters += body.length;
    turn.receipts ||= receipt;
    if (turn.characters >= this.#enough) this.send();
    return turn.done;
  }

  /** Gives the binary what has been collected: whatever is asked of it next comes after that. */
  send(): void {
    const turn = this.#turn;
    if (turn === null) return;
    this.#turn = null;
    void this.#finish(turn);
  }

  #begin(): Turn {
    const turn = new Turn();
    queueMicrotask(() => {
      if (this.#turn === turn) this.send();
    });
    return turn;
  }

  async #finish({ sessions, places, bodies, settled, receipts, end }: Turn): Promise<void> {
    const failures = new Map<number, Error>();
    let lines: string[] = [];
    let all: Error | null = null;
    try {
      const answer = await this.#cross({
        sessions: [...sessions.keys()],
        places: Uint32Array.from(places),
        bodies: bodies.join('\n'),
        receipts,
      });
      lines = answer?.[0].split('\n') ?? [];
      for (const [index, failure] of JSON.parse(answer?.[1] ?? '[]') as [number, Failure][]) {
        failures.set(index, fromNative(failure, EventLogError));
      }
    } catch (error) {
      all = error as Error;
    }
    for (const [index, settle] of settled.entries()) settle(all ?? failures.get(index) ?? null, lines[index] ?? '');
    end();
  }
}
