/** One directory of files, each named by an id: what is listed of them is remembered as long as the files stay the same. */
import type { Stats } from 'node:fs';
import { join } from 'node:path';

import { mayLookTheSame, wallClock } from './clocks.js';
import {
  change,
  isOf,
  isRefused,
  readFile,
  syncDirectory,
  type Decision,
  type Found,
  type Manner,
  type Progress,
} from './files.js';
import { LateSync } from './late-sync.js';
import { codeOf } from './lock.js';
import { namesIn } from './listed-names.js';
import { fileNameOf, idOfFileName } from './names.js';
import type { Begin } from './operation.js';
import type { Root } from './root.js';
import { step, type Steps } from './steps.js';
import type { Turns } from './turns.js';

/** What a listing knows of a file. */
export interface Entry<H> {
  id: string;
  name: string;
  size: number;
  /** Milliseconds since the epoch. */
  modifiedAt: number;
  /** Its first line; null where that is not what was written, or cannot be read. */
  head: H | null;
}

interface Remembered<H> {
  entry: Entry<H>;
  inode: number;
}

export class Folder<H extends { id: string }> {
  readonly directory: string;
  /** What is owed to writes that did not ask for it. */
  readonly late: LateSync;
  readonly #root: Root;
  readonly #turns: Turns;
  readonly #parse: (line: string) => H | null;
  /** What was there when it was listed last; null: so young that it may have changed and look the same. */
  readonly #remembered = new Map<string, Remembered<H> | null>();
  /** For each listing that is under way, the names of what is changed meanwhile. */
  readonly #changedSince = new Set<Set<string>>();

  constructor(root: Root, name: string, turns: Turns, parse: (line: string) => H | null) {
    this.directory = join(root.path, name);
    this.late = new LateSync(this.directory, root, turns);
    this.#root = root;
    this.#turns = turns;
    this.#parse = parse;
  }

  /** Changes the file of an id, in its turn. */
  change<T>(id: string, decide: (found: Found | null) => Decision<T>, manner: Manner): Promise<T> {
    const name = fileNameOf(id);
    const path = this.#pathOf(name);
    const root = this.#root;
    const remembered = this.#remembered;
    for (const changed of this.#changedSince) changed.add(name);
    let goes = false;
    const noted = (found: Found | null): Decision<T> => {
      const decision = decide(found);
      goes = decision.contents === null;
      return decision;
    };
    const attempt = function* (progress: Progress): Steps<T> {
      // Mostly they are synced before anything is written. Where that failed, it has to succeed now.
      if (manner.power) yield* root.newNames.sync();
      const changed = yield* change(path, noted, manner, progress);
      // Whoever lists or clears next need not look for what has gone.
      if (goes) remembered.delete(name);
      yield* root.checkWritten(path);
      return changed;
    };
    const begin: Begin<T> = (progress) => root.inside(this.directory, () => attempt(progress));
    const changed = this.#turns.write(path, begin, manner.ticket);
    if (!manner.power) this.late.owe(changed);
    return changed;
  }

  /** Reads the file of an id, in its turn; null where there is none. */
  read(id: string, whole: boolean): Promise<Found | null> {
    const path = this.#pathOf(fileNameOf(id));
    const root = this.#root;
    return this.#turns.read(path, function* () {
      const found = yield* readFile(path, whole);
      yield* root.check();
      return found;
    });
  }

  /** Every file, once all is done that was asked for before. */
  async entries(): Promise<Entry<H>[]> {
    const entries: Entry<H>[] = [];
    await this.each(async (name) => {
      const entry = await this.#turns.part(() => this.#entry(name));
      if (entry !== null) entries.push(entry);
    });
    return entries;
  }

  /** Does something for the name of each file, once all is done that was asked for before; some may have gone. */
  async each(work: (name: string) => Promise<void>): Promise<void> {
    await this.#turns.each(await this.#names(), work);
    await this.#turns.part(() => this.#root.check());
  }

  /** The whole of one file; null where it has gone meanwhile. */
  whole(name: string): Promise<Found | null> {
    return this.#turns.part(() => readFile(this.#pathOf(name), true));
  }

  /** The id of a file by its first line or its name; null where neither tells. */
  idOf(name: string, line: string): string | null {
    return this.#headIn(name, line)?.id ?? idOfFileName(name);
  }

  /** Whether the file of an id is one that the system will not give, said by a change that was to read it. */
  cannotRead(id: string, error: unknown): boolean {
    return isRefused(error) && isOf(error, 'open', this.#pathOf(fileNameOf(id)));
  }

  /** Removes every file; gives what the system said of those that it will not remove. */
  *clear(manner: Manner): Steps<Error[]> {
    const left: Error[] = [];
    for (const name of yield* this.#list()) {
      // Each gone is no commit of the whole: begun anew at exit, it goes on with the rest.
      const progress = { committed: false };
      const gone = (): Decision<null> => ({ result: null, contents: null });
      const path = this.#pathOf(name);
      try {
        yield* change(path, gone, { ...manner, power: false }, progress);
        this.#remembered.delete(name);
      } catch (error) {
        if (!isOf(error, 'unlink', path)) throw error;
        left.push(error as Error);
      }
    }
    if (manner.power) yield* syncDirectory(this.directory);
    yield* this.#root.checkWritten(this.directory);
    return left;
  }

  /**
   * The names of the files that can be those of ids, once all is done that was asked for before. What is changed here while the
   * directory is read, and what was there before, is among them whatever the reading gives.
   */
  async #names(): Promise<Set<string>> {
    const changed = new Set<string>();
    this.#changedSince.add(changed);
    try {
      await this.#turns.settled();
      const names = await this.#turns.part(() => this.#list());
      for (const name of changed) names.add(name);
      return names;
    } finally {
      this.#changedSince.delete(changed);
    }
  }

  #list(): Steps<Set<string>> {
    return this.#root.inside(this.directory, () => namesIn(this.directory, this.#remembered.keys()));
  }

  *#entry(name: string): Steps<Entry<H> | null> {
    const remembered = this.#remembered.get(name);
    if (remembered && (yield* this.#isSame(name, remembered))) return remembered.entry;
    const at = wallClock();
    const found = yield* this.#firstOf(name);
    if (found === null) {
      this.#remembered.delete(name);
      return null;
    }
    const line = found.line ?? '';
    const head = this.#headIn(name, line);
    const id = this.idOf(name, line);
    // A shortened name whose file does not tell the id either: `verify` tells of it.
    if (id === null) return null;
    const { size, mtimeMs: modifiedAt, ino: inode } = found.stats;
    const entry: Entry<H> = { id, name, size, modifiedAt, head };
    // One that may be read again looks no other than before.
    const isUncertain = found.line === null || mayLookTheSame(modifiedAt, at);
    this.#remembered.set(name, isUncertain ? null : { entry, inode });
    return entry;
  }

  /** What a listing reads of a file; null where there is none. The line is null where the system gives nothing of it. */
  *#firstOf(name: string): Steps<{ stats: Stats; line: string | null } | null> {
    try {
      return yield* readFile(this.#pathOf(name), false);
    } catch (error) {
      // Without an id there is nothing to list it by, and to leave it out would be to say that there is none.
      if (!isRefused(error) || idOfFileName(name) === null) throw error;
    }
    const stats = yield* this.#statsOf(name);
    return stats && { stats, line: null };
  }

  /** A file that somebody has renamed is not the one that its id would be looked for in. */
  #headIn(name: string, line: string): H | null {
    const head = this.#parse(line);
    return head !== null && fileNameOf(head.id) === name ? head : null;
  }

  *#isSame(name: string, { entry, inode }: Remembered<H>): Steps<boolean> {
    const stats = yield* this.#statsOf(name);
    return stats?.ino === inode && stats.size === entry.size && stats.mtimeMs === entry.modifiedAt;
  }

  *#statsOf(name: string): Steps<Stats | null> {
    try {
      return yield* step('statLink', this.#pathOf(name));
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return null;
      throw error;
    }
  }

  #pathOf(name: string): string {
    return join(this.directory, name);
  }
}
