/** Reads of a log, one after another, until a signal says that nobody wants any more. */
import { keepCompiled } from '../keep-compiled.js';
import type { Native } from '../native.js';
import { onAbort } from '../signals.js';
import type { Asked } from './asked.js';

/** A disk that is silent answers late, or never: once the signal says so, its answer is not waited for. */
export class Reads {
  readonly #asked: Asked;
  readonly #signal: AbortSignal | undefined;
  /** The one that is waited for; 0: none. */
  #slot = 0;
  /** To ask a signal costs more than to bring an event. */
  #over: boolean;

  constructor(asked: Asked, signal: AbortSignal | undefined) {
    this.#asked = asked;
    this.#signal = signal;
    this.#over = signal?.aborted === true;
    if (signal !== undefined) onAbort(signal, this.#stop);
  }

  /** Throws the reason of the signal, where it has one. */
  check(): void {
    if (this.#over) this.#signal?.throwIfAborted();
  }

  async next<T>(begin: (binary: Native, slot: number) => void): Promise<T> {
    this.check();
    const answer = await this.#asked.run<T>('read', (binary, slot) => begin(binary, (this.#slot = slot)));
    this.#slot = 0;
    return answer;
  }

  /** Lets go of the signal. */
  end(): void {
    this.#signal?.removeEventListener('abort', this.#stop);
  }

  readonly #stop = (): void => {
    this.#over = true;
    this.#asked.abandon(this.#slot, this.#signal?.reason);
  };
}

// It asks for nothing.
keepCompiled(new Reads(null as never, undefined));
