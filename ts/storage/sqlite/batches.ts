/** Many sessions in one transaction. */
import { StorageError } from '../../errors.js';
import { innerPromise } from '../../inner-promise.js';
import { crossing } from '../../native.js';
import type { ChatSession } from '../../types.js';
import { eachOf } from '../capability-arguments.js';
import { EVERYTHING } from '../pending-writes.js';
import type { Connection } from './connection.js';
import { PIECE } from './large-saves.js';
import type { SessionSaves } from './saves.js';

/** Saves sessions as they are now, all or none. Encoding them lets the loop run in between. */
export async function saveTogether(
  connection: Connection,
  saves: SessionSaves,
  sessions: readonly (readonly [string, ChatSession])[],
  power: boolean,
): Promise<void> {
  connection.open();
  const all = eachOf(sessions, 'session', (session, id) => saves.image(id, session));
  const images = all.map(({ image }) => image);
  const save = connection.turns.takeAll(({ sent }) => {
    const { promise, resolve, reject } = innerPromise<void>();
    const come = connection.now((binary) => binary.comingMessages());
    const pieces = all.map(() => 0);
    let at = 0;
    connection.pace.begin(() => {
      try {
        const text = all[at]?.text;
        if (text !== undefined) {
          const { texts, types } = text.next(PIECE);
          connection.now((binary) => binary.addMessages(come, texts, types));
          pieces[at] = (pieces[at] as number) + 1;
          if (text.done) at += 1;
        }
        if (at < all.length) return true;
        const answer = connection.go<void>((binary, handle, slot) =>
          binary.storageSaveSessions(handle, slot, images, come, pieces, power),
        );
        sent();
        resolve(answer);
      } catch (error) {
        // The engine does not know how much it is, and would keep it for long.
        crossing(StorageError, (binary) => binary.abandonMessages(come));
        reject(error);
        // At the end of the process nobody hears of that: what waits behind it must not wait.
        sent();
      }
      return false;
    });
    return promise;
  });
  await connection.write(EVERYTHING, save);
  for (const one of all) one.learn();
}
