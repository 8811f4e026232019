/** Names of files that were written by those who did not wait for the disk: they are on it before long, or when the store ends. */
import { setTimeout } from '../../timers.js';
import { syncDirectory } from './files.js';
import type { Root } from './root.js';
import type { Steps } from './steps.js';
import type { Turns } from './turns.js';

/** So long a power cut may take what was acknowledged without a sync of its name. */
const SYNCED_WITHIN_MS = 2_000;

export class LateSync {
  readonly #directory: string;
  readonly #root: Root;
  readonly #turns: Turns;
  #timer: NodeJS.Timeout | null = null;
  /** The number of the last write, and of the last one whose name is on the disk. */
  #asked = 0;
  #done = 0;
  #underWay = 0;
  #running: Promise<void> = Promise.resolve();

  constructor(directory: string, root: Root, turns: Turns) {
    this.#directory = directory;
    this.#root = root;
    this.#turns = turns;
  }

  /** For the name that a write makes or takes away. Nobody waits for the sync, and it keeps no process alive. */
  owe(write: Promise<unknown>): void {
    // Also now: on the way out nobody hears that it is done.
    this.#asked += 1;
    this.#underWay += 1;
    // Where it fails as well: others may see a part of it.
    const done = (): void => {
      this.#asked += 1;
      this.#underWay -= 1;
      this.#soon();
    };
    write.then(done, done);
  }

  /** Ends when all is on the disk that is owed, or cannot be. */
  now(): Promise<void> {
    this.#running = this.#running.then(() => this.#turns.part(() => this.steps()));
    return this.#running;
  }

  /** What cannot be synced is as safe as without it, and who asks for more hears of it. */
  *steps(): Steps<void> {
    const asked = this.#asked;
    if (this.#done >= asked) return;
    // A write that is under way may land behind this sync, and then the process may end before it is heard of.
    const isAll = this.#underWay === 0;
    try {
      // Another directory may be in the place of the one that it is owed to.
      yield* this.#root.check();
      yield* this.#root.newNames.sync();
      yield* syncDirectory(this.#directory);
      if (isAll) this.#done = asked;
    } catch {
      // The next write, a close and the way out try again.
    }
  }

  #soon(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      void this.now();
    }, SYNCED_WITHIN_MS).unref();
  }
}
