/** Events of one turn of the loop: they cross to the binary in one piece and are answered in one. */
import { EventLogError } from '../errors.js';
import { needStack } from '../stack.js';
import { soon } from '../timers.js';
import type { EventStream, StreamOutcome } from '../types.js';
import type { PreparedKind } from './encoding.js';
import { settle, Share, Turn, type Asking, type Crossing, type Waiter } from './turn.js';

/** Has it cross, and settles that promise with the answer. Throws where nothing has crossed. */
export type Cross = (crossing: Crossing, asking: Asking) => void;

/** So many characters cross before another event comes to them, though the turn has not ended. */
const ENOUGH = 1 << 18;
/** So many events that somebody waits for do so where none waits for the disk: one side encodes, the other writes. */
const MANY = 25;

/** Collects the events of a turn. Used by the log alone. */
export class Together {
  readonly #cross: Cross;
  readonly #forgo: (asking: Asking) => void;
  readonly #enough: number;
  readonly #many: number;
  #turn: Turn | null = null;

  /**
   * `cross` gives the events to the binary, at the most so many bytes as may wait there. `syncs`: events that say nothing
   * else wait for the disk; then all of a turn share one sync. `forgo`: what was to cross was stopped before it did.
   */
  constructor(mayWait: number, syncs: boolean, cross: Cross, forgo: (asking: Asking) => void) {
    this.#many = syncs ? Infinity : MANY;
    this.#enough = Math.min(ENOUGH, mayWait / 4);
    this.#cross = cross;
    this.#forgo = forgo;
  }

  /** Adds an event, as encoded text; `power`: what it asks for, where that is not what the log does anyway. */
  add(sessionId: string, body: string, power: boolean | null, waiter: Waiter): void {
    const turn = this.#turnOf(power, body);
    turn.add(sessionId, body, waiter);
    turn.receipts = true;
    if (turn.bodies.length >= this.#enough || (power === null && turn.places.length === this.#many)) turn.isFull = true;
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
      share.origins[share.origins.length] = origin;
      if (turn.bodies.length >= this.#enough) turn.isFull = true;
    };
    const begin = (turn: Turn): { turn: Turn; share: Share } => {
      needStack();
      const share = new Share((outcome) => {
        // Where nothing is emitted any more, nobody would let go of the turn.
        if (last?.turn === turn) last = null;
        settled(outcome);
      });
      turn.shares.push(share);
      const before = all;
      all = share.done.then(() => before);
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
    // Before it crosses: whatever ends JavaScript in the midst of that, it must not cross twice.
    this.#turn = null;
    try {
      this.#cross(turn.take(), turn);
    } catch (error) {
      turn.bodies = bodies;
      this.#turn = turn;
      throw error;
    }
  }

  /**
   * The turn of an event. A large one crosses alone: where there is no room for it, there may be for those before it. What
   * crosses does so before the event is in a turn: a `vm` with a timeout may end the call then, past any `catch`, and whoever
   * called gets no promise and counts nothing.
   */
  #turnOf(power: boolean | null, body: string): Turn {
    const turn = this.#turn;
    const fits = turn?.power === power && body.length < this.#enough;
    if (fits && !turn.isFull) return turn;
    try {
      this.send();
    } catch (error) {
      // The stack is full. It is sent when the turn ends.
      if (fits) return turn;
      throw error;
    }
    needStack();
    const begun = new Turn(power);
    begun.answered.then(
      (answer) => settle(begun, answer, null),
      (error: unknown) => settle(begun, null, error as Error),
    );
    // Before anything else knows of it: whatever a full stack keeps from happening, what is in a turn is sent.
    soon(() => {
      if (this.#turn === begun) this.send();
      else if (!begun.isGiven) this.#stopped(begun);
    });
    return (this.#turn = begun);
  }

  /** What took it across was ended by whoever ends JavaScript anywhere, or has told why it could not. */
  #stopped(turn: Turn): void {
    turn.reject(new EventLogError('ERR_INDETERMINATE', STOPPED));
    this.#forgo(turn);
  }
}

const STOPPED =
  'JavaScript was ended, as a `vm` with a timeout does it, while it crossed to the log: it may be stored, or not';

type Prepare = EventStream['kind'];
