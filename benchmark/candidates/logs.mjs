/** Logs behind one call: `append(session, event)`, whose promise is the acknowledgement. */
import { randomUUID } from 'node:crypto';
import { appendFile, open } from 'node:fs/promises';
import { join } from 'node:path';

/** The line that we write as well, but for our checksum. */
export function lineOf(event, seq) {
  return `${JSON.stringify({ seq, id: randomUUID(), ...event })}\n`;
}

const fileOf = (directory, session) => join(directory, `${session}.jsonl`);

/** Each is opened for a durability and the sessions that will be appended to. */
export const logs = {
  'smalltalk-native': async (directory, { sessions: _, ...options }) => {
    const { JsonlEventReplayStorage } = await import('./ours.mjs');
    const log = new JsonlEventReplayStorage({ directory: join(directory, 'events'), ...options });
    return { append: (session, event) => log.append(session, event), close: () => log.close(), log };
  },

  'fs.promises.appendFile': (directory) => {
    let seq = 0;
    return {
      append: (session, event) => appendFile(fileOf(directory, session), lineOf(event, ++seq)),
      close: async () => {},
    };
  },

  'FileHandle + datasync': async (directory, { sessions }) => {
    const opened = sessions.map(async (session) => [session, await open(fileOf(directory, session), 'a')]);
    const handles = new Map(await Promise.all(opened));
    let seq = 0;
    return {
      async append(session, event) {
        const handle = handles.get(session);
        await handle.appendFile(lineOf(event, ++seq));
        await handle.datasync();
      },
      close: () => Promise.all([...handles.values()].map((handle) => handle.close())),
    };
  },
};
