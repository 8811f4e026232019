/** More sessions at once than the process may have files open. */
import { spawnSync } from 'node:child_process';

import { runProgram } from './support/child.js';
import { all, open, scriptWithLog } from './support/event-log.js';
import { skipUnless } from './support/skip.js';
import { temporaryDirectory } from './support/temporary.js';

const SESSIONS = 200;
const limited = skipUnless(
  process.platform === 'linux' && spawnSync('prlimit', ['--version']).status === 0,
  'prlimit is not there',
);

/** Appends to many new sessions at once, and tells what came of it, of the program's own files, and of a flush. */
const work = (durability: string): string => `
  const { open } = require('node:fs/promises');
  const tally = {};
  const note = (code) => (tally[code] = (tally[code] ?? 0) + 1);
  const append = (session) =>
    log.append(session, { topic: 't' }, { durability: '${durability}' }).then(() => note('fine'), ({ code }) => note(code));
  const opens = async () => {
    const handle = await open('/dev/null');
    await handle.close();
  };
  (async () => {
    await log.sessions();
    await Promise.all(Array.from({ length: ${SESSIONS} }, (_, number) => append('s' + number)));
    await log.flush();
    for (let tries = 0; ; tries += 1) {
      try {
        await opens();
        break;
      } catch (error) {
        if (error.code !== 'EMFILE' || tries > 500) throw error;
        await new Promise(setImmediate);
      }
    }
    await append('s0');
    await append('another');
    await log.flush();
    await log.close();
    console.log(JSON.stringify(tally));
  })();`;

describe.each(['process', 'power'])('where no more than 96 files may be open (%s)', (durability) => {
  limited('all events of 200 new sessions are stored, synced and closed in order', async () => {
    const cwd = temporaryDirectory();
    const directory = `${cwd}/events`;
    const node = [process.execPath, '-e', scriptWithLog(directory, work(durability))];
    const { code, output } = await runProgram('prlimit', ['--nofile=96:96', ...node], { cwd });
    // What is logged meanwhile comes before it.
    expect({ code, output }).toMatchObject({
      code: 0,
      output: expect.stringContaining(`{"fine":${SESSIONS + 2}}\n`) as string,
    });
    const log = open({ directory });
    expect(await log.sessions()).toHaveLength(SESSIONS + 1);
    expect((await all(log, 's0')).map(({ seq }) => seq)).toEqual([1, 2]);
    expect((await log.getStats()).recovery).toMatchObject({ clean: true, damaged: [], torn: [] });
    await log.close();
  });
});
