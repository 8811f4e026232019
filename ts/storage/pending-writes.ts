/** Which sessions and keys have writes on their way: a read that follows must see them. */
import { ChurnMap } from '../churn.js';

export class PendingWrites {
  readonly #counts = new ChurnMap<string, number>();

  /** Notes a write until it settles. */
  track<T>(name: string, write: Promise<T>): Promise<T> {
    let counted = false;
    const done = (): void => {
      if (counted) this.#done(name);
    };
    // Before it is counted: whatever ends this halfway leaves nothing that is never done.
    write.then(done, done);
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
    counted = true;
    return write;
  }

  /** Whether a write of this name is on its way. */
  has(name: string): boolean {
    return this.#counts.has(name) || this.#counts.has(EVERYTHING);
  }

  /** Whether any write is. */
  get any(): boolean {
    return this.#counts.size > 0;
  }

  #done(name: string): void {
    const left = (this.#counts.get(name) ?? 1) - 1;
    if (left === 0) this.#counts.delete(name);
    else this.#counts.set(name, left);
  }
}

/** The name of a write that concerns everything. */
export const EVERYTHING = '*';

/** Sessions and keys may share a name. */
export const sessionName = (id: string): string => `s${id}`;
export const keyName = (key: string): string => `k${key}`;
