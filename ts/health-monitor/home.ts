/** The event loop of this thread, shown to the thread that watches all of them. */
import { isMainThread, threadId } from 'node:worker_threads';

import { HealthError } from '../errors.js';
import { beginWatch, endWatch, running, watching } from '../holders.js';
import { crossing, type Native } from '../native.js';

type Home = NonNullable<ReturnType<Native['loopOpen']>>;

let home: Home | null | undefined;
let noted = false;
/** A monitor that is forgotten no longer watches. */
const forgotten = new FinalizationRegistry<undefined>(leave);

/** Shows the loop, for as long as `monitor` lives or until `leaveHome`; null where the runtime shows none. */
export function showHome(monitor: object): Home | null {
  const labels = beginWatch();
  forgotten.register(monitor, undefined, monitor);
  home ??= crossing(HealthError, (binary) => binary.loopOpen(threadId));
  const opened = home;
  if (opened !== null) crossing(HealthError, (binary) => binary.loopSay(opened, running, labels));
  return opened;
}

/** The monitor no longer wants the loop to be watched. */
export function leaveHome(monitor: object): void {
  if (forgotten.unregister(monitor)) leave();
}

/** While nobody watches nobody reads, and the binary holds on to nothing of ours. */
function leave(): void {
  endWatch();
  const opened = home;
  if (opened && !watching()) crossing(HealthError, (binary) => binary.loopHush(opened));
}

/**
 * A loop that a debugger has paused looks like one that waits for something and never gets it. Where somebody may be
 * debugging, it is given the benefit of the doubt; an endless loop, which takes the CPU, is not.
 */
export function noteDebugger(): void {
  const now = inspectorIsOpen();
  // The inspector is the main thread's, which says each time how it is: another copy of this may have said otherwise since. A
  // worker only knows what the process was started with, and says that once.
  if (!isMainThread && (noted || !now)) return;
  noted = true;
  crossing(HealthError, (binary) => binary.loopDebugged(now));
}

const inspector = loadInspector();

function inspectorIsOpen(): boolean {
  if (!isMainThread) return process.execArgv.some((word) => word.startsWith('--inspect'));
  return inspector?.url() !== undefined;
}

function loadInspector(): typeof import('node:inspector') | null {
  try {
    // eslint-disable-next-line @typescript-eslint/no-require-imports -- there are builds of Node without it
    return require('node:inspector') as typeof import('node:inspector');
  } catch {
    return null;
  }
}
