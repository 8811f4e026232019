/** Making the directories of a store. */
import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Makes a directory and what is missing above it, for the owner only, and gives those that have a new name in them. One by
 * one: Node's `recursive` never ends where a directory is there and takes no name, as one that was removed under its mount.
 */
export function makeDirectory(path: string): string[] {
  const missing: string[] = [];
  for (let at = path; !isDirectory(at) && !missing.includes(at); at = dirname(at)) missing.push(at);
  for (const directory of missing.reverse()) make(directory);
  return missing.map((directory) => dirname(directory));
}

function make(directory: string): void {
  try {
    mkdirSync(directory, { mode: 0o700 });
  } catch (error) {
    // Somebody else may have been faster.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || !isDirectory(directory)) throw error;
  }
}

const isDirectory = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
