/** Directories in which others were made: until they are synced, a power cut takes what was made with all that is in it. */
import { syncDirectory } from './files.js';
import type { Steps } from './steps.js';

export class NewNames {
  readonly #directories = new Set<string>();

  add(directories: Iterable<string>): void {
    for (const directory of directories) this.#directories.add(directory);
  }

  /** Has the new names on the disk; those of which it fails are left for the next time. */
  *sync(): Steps<void> {
    for (const directory of this.#directories) {
      yield* syncDirectory(directory);
      this.#directories.delete(directory);
    }
  }
}
