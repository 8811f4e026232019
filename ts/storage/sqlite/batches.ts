/** Many sessions in one transaction. */
import { innerPromise } from '../../inner-promise.js';
import type { ChatSession } from '../../types.js';
import { EVERYTHING } from '../pending-writes.js';
import type { Connection } from './connection.js';
import type { SessionSaves } from './saves.js';

/** Saves sessions as they are now, all or none. Encoding them lets the loop run in between. */
export async function saveTogether(
  connection: Connection,
  saves: SessionSaves,
  sessions: readonly (readonly [string, ChatSession])[],
  power: boolean,
): Promise<void> {
  connection.open();
  const all = sessions.map(([id, session]) => saves.image(id, session));
  const images = all.map(({ image }) => image);
  const left = [...all];
  const save = connection.turns.takeAll(({ sent }) => {
    const { promise, resolve, reject } = innerPromise<void>();
    connection.pace.begin(() => {
      try {
        const [one] = left;
        if (one !== undefined && !one.step()) left.shift();
        if (left.length > 0) return true;
        const answer = connection.go<void>((binary, handle, slot) =>
          binary.storageSaveSessions(handle, slot, images, power),
        );
        sent();
        resolve(answer);
      } catch (error) {
        reject(error);
      }
      return false;
    });
    return promise;
  });
  await connection.write(EVERYTHING, save);
  for (const one of all) one.learn();
}
