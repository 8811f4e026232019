/** The way out of the process: what was asked for is sent and waited for, synchronously, although no promise goes on. */
import type { Calls } from '../../calls.js';
import { StorageError } from '../../errors.js';
import type { Watch } from '../../moments.js';
import { crossing } from '../../native.js';
import { monotonic } from '../../timers.js';
import type { Connection, Handle } from './connection.js';

/** What it takes: no connection, so that it does not hold on to it. */
export type Draining = Pick<Connection, 'turns' | 'pace' | 'unsettled'> & {
  handle: Handle;
  calls: Calls;
  watch: Watch;
};

/** Lets all of it land, within so many milliseconds. */
export function drainOf({ handle, calls, watch, turns, pace, unsettled }: Draining): (limitMs: number) => void {
  return (limitMs) => {
    const end = monotonic() + limitMs;
    const drain = (): unknown =>
      crossing(StorageError, (binary) => binary.storageDrain(handle, Math.max(0, end - monotonic())));
    do {
      pace.finish();
      if (!unsettled.any) continue;
      // What waits must not come before a save that is sent a second time.
      drain();
      calls.settleNow(watch(0));
      unsettled.sendAgain(() => {
        pace.finish();
        drain();
      });
    } while (turns.hurry());
    drain();
  };
}
