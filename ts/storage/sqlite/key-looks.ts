/** Small values read on the calling thread: the first of a tick at once, those that are asked for beside it together. */
import { decode } from '../../codec.js';
import { needStack } from '../../stack.js';
import type { Connection } from './connection.js';
import { KEYS_A_LOOK } from './here.js';

/** As many are read in one crossing at the most. */
const TOGETHER = 256;

/** So many at least; and of the first nobody knows how long their values are. */
const FEW = KEYS_A_LOOK;

/** As many characters as may cross together, about: a step of the pace is to be short. */
const CHARACTERS = 2 ** 18;

interface Waiting {
  key: string;
  resolve(value: unknown): void;
}

/** The looks of one connection. What cannot be told here and now is asked of a thread. */
export class KeyLooks {
  readonly #connection: Connection;
  readonly #ask: (key: string) => Promise<unknown>;
  /** Those that wait for the end of the tick, or for the loop to turn; null where nothing has been looked at in it. */
  #waiting: Waiting[] | null = null;
  /** As many are read in the next crossing. */
  #together = FEW;

  constructor(connection: Connection, ask: (key: string) => Promise<unknown>) {
    this.#connection = connection;
    this.#ask = ask;
  }

  /** The value of a key, or the promise of it; null where there is none. Throws what the codec throws. */
  look(key: string): unknown {
    if (this.#waiting !== null) return this.#wait(key, this.#waiting);
    if (!this.#connection.here.mayRead(1)) {
      this.#letTurn();
      return this.#wait(key, (this.#waiting = []));
    }
    // Before the continuation of whoever awaits this look, who may look again: one after another, all are the first. And before
    // anybody waits for it: at a full stack it fails.
    void SETTLED.then(this.#endTick);
    this.#waiting = [];
    return this.#one(key);
  }

  #wait(key: string, waiting: Waiting[]): Promise<unknown> {
    return new Promise((resolve) => waiting.push({ key, resolve }));
  }

  #one(key: string): unknown {
    const found = this.#connection.now((binary, handle) => binary.storageGetKeyNow(handle, key, Date.now()));
    if (found === null) return null;
    if (typeof found === 'string') return decode(found, null);
    return found === undefined ? this.#ask(key) : decode(...found);
  }

  /** Looks at all that wait. Called before anything is written: they were asked for before that. */
  finish(): void {
    if (this.#waiting === null || this.#waiting.length === 0) return;
    needStack();
    while (this.#next());
  }

  /** Looks at the next of those that wait, as many as cross together. Whether there were any. */
  #next(): boolean {
    const next = this.#waiting?.slice(0, this.#together) ?? [];
    if (next.length > 0) this.#several(next);
    // Now that they have been told: where this is ended before, the end of the tick has them still.
    this.#waiting?.splice(0, next.length);
    return next.length > 0;
  }

  readonly #endTick = (): void => {
    while (this.#waiting !== null && this.#waiting.length > 0) {
      if (!this.#connection.here.mayRead()) {
        this.#letTurn();
        return;
      }
      this.#next();
    }
    this.#waiting = null;
  };

  /** Those that wait are looked at when the loop has turned, a step at a time. */
  #letTurn(): void {
    this.#connection.pace.begin(() => {
      if (this.#next()) return true;
      this.#waiting = null;
      return false;
    });
  }

  /** One view of the store and one text for all of them, where each is small and plain JSON. */
  #several(waiting: readonly Waiting[]): void {
    const values = this.#values(waiting.map(({ key }) => key));
    for (const [at, { key, resolve }] of waiting.entries()) {
      resolve(values === undefined ? this.#ask(key) : values[at]);
    }
  }

  /** Undefined where they have to be read one by one, which also tells what is wrong with which. */
  #values(keys: string[]): unknown[] | undefined {
    // One text crosses in a tenth of the time.
    const names = keys.join('\0');
    try {
      const text = this.#connection.now((binary, handle) => binary.storageGetKeysNow(handle, names, Date.now()));
      if (text === undefined) return undefined;
      const fitting = Math.floor((keys.length * CHARACTERS) / text.length);
      this.#together = Math.max(FEW, Math.min(TOGETHER, fitting));
      return decode(text, null) as unknown[];
    } catch {
      return undefined;
    }
  }
}

const SETTLED = Promise.resolve();
