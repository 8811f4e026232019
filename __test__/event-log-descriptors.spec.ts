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

describe.each([false, true])('where no more than 160 files may be open (readOnly: %s)', (readOnly) => {
  limited('60 sessions of 5 files are replayed at once, and the program opens files of its own meanwhile', async () => {
    const cwd = temporaryDirectory();
    const directory = `${cwd}/events`;
    const log = open({ directory, maxFileBytes: 1_000, cleanupIntervalMs: 0 });
    const ids = Array.from({ length: 60 }, (_, number) => `s${number}`);
    for (let file = 0; file < 5; file += 1) {
      await Promise.all(ids.map((id) => log.append(id, { topic: 't', payload: `${file}`.padEnd(900) })));
    }
    await log.close();
    const replaying = `
      const { openSync, closeSync } = require('node:fs');
      const reader = new JsonlEventReplayStorage({ directory: log.directory, readOnly: ${readOnly} });
      const replay = async (id) => {
        const found = [];
        for await (const { payload } of reader.replay(id, { priority: 'all' })) {
          found.push(Number(payload));
          await new Promise(setImmediate);
          closeSync(openSync('/dev/null'));
        }
        return found.join();
      };
      Promise.all(Array.from({ length: 60 }, (_, number) => replay('s' + number))).then(async (all) => {
        await Promise.all([reader.close(), log.close()]);
        console.log(JSON.stringify([...new Set(all)]));
      });`;
    const node = [process.execPath, '-e', scriptWithLog(directory, replaying)];
    const ran = await runProgram('prlimit', ['--nofile=160:160', ...node], { cwd });
    expect(ran).toMatchObject({ code: 0, output: expect.stringContaining('["0,1,2,3,4"]\n') as string });
  });
});
