/** How agents beat: one store into memory that the watching thread reads. */
import { HealthError } from '../errors.js';
import { crossing, type Native } from '../native.js';

type Handle = Parameters<Native['healthBeat']>[0];

/** The shared memory of one monitor, piece by piece. Where a runtime shares none, a beat is a call instead. */
export class Beats {
  readonly #handle: Handle;
  readonly #pieces: (Uint32Array | null)[] = [];

  constructor(handle: Handle) {
    this.#handle = handle;
  }

  /** What the agent in `slot` calls as a sign of life. */
  of(slot: number): () => void {
    const first = this.#piece(0);
    const length = first?.length ?? 1;
    const piece = this.#piece(Math.floor(slot / length));
    const handle = this.#handle;
    if (first === null || piece === null) {
      return () => crossing(HealthError, (binary) => binary.healthBeat(handle, slot));
    }
    const index = slot % length;
    return () => {
      piece[index] = first[0] as number;
    };
  }

  #piece(index: number): Uint32Array | null {
    const known = this.#pieces[index];
    if (known !== undefined) return known;
    const words = crossing(HealthError, (binary) => binary.healthWords(this.#handle, index));
    this.#pieces[index] = words;
    return words;
  }
}
