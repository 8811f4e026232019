/** The directory of a store, and those in it that have its files: what becomes of them when somebody takes them away. */
import { statSync, type Stats } from 'node:fs';
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
    this.#seen = statSync(path);
    // Who made them may have been killed before they were on the disk, or have failed, or may be about to sync them.
    this.newNames.add(withThoseAbove(path));
  }

  /** Takes what stands there now for the store; says whether that is another directory than before, or `made` is not empty. */
  lookAgain(made: readonly string[]): boolean {
    const seen = statSync(this.path);
    const isNew = !isSame(seen, this.#seen);
    this.#seen = seen;
    this.newNames.add(isNew ? withThoseAbove(this.path) : made);
    return isNew || made.length > 0;
  }

  /**
   * Does something in one of its directories. Where that one is gone and the root is not, as where an empty one was tidied
   * away, it is made anew. Where the root is gone as well, or is another one, as when its disk is, nobody begins anew unasked.
   */
  *inside<T>(directory: string, begin: () => Steps<T>): Steps<T> {
    yield* this.check();
    try {
      return yield* begin();
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error;
      const seen = yield* this.#look();
      if (seen === null || !isSame(seen, this.#seen)) throw goneOf(this.path, { cause: error });
      yield* makeStep(directory);
      this.newNames.add([this.path]);
      return yield* begin();
    }
  }

  /** Throws where it is gone, or another directory is there. What was read until then was not found in that one. */
  *check(): Steps<void> {
    const seen = yield* this.#look();
    if (seen === null || isOther(seen, this.#seen)) throw goneOf(this.path);
    // An overlay gives a directory another moment when it is first written to, and may give it another number later.
    if (seen.ino === this.#seen.ino || seen.birthtimeMs > 0) this.#seen = seen;
  }

  /** Throws where it went while something was written: who knows where that is. */
  *checkWritten(path: string): Steps<void> {
    try {
      yield* this.check();
    } catch (cause) {
      const message = `${path} was written, and whether that is in the store is unknown`;
      throw new StorageError('ERR_INDETERMINATE', message, { cause });
    }
  }

  /** What is there now; null: nothing. */
  *#look(): Steps<Stats | null> {
    try {
      return yield* step('statThrough', this.path);
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return null;
      throw error;
    }
  }
}

const isSame = (one: Stats, other: Stats): boolean => one.dev === other.dev && one.ino === other.ino;

/**
 * Whether they are two directories for certain. FAT and file systems in user space may give the same one another number, once the
 * kernel has forgotten it, and one that is mounted again, as automounters do where nobody looks for a while, may be another device:
 * the moment when it was made tells then, where the file system does.
 */
function isOther(one: Stats, other: Stats): boolean {
  const isOfOneMoment = one.birthtimeMs > 0 && one.birthtimeMs === other.birthtimeMs;
  if (one.dev !== other.dev) return one.ino !== other.ino || !isOfOneMoment;
  return one.ino !== other.ino && one.birthtimeMs > 0 && !isOfOneMoment;
}

function* makeStep(directory: string): Steps<void> {
  try {
    yield* step('make', directory, 0o700);
  } catch (error) {
    // Somebody else was faster.
    if (codeOf(error) !== 'EEXIST') throw error;
  }
}

function goneOf(path: string, options?: ErrorOptions): StorageError {
  const message = `${path} is gone, or another directory is in its place: initialize() begins anew there`;
  return new StorageError('ERR_IO', message, options);
}

/** A directory and those above it in the same file system: beyond that its name has been there before. */
function withThoseAbove(path: string): string[] {
  const { dev } = statSync(path);
  const found = [path];
  for (let at = dirname(path); at !== found.at(-1) && statSync(at).dev === dev; at = dirname(at)) found.push(at);
  return found;
}
