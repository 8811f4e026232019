/** One directory of files, each named by an id: what is listed of them is remembered as long as the files stay the same. */
import type { Stats } from 'node:fs';
import { join } from 'node:path';

import { coarseTickMs, wallClock } from './clocks.js';
import { change, readFile, syncDirectory, type Decision, type Found, type Manner, type Progress } from './files.js';
import { LateSync } from './late-sync.js';
import { codeOf } from './lock.js';
import { fileNameOf, idOfFileName, isOurs } from './names.js';
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
  /** Its first line; null where that is not what was written. */
  head: H | null;
}

interface Remembered<H> {
  entry: Entry<H>;
  inode: number;
}

/** A file so young may be replaced once more within one tick of the file system's clock, and look the same. */
const TOO_YOUNG_MS = 100;

/** Whether a file may still be replaced by one of the same time; `at` is the clock of the system, as it was before it was read. */
export function mayLookTheSame(modifiedAt: number, at: number): boolean {
  return at - modifiedAt <= TOO_YOUNG_MS + coarseTickMs(modifiedAt);
}

export class Folder<H extends { id: string }> {
  readonly directory: string;
  /** What is owed to writes that did not ask for it. */
  readonly late: LateSync;
  readonly #root: Root;
  readonly #turns: Turns;
  readonly #parse: (line: string) => H | null;
  readonly #remembered = new Map<string, Remembered<H>>();

  constructor(root: Root, name: string, turns: Turns, parse: (line: string) => H | null) {
    this.directory = join(root.path, name);
    this.late = new LateSync(this.directory, root, turns);
    this.#root = root;
    this.#turns = turns;
    this.#parse = parse;
  }

  /** Changes the file of an id, in its turn. */
  change<T>(id: string, decide: (found: Found | null) => Decision<T>, manner: Manner): Promise<T> {
    const path = this.#pathOf(fileNameOf(id));
    const { newNames } = this.#root;
    const attempt = function* (progress: Progress): Steps<T> {
      // Mostly they are synced before anything is written. Where that failed, it has to succeed now.
      if (manner.power) yield* newNames.sync();
      return yield* change(path, decide, manner, progress);
    };
    const begin: Begin<T> = (progress) => this.#root.inside(this.directory, () => attempt(progress));
    const changed = this.#turns.write(path, begin, manner.ticket);
    if (!manner.power) this.late.owe(changed);
    return changed;
  }

  /** Reads the file of an id, in its turn; null where there is none. */
  read(id: string, whole: boolean): Promise<Found | null> {
    const path = this.#pathOf(fileNameOf(id));
    return this.#turns.read(path, () => readFile(path, whole));
  }

  /** Every file, once all is done that was asked for before. */
  async entries(): Promise<Entry<H>[]> {
    await this.#turns.settled();
    const names = await this.names();
    const there = new Set(names);
    for (const name of this.#remembered.keys()) if (!there.has(name)) this.#remembered.delete(name);
    const entries: Entry<H>[] = [];
    await this.#turns.each(names, async (name) => {
      const entry = await this.#turns.part(() => this.#entry(name));
      if (entry !== null) entries.push(entry);
    });
    return entries;
  }

  /** The names of the files that can be those of ids. */
  names(): Promise<string[]> {
    return this.#turns.part(() => this.#list());
  }

  /** The whole of one file; null where it has gone meanwhile. */
  whole(name: string): Promise<Found | null> {
    return this.#turns.part(() => readFile(this.#pathOf(name), true));
  }

  /** The id of a file by its first line or its name; null where neither tells. */
  idOf(name: string, line: string): string | null {
    return this.#headIn(name, line)?.id ?? idOfFileName(name);
  }

  /** Removes every file. */
  *clear(manner: Manner): Steps<void> {
    for (const name of yield* this.#list()) {
      // Each gone is no commit of the whole: begun anew at exit, it goes on with the rest.
      const progress = { committed: false };
      const gone = (): Decision<null> => ({ result: null, contents: null });
      yield* change(this.#pathOf(name), gone, { ...manner, power: false }, progress);
    }
    if (manner.power) yield* syncDirectory(this.directory);
  }

  *#list(): Steps<string[]> {
    return (yield* this.#root.inside(this.directory, () => step('list', this.directory))).filter(isOurs);
  }

  *#entry(name: string): Steps<Entry<H> | null> {
    const remembered = this.#remembered.get(name);
    if (remembered !== undefined && (yield* this.#isSame(name, remembered))) return remembered.entry;
    const at = wallClock();
    const found = yield* readFile(this.#pathOf(name), false);
    if (found === null) return null;
    const head = this.#headIn(name, found.line);
    const id = this.idOf(name, found.line);
    // A shortened name whose file does not tell the id either: `verify` tells of it.
    if (id === null) return null;
    const { size, mtimeMs: modifiedAt, ino: inode } = found.stats;
    const entry: Entry<H> = { id, name, size, modifiedAt, head };
    if (mayLookTheSame(modifiedAt, at)) this.#remembered.delete(name);
    else this.#remembered.set(name, { entry, inode });
    return entry;
  }

  /** A file that somebody has renamed is not the one that its id would be looked for in. */
  #headIn(name: string, line: string): H | null {
    const head = this.#parse(line);
    return head !== null && fileNameOf(head.id) === name ? head : null;
  }

  *#isSame(name: string, { entry, inode }: Remembered<H>): Steps<boolean> {
    try {
      const stats: Stats = yield* step('statLink', this.#pathOf(name));
      return stats.ino === inode && stats.size === entry.size && stats.mtimeMs === entry.modifiedAt;
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return false;
      throw error;
    }
  }

  #pathOf(name: string): string {
    return join(this.directory, name);
  }
}
