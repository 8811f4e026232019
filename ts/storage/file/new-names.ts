/** Directories in which others were made: until they are synced, a power cut takes what was made with all that is in it. */
import { syncDirectory } from './files.js';
import { codeOf } from './lock.js';
import type { Steps } from './steps.js';

export class NewNames {
  /** Each with which of the additions was its last. */
  readonly #directories = new Map<string, number>();
  #additions = 0;

  add(directories: Iterable<string>): void {
    for (const directory of directories) this.#directories.set(directory, (this.#additions += 1));
  }

  /** Has the new names on the disk; those of which it fails are left for the next time. */
  *sync(): Steps<void> {
    for (const [directory, addition] of this.#directories) {
      yield* syncIfPermitted(directory);
      // One that was added meanwhile may have come too late for this sync.
      if (this.#directories.get(directory) === addition) this.#directories.delete(directory);
    }
  }
}

/** Names may be made in a directory that may not be opened, or takes no sync: it would be tried for ever. */
function* syncIfPermitted(directory: string): Steps<void> {
  try {
    yield* syncDirectory(directory);
  } catch (error) {
    const never = NEVER[String((error as NodeJS.ErrnoException).syscall)] ?? [];
    if (!never.includes(codeOf(error))) throw error;
  }
}

/** What a system call says that will never succeed. */
const NEVER: Partial<Record<string, readonly string[]>> = { open: ['EACCES', 'EPERM'], fsync: ['EINVAL'] };
