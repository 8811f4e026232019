/** One directory of sessions and keys: adapters of one thread that use the same one share this. */
import { realpathSync } from 'node:fs';
import { join } from 'node:path';

import { drainAtExit } from '../../exit.js';
import { monotonic } from '../../timers.js';
import { makeDirectory } from './directories.js';
import { ExpirySweep } from './expiry-sweep.js';
import { storageError, sweepTemporary } from './files.js';
import { Folder } from './folder.js';
import { keyHead, sessionHead, type KeyHead, type SessionHead } from './format.js';
import { Root } from './root.js';
import { walkNow } from './steps.js';
import { Turns } from './turns.js';

const places = new Map<string, WeakRef<Place>>();
const forgotten = new FinalizationRegistry<string>((path) => {
  if (places.get(path)?.deref() === undefined) places.delete(path);
});

/** The place of a path, whose directories are made where they are missing. */
export function placeOf(path: string): Place {
  // By their real names: a symbolic link on the way may be gone when they are synced.
  const made = directoriesIn(path)
    .flatMap(makeDirectory)
    .map((directory) => realpathSync.native(directory));
  const real = realpathSync.native(path);
  const known = places.get(real)?.deref();
  if (known !== undefined) {
    known.lookAgain(made);
    return known;
  }
  const place = new Place(real);
  places.set(real, new WeakRef(place));
  forgotten.register(place, real);
  return place;
}

const directoriesIn = (path: string): string[] => ['sessions', 'keys'].map((name) => join(path, name));

export class Place {
  readonly turns: Turns;
  readonly sessions: Folder<SessionHead>;
  readonly keys: Folder<KeyHead>;
  readonly sweep = new ExpirySweep(this);
  readonly #root: Root;
  #prepared: Promise<void> | null = null;
  /** The version handed out last. */
  #version = 0;

  constructor(path: string) {
    this.#root = new Root(path);
    this.turns = new Turns(path);
    this.sessions = new Folder(this.#root, 'sessions', this.turns, sessionHead);
    this.keys = new Folder(this.#root, 'keys', this.turns, keyHead);
    const { turns } = this;
    const late = [this.sessions.late, this.keys.late];
    const drain = (limitMs: number): void => {
      const end = monotonic() + limitMs;
      turns.drain(end, () => {
        for (const one of late) if (monotonic() < end) walkNow(one.steps(), end);
      });
    };
    const land = (over: () => void): void => {
      const landed = turns.settled().then(() => Promise.all(late.map((one) => one.now())));
      landed.then(over, over);
    };
    drainAtExit(this, drain, land);
    // Before every operation; of a failure hears who initialises, or writes what is to survive a power cut.
    this.prepare().catch(() => undefined);
  }

  /**
   * Its directories may have gone, and be there again. It stays the same place: with turns of its own a second one would not
   * keep the order of the calls.
   */
  lookAgain(made: readonly string[]): void {
    if (!this.#root.lookAgain(made)) return;
    this.#prepared = null;
    this.prepare().catch(() => undefined);
  }

  /** Makes its directories where they have gone, and prepares it. */
  begin(): Promise<void> {
    this.lookAgain(directoriesIn(this.#root.path).flatMap(makeDirectory));
    return this.prepare();
  }

  /** Has new directories on the disk, and sweeps what killed processes have left. */
  prepare(): Promise<void> {
    this.#prepared ??= this.#prepare();
    return this.#prepared;
  }

  /** Ends when the names of what was written are on the disk, or cannot be. */
  async syncNames(): Promise<void> {
    await Promise.all([this.sessions.late.now(), this.keys.late.now()]);
  }

  async #prepare(): Promise<void> {
    const directories = [this.sessions.directory, this.keys.directory];
    const { newNames } = this.#root;
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
