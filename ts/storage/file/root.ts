/** The directory of a store, and those in it that have its files: what becomes of them when somebody takes them away. */
import { lstatSync, statSync, type Stats } from 'node:fs';
import { dirname } from 'node:path';

import { StorageError } from '../../errors.js';
import { codeOf } from './lock.js';
import { NewNames } from './new-names.js';
import { step, type Steps } from './steps.js';

export class Root {
  readonly path: string;
  readonly newNames = new NewNames();
  /** Which directory it was. */
  #seen: Stats;

  constructor(path: string) {
    this.path = path;
    this.#seen = lstatSync(path);
    // Who made them may have been killed before they were on the disk, or have failed, or may be about to sync them.
    this.newNames.add(withThoseAbove(path));
  }

  /** Takes what stands there now for the store; says whether that is another directory than before, or `made` is not empty. */
  lookAgain(made: readonly string[]): boolean {
    const seen = lstatSync(this.path);
    const isOther = !isSame(seen, this.#seen);
    this.#seen = seen;
    this.newNames.add(isOther ? withThoseAbove(this.path) : made);
    return isOther || made.length > 0;
  }

  /**
   * Does something in one of its directories. Where that one is gone and the root is not, as where an empty one was tidied
   * away, it is made anew. Where the root is gone as well, or is another one, as when its disk is, nobody begins anew unasked.
   */
  *inside<T>(directory: string, begin: () => Steps<T>): Steps<T> {
    try {
      return yield* begin();
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error;
      if (!(yield* this.#isThere())) throw goneOf(this.path, error);
      yield* makeStep(directory);
      this.newNames.add([this.path]);
      return yield* begin();
    }
  }

  *#isThere(): Steps<boolean> {
    try {
      return isSame(yield* step('statLink', this.path), this.#seen);
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return false;
      throw error;
    }
  }
}

const isSame = (one: Stats, other: Stats): boolean => one.dev === other.dev && one.ino === other.ino;

function* makeStep(directory: string): Steps<void> {
  try {
    yield* step('make', directory, 0o700);
  } catch (error) {
    // Somebody else was faster.
    if (codeOf(error) !== 'EEXIST') throw error;
  }
}

function goneOf(path: string, cause: unknown): StorageError {
  const message = `${path} is gone, or another directory is there without its files: initialize() begins anew there`;
  return new StorageError('ERR_IO', message, { cause });
}

/** A directory and those above it in the same file system: beyond that its name has been there before. */
function withThoseAbove(path: string): string[] {
  const { dev } = statSync(path);
  const found = [path];
  for (let at = dirname(path); at !== found.at(-1) && statSync(at).dev === dev; at = dirname(at)) found.push(at);
  return found;
}
