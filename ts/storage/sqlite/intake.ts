/** Sessions and messages that come in pieces: each is taken when the loop has time for it. */
import type { Native } from '../../native.js';
import type { Begin, Connection } from './connection.js';

type Reading = ReturnType<Native['storageReadSession']>;

/** Messages as a JSON array, their tables of types one a line, where they stand, and what was taken out of them. */
export type Piece = [
  messages: string,
  types: string,
  positions: Float64Array,
  narrow: string,
  wide: string,
  ends: Int32Array,
];

/** Takes the pieces of one reading as they come, one a step. `Answer` is what the binary says when it has read all. */
export class Intake<Answer> {
  readonly #connection: Connection;
  readonly #take: (piece: Piece) => void;
  #reading: Reading | null = null;
  #stepping = false;
  /** Whether there was any piece. */
  #heard = false;
  #failure: { error: unknown } | null = null;
  /** Hears that nothing is left; absent while more may come. */
  #whenEmpty: (() => void) | null = null;

  constructor(connection: Connection, take: (piece: Piece) => void) {
    this.#connection = connection;
    this.#take = take;
  }

  /** The answer at the end, when every piece has been taken. */
  async read(begin: (...words: [...begin: Parameters<Begin>, channel: number]) => Reading): Promise<Answer | null> {
    const channel = this.#connection.channel(() => this.#hear());
    try {
      const answer = await this.#connection.go<Answer | null>((...words) => {
        this.#reading = begin(...words, channel.slot);
      }, 'read');
      // Mostly there is nothing else: to ask for it would take a turn of the loop.
      if (answer !== null && this.#heard) await this.#rest();
      if (this.#failure !== null) throw this.#failure.error;
      return answer;
    } finally {
      channel.close();
    }
  }

  #rest(): Promise<void> {
    return new Promise((resolve) => {
      this.#whenEmpty = resolve;
      this.#hear();
    });
  }

  #hear(): void {
    this.#heard = true;
    if (this.#stepping) return;
    this.#stepping = true;
    this.#connection.pace.begin(() => (this.#stepping = this.#step()));
  }

  /** Pieces are taken also after a failure: the reader waits for its place. */
  #step(): boolean {
    try {
      const reading = this.#reading as Reading;
      const piece = this.#connection.now<Piece | null>((binary) => binary.storageNextPiece(reading));
      if (piece === null) this.#whenEmpty?.();
      else if (this.#failure === null) this.#take(piece);
      return piece !== null;
    } catch (error) {
      this.#failure = { error };
      return true;
    }
  }
}
