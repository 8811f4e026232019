/** One directory of sessions and keys: adapters of one thread that use the same one share this. */
import { realpathSync } from 'node:fs';
import { join } from 'node:path';

import { drainAtExit } from '../../exit.js';
import { makeDirectory } from './directories.js';
import { storageError, sweepTemporary } from './files.js';
import { Folder } from './folder.js';
import { keyHead, sessionHead, type KeyHead, type SessionHead } from './format.js';
import { NewNames } from './new-names.js';
import { Turns } from './turns.js';

const places = new Map<string, WeakRef<Place>>();
const forgotten = new FinalizationRegistry<string>((path) => {
  if (places.get(path)?.deref() === undefined) places.delete(path);
});

/** The place of a path, whose directories are made where they are missing. */
export function placeOf(path: string): Place {
  const made = ['sessions', 'keys'].flatMap((name) => makeDirectory(join(path, name)));
  const real = realpathSync.native(path);
  const known = places.get(real)?.deref();
  if (known !== undefined) {
    known.madeAnew(made);
    return known;
  }
  const place = new Place(real, made);
  places.set(real, new WeakRef(place));
  forgotten.register(place, real);
  return place;
}

export class Place {
  readonly turns = new Turns();
  readonly sessions: Folder<SessionHead>;
  readonly keys: Folder<KeyHead>;
  readonly #newNames = new NewNames();
  #prepared: Promise<void> | null = null;
  /** The version handed out last. */
  #version = 0;

  constructor(path: string, changed: Iterable<string>) {
    this.#newNames.add(changed);
    this.sessions = new Folder(join(path, 'sessions'), this.turns, this.#newNames, sessionHead);
    this.keys = new Folder(join(path, 'keys'), this.turns, this.#newNames, keyHead);
    const { turns } = this;
    drainAtExit(this, (limitMs) => turns.drain(limitMs));
    // Before every operation; of a failure hears who initialises, or writes what is to survive a power cut.
    this.prepare().catch(() => undefined);
  }

  /**
   * Its directories had gone, and are there again. It stays the same place: with turns of its own a second one would take
   * the locks of this one for its own.
   */
  madeAnew(changed: readonly string[]): void {
    if (changed.length === 0) return;
    this.#newNames.add(changed);
    this.#prepared = null;
    this.prepare().catch(() => undefined);
  }

  /** Has new directories on the disk, and sweeps what killed processes have left. */
  prepare(): Promise<void> {
    this.#prepared ??= this.#prepare();
    return this.#prepared;
  }

  async #prepare(): Promise<void> {
    const directories = [this.sessions.directory, this.keys.directory];
    const newNames = this.#newNames;
    try {
      await this.turns.writeAll(function* () {
        yield* newNames.sync();
        for (const directory of directories) yield* sweepTemporary(directory);
      });
    } catch (error) {
      this.#prepared = null;
      throw storageError(error);
    }
  }

  /**
   * The version after the one that is stored: microseconds since the epoch, or one more than any before where the clock
   * does not go forward. So versions grow also across deleting a session, of which nothing is left.
   */
  nextVersion(stored: number | undefined): number {
    this.#version = Math.max(this.#version + 1, (stored ?? 0) + 1, Date.now() * 1000);
    return this.#version;
  }
}
