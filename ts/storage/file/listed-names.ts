/**
 * What a directory has. On some file systems, as tmpfs and btrfs, a file that takes the place of another one gets another place in
 * the directory: a reading that is under way passes over its name, or gives it twice.
 */
import { mayLookTheSame, wallClock } from './clocks.js';
import { isOurs } from './names.js';
import { step, type Steps } from './steps.js';

/** So often it is read where somebody makes new files all the time. */
const MOST_READINGS = 8;

/**
 * The names that can be those of ids, each once, and with them those that are known. The directory is read until nothing was
 * changed in it meanwhile, or until another reading brings nothing new: a name would have to be passed over each time.
 */
export function* namesIn(directory: string, known: Iterable<string>): Steps<Set<string>> {
  const names = new Set(known);
  for (let reading = 1; ; reading += 1) {
    const before = names.size;
    const at = wallClock();
    const stats = yield* step('statThrough', directory);
    for (const name of yield* step('list', directory)) if (!names.has(name) && isOurs(name)) names.add(name);
    if (reading === MOST_READINGS || (reading > 1 && names.size === before)) return names;
    const { mtimeMs, ctimeMs } = yield* step('statThrough', directory);
    if (mtimeMs === stats.mtimeMs && ctimeMs === stats.ctimeMs && !mayLookTheSame(mtimeMs, at)) return names;
  }
}
