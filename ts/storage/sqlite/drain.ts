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
  maxQueueBytes: number;
};

/** So much of the queue may be taken before it is waited for: bytes can be up to three times as many as characters. */
const MOST_TAKEN = 1 / 4;

/** Lets all of it land, within so many milliseconds. */
export function drainOf(draining: Draining): (limitMs: number) => void {
  const { handle, calls, watch, turns, pace, unsettled, maxQueueBytes } = draining;
  return (limitMs) => {
    const end = monotonic() + limitMs;
    const drain = (last = false): unknown =>
      crossing(StorageError, (binary) => binary.storageDrain(handle, Math.max(0, end - monotonic()), last));
    const settle = (): void => {
      drain();
      calls.settleNow(watch(0));
    };
    // What the queue has by now, nobody here knows.
    let most = 0;
    const makeRoom = (): void => {
      if (unsettled.characters > most) settle();
      most = maxQueueBytes * MOST_TAKEN;
    };
    do {
      pace.finish();
      turns.hurryReads(makeRoom);
      // To wait once more for each write that waits could take all of the time: half of it is for the rest together.
      if (!unsettled.any || monotonic() > end - limitMs / 2) continue;
      // What waits must not come before a save that is sent a second time.
      settle();
      unsettled.sendAgain(() => {
        pace.finish();
        drain();
      });
    } while (turns.hurry());
    // Nobody is left to sync later what was acknowledged without that.
    drain(true);
  };
}
