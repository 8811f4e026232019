/** One directory of files, each named by an id: what is listed of them is remembered as long as the files stay the same. */
import type { Stats } from 'node:fs';
import { join } from 'node:path';

import { setTimeout } from '../../timers.js';
import { change, readFile, syncDirectory, type Decision, type Found, type Manner, type Progress } from './files.js';
import { codeOf } from './lock.js';
import { fileNameOf, idOfFileName, isOurs } from './names.js';
import type { NewNames } from './new-names.js';
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

/** So long a power cut may take what was acknowledged without a sync of its name. */
const SYNCED_WITHIN_MS = 2_000;

/** A file so young may be replaced once more within one tick of the file system's clock, and look the same. */
const TOO_YOUNG_MS = 100;

export class Folder<H extends { id: string }> {
  readonly directory: string;
  readonly #turns: Turns;
  readonly #newNames: NewNames;
  readonly #parse: (line: string) => H | null;
  #syncing = false;
  readonly #remembered = new Map<string, Remembered<H>>();

  constructor(directory: string, turns: Turns, newNames: NewNames, parse: (line: string) => H | null) {
    this.directory = directory;
    this.#turns = turns;
    this.#newNames = newNames;
    this.#parse = parse;
  }

  /** Changes the file of an id, in its turn. */
  change<T>(id: string, decide: (found: Found | null) => Decision<T>, manner: Manner): Promise<T> {
    const path = this.#pathOf(fileNameOf(id));
    const newNames = this.#newNames;
    const begin = function* (progress: Progress): Steps<T> {
      // Mostly they are synced before anything is written. Where that failed, it has to succeed now.
      if (manner.power) yield* newNames.sync();
      return yield* change(path, decide, manner, progress);
    };
    const changed = this.#turns.write(path, begin, manner.ticket);
    if (!manner.power) changed.then(this.#syncSoon, () => undefined);
    return changed;
  }

  /** Has the names on the disk before long; nobody waits for it, and it keeps no process alive. */
  readonly #syncSoon = (): void => {
    if (this.#syncing) return;
    this.#syncing = true;
    const weak = new WeakRef(this);
    setTimeout(() => {
      const folder = weak.deref();
      if (folder !== undefined) void folder.#sync();
    }, SYNCED_WITHIN_MS).unref();
  };

  async #sync(): Promise<void> {
    this.#syncing = false;
    // What cannot be synced is as safe as without it, and who asks for more hears of it.
    for (const sync of [() => this.#newNames.sync(), () => syncDirectory(this.directory)]) {
      await this.#turns.part(sync).catch(() => undefined);
    }
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
  async names(): Promise<string[]> {
    return (await this.#turns.part(() => step('list', this.directory))).filter(isOurs);
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
    for (const name of (yield* step('list', this.directory)).filter(isOurs)) {
      // Each gone is no commit of the whole: begun anew at exit, it goes on with the rest.
      const progress = { committed: false };
      const gone = (): Decision<null> => ({ result: null, contents: null });
      yield* change(this.#pathOf(name), gone, { ...manner, power: false }, progress);
    }
    if (manner.power) yield* syncDirectory(this.directory);
  }

  *#entry(name: string): Steps<Entry<H> | null> {
    const remembered = this.#remembered.get(name);
    if (remembered !== undefined && (yield* this.#isSame(name, remembered))) return remembered.entry;
    const found = yield* readFile(this.#pathOf(name), false);
    if (found === null) return null;
    const head = this.#headIn(name, found.line);
    const id = this.idOf(name, found.line);
    // A shortened name whose file does not tell the id either: `verify` tells of it.
    if (id === null) return null;
    const { size, mtimeMs: modifiedAt, ino: inode } = found.stats;
    const entry: Entry<H> = { id, name, size, modifiedAt, head };
    if (Date.now() - modifiedAt > TOO_YOUNG_MS) this.#remembered.set(name, { entry, inode });
    else this.#remembered.delete(name);
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
