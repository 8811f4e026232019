/**
 * A disk that keeps what it was told to keep, and of the rest what it likes. Files and names are kept apart, as they are on
 * disks: a synced file without its name is lost, a name without what was written is a file of nothing.
 */
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const SECTOR = 512;

/** How a cut treats what was not synced. */
export const MANNERS = ['none', 'all', 'some', 'torn'];

export class Disk {
  /** What programs see. */
  #names = new Map();
  /** What is on the disk, by name. */
  #kept = new Map();
  /** Changes of names that are not on the disk, in order. */
  #renamed = [];

  /** Takes a change that a program has made. */
  take({ type, path: name, ...more }) {
    if (type === 'create') {
      if (!this.#names.has(name)) this.#rename(name, () => newFile());
    } else if (type === 'symlink') this.#rename(name, () => ({ ...newFile(), target: more.target }));
    else if (type === 'mkdir') this.#rename(name, () => ({ ...newFile(), directory: true }));
    else if (type === 'unlink') this.#rename(name, () => null);
    else if (type === 'link') this.#rename(more.to, () => this.#names.get(name));
    else if (type === 'rename') {
      const file = this.#names.get(name);
      this.#change([
        [more.to, file],
        [name, null],
      ]);
    } else if (type === 'write') this.#names.get(name)?.pending.push({ offset: more.offset, data: more.data });
    else if (type === 'copy') {
      const data = this.#seen(more.from).subarray(more.start, more.start + more.size);
      this.#names.get(name)?.pending.push({ offset: more.offset, data: Buffer.from(data) });
    } else if (type === 'truncate') this.#names.get(name)?.pending.push({ size: more.size });
    else if (type === 'extend') this.#names.get(name)?.pending.push({ atLeast: more.size });
    else if (type === 'sync') this.#sync(name);
    else if (type === 'failed') this.#forget(name);
  }

  /** The files after the power went, as paths and contents. */
  cut(manner, random) {
    const names = new Map(this.#kept);
    for (const change of this.#renamed) {
      if (manner === 'none' || (manner !== 'all' && random.chance(0.5))) continue;
      for (const [name, file] of change) set(names, name, file);
    }
    const found = new Map();
    for (const [name, file] of names) {
      if (file.directory) continue;
      found.set(name, file.target === undefined ? survivors(file, manner, random) : { target: file.target });
    }
    return found;
  }

  /** What a program that reads a file sees. */
  #seen(name) {
    const file = this.#names.get(name);
    return file === undefined ? Buffer.alloc(0) : file.pending.reduce(applied, file.contents);
  }

  #rename(name, file) {
    this.#change([[name, file()]]);
  }

  #change(change) {
    for (const [name, file] of change) set(this.#names, name, file);
    this.#renamed.push(change);
  }

  /** After a sync that failed the kernel takes for written what is not: no later sync will write it. */
  #forget(name) {
    const file = this.#names.get(name);
    if (file !== undefined) file.pending = [];
  }

  #sync(name) {
    const file = this.#names.get(name);
    if (file !== undefined && !file.directory) {
      file.contents = file.pending.reduce(applied, file.contents);
      file.pending = [];
      return;
    }
    // The directory itself: its names are on the disk from now on.
    const mine = ([target]) => path.dirname(target) === name;
    for (const change of this.#renamed) if (change.some(mine)) for (const [to, it] of change) set(this.#kept, to, it);
    this.#renamed = this.#renamed.filter((change) => !change.some(mine));
  }
}

const newFile = () => ({ contents: Buffer.alloc(0), pending: [], directory: false, target: undefined });

function set(names, name, file) {
  if (file === null || file === undefined) names.delete(name);
  else names.set(name, file);
}

function applied(contents, change) {
  if (change.size !== undefined) return resized(contents, change.size);
  if (change.atLeast !== undefined) return resized(contents, Math.max(contents.length, change.atLeast));
  const end = change.offset + change.data.length;
  const grown = contents.length >= end ? Buffer.from(contents) : resized(contents, end);
  change.data.copy(grown, change.offset);
  return grown;
}

function resized(contents, size) {
  const other = Buffer.alloc(size);
  contents.copy(other, 0, 0, Math.min(size, contents.length));
  return other;
}

function survivors({ contents, pending }, manner, random) {
  if (manner === 'none') return contents;
  if (manner === 'all') return pending.reduce(applied, contents);
  const some = random.shuffled(pending).filter(() => random.chance(0.5));
  const changes =
    manner === 'some' ? some : random.shuffled(pending.flatMap(sectorsOf)).filter(() => random.chance(0.5));
  return changes.reduce(applied, contents);
}

/** A write of several sectors may get so far, or leave out what is in the middle. */
function sectorsOf(change) {
  if (change.data === undefined) return [change];
  const sectors = [];
  for (let at = 0; at < change.data.length;) {
    const end = Math.min(change.data.length, at + SECTOR - ((change.offset + at) % SECTOR));
    sectors.push({ offset: change.offset + at, data: change.data.subarray(at, end) });
    at = end;
  }
  return sectors;
}

/** Makes files of what a cut has left, in place of what is at `to`. */
export function materialize(files, from, to) {
  rmSync(to, { recursive: true, force: true });
  mkdirSync(to, { recursive: true });
  for (const [name, contents] of files) {
    const place = path.join(to, path.relative(from, name));
    mkdirSync(path.dirname(place), { recursive: true });
    if (Buffer.isBuffer(contents)) writeFileSync(place, contents);
    else symlinkSync(contents.target, place);
  }
}
