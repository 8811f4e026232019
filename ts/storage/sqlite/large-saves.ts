/** Saving a large session in full: its text is made little by little, and written while the rest of it is made. */
import { StorageError } from '../../errors.js';
import { innerPromise } from '../../inner-promise.js';
import { crossing, type Native } from '../../native.js';
import type { Connection } from './connection.js';
import type { Lines, SessionText } from './session-text.js';

/** A session as the binary takes it. */
export type Image = Parameters<Native['storageSaveSession']>[2];

/** Characters that are written in one step. */
export const PIECE = 40_000;

/**
 * Saves a session whose messages begin with `first` and go on with `text`; answers with its version. `allSent` is called
 * when whatever is asked for next comes after it: the binary waits for pieces only as long as they keep coming, so that
 * nobody else waits for a loop that is held up. Where they did not, the save is asked for again with all of them.
 */
export function saveInPieces(
  connection: Connection,
  image: Image,
  first: Lines,
  text: SessionText,
  power: boolean,
  allSent: () => void,
): Promise<number> {
  const coming = connection.now((binary) => binary.comingMessages());
  const add = ({ texts, types }: Lines): void => connection.now((binary) => binary.addMessages(coming, texts, types));
  const ask = <T>(again: boolean): Promise<T> =>
    connection.go<T>((binary, handle, slot) => binary.storageSaveComing(handle, slot, image, power, coming, again));
  // The file need not be open for that.
  const abandon = (): void => crossing(StorageError, (binary) => binary.abandonMessages(coming));
  add(first);
  const { promise, resolve, reject } = innerPromise<number>();
  let refused = false;
  let complete = false;
  const inTime = ask<number | null>(false);
  inTime.catch((error: unknown) => {
    refused = true;
    reject(error);
    // Nobody brings the rest; what has come would keep its room for a save that is asked for again.
    if (!complete) abandon();
  });
  const end = (): void => {
    complete = true;
    const answer = connection.now((binary) => binary.completeMessages(coming)) ? inTime : ask<number>(true);
    allSent();
    resolve(answer as Promise<number>);
  };
  connection.pace.begin(() => {
    if (refused) return false;
    try {
      add(text.next(PIECE));
      if (text.done) end();
      return !text.done;
    } catch (error) {
      abandon();
      reject(error);
      return false;
    }
  });
  return promise;
}
