/** How agents beat: one store into memory that the watching thread reads. */
import { HealthError } from '../errors.js';
import { crossing, type Native } from '../native.js';

type Handle = Parameters<Native['healthBeat']>[0];

/** No habit: nothing that an agent may be said to do is equal to it. */
const NOTHING = Symbol('nothing');

/** The shared memory of one monitor, piece by piece. Where a runtime shares none, a beat is a call instead. */
export class Beats {
  readonly #handle: Handle;
  readonly #pieces: (Uint32Array | null)[] = [];
  /**
   * By slot: what the agent did last, where to do it again means to beat and nothing else; `NOTHING` for any other. With a hundred
   * thousand agents, to ask an agent's own record would be to wait for memory at each beat.
   */
  readonly #habits: (string | symbol)[] = [];
  /** By slot: how many beats were calls. */
  readonly #called = new Map<number, number>();

  constructor(handle: Handle) {
    this.#handle = handle;
  }

  /** A sign of life of the agent in `slot`, if it is one more of the kind of the last; `false`: nothing is done. */
  again(slot: number, what: string): boolean {
    if (this.#habits[slot] !== what) return false;
    this.beat(slot);
    return true;
  }

  /** From now on nothing has to be done when the agent in `slot` does this but to beat. */
  expect(slot: number, what: string): void {
    this.#habits[slot] = what;
  }

  /** The next sign of life in `slot` is to be looked at, whatever it is. */
  expectNothing(slot: number): void {
    this.#habits[slot] = NOTHING;
  }

  /** A sign of life of the agent in `slot`. */
  beat(slot: number): void {
    const first = this.#pieces[0] ?? this.#piece(0);
    const length = first?.length ?? 1;
    const index = Math.floor(slot / length);
    const piece = this.#pieces[index] ?? this.#piece(index);
    if (first === null || piece === null) this.#call(slot);
    else piece[slot % length] = first[0] as number;
  }

  /**
   * What is another number after the next sign of life in `slot`. NaN, which is equal to nothing, where that would not show: there
   * has been one in this very tick, and a ping that is asked for now is older than that to the thread as well.
   */
  last(slot: number): number {
    const first = this.#piece(0);
    const piece = first && this.#piece(Math.floor(slot / first.length));
    if (first === null || piece === null) return this.#called.get(slot) ?? 0;
    const beat = piece[slot % first.length] as number;
    return beat === first[0] ? NaN : beat;
  }

  #call(slot: number): void {
    crossing(HealthError, (binary) => binary.healthBeat(this.#handle, slot));
    this.#called.set(slot, (this.#called.get(slot) ?? 0) + 1);
  }

  #piece(index: number): Uint32Array | null {
    const known = this.#pieces[index];
    if (known !== undefined) return known;
    const words = crossing(HealthError, (binary) => binary.healthWords(this.#handle, index));
    this.#pieces[index] = words;
    return words;
  }
}
