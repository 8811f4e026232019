/** A directory of its own for whoever asks, gone afterwards. */
import { mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** What a process leaves behind is the same in memory, where nobody waits for a disk that others use as well. */
const MEMORY = '/dev/shm';
const ENOUGH_BYTES = 512 * 2 ** 20;

function parentOfAll() {
  try {
    const { bavail, bsize } = statfsSync(MEMORY);
    return bavail * bsize >= ENOUGH_BYTES ? MEMORY : tmpdir();
  } catch {
    return tmpdir();
  }
}

/** Lets `work` have a directory, with what a subject wants `within` it while anybody works there. */
export const withPlace = (subject, directory, work) => subject.within?.(directory, work) ?? work(directory);

export async function inDirectory(work, parent = parentOfAll()) {
  const directory = mkdtempSync(path.join(parent, 'smalltalk-native-torture-'));
  try {
    return await work(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
