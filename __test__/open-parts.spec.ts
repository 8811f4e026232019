/** Parts of one's own that openSmallTalk is given, and what becomes of the others where one of them is wrong, or silent. */
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { InMemoryStorageAdapter, openSmallTalk } from '../ts/index.js';
import { runNode } from './support/child.js';
import { OwnLog } from './support/held-log.js';
import { temporaryDirectory } from './support/temporary.js';

const WRONG = [
  { bus: { historyLimit: -1 } },
  { bus: { sessionId: '' } },
  { bus: { critical: 'plan_created' } },
  { bus: { redact: 'secrets' } },
  { health: { heartbeatInterval: 1 } },
  { health: { recoveryStrategy: 'replace' } },
  { health: { backoff: { factor: 0 } } },
  { log: { retentionMs: -1 } },
  { storage: { readers: -1 } },
];

test('a wrong value of an option of any part is refused before anything is made', async () => {
  const directory = join(temporaryDirectory(), 'data');
  for (const wrong of WRONG) {
    await expect(openSmallTalk({ directory, ...wrong } as never)).rejects.toThrow(/must|needs|sessionId/);
    expect([wrong, existsSync(directory)]).toEqual([wrong, false]);
  }
});

describe('where the binary is missing, and memory will do', () => {
  const run = async (body: string): Promise<string[]> => {
    const script = `
      const { openSmallTalk, JsonlEventReplayStorage } = require(${JSON.stringify(join(__dirname, '..', 'dist'))});
      const say = (what) => process.stdout.write(JSON.stringify(what) + '\\n');
      const open = (options) => openSmallTalk({ onFallback: 'memory', storage: 'memory:', ...options });
      (async () => { ${body} })();`;
    const { output } = await runNode(['-e', script], { cwd: temporaryDirectory(), env: { SMALLTALK_NATIVE: 'off' } });
    return output.trim().split('\n');
  };

  test('a log of one’s own is used, for it needs none', async () => {
    const said = await run(`
      const got = [];
      const log = {
        append: async (session, { topic }) => void got.push(topic),
        async *replay() {},
        sessions: async () => [],
        eraseSession: async (id) => got.push('erased ' + id) > 0,
        close: async () => void got.push('closed'),
      };
      const opened = await open({ log });
      opened.bus.emit('agent_handoff', 1);
      await opened.bus.flush();
      say([opened.log === log, opened.health, await opened.eraseSession('default')]);
      await opened.close();
      say(got);`);
    expect(said).toEqual(['[true,null,true]', '["agent_handoff","erased default"]']);
  });

  test('one of ours, which needs it, is none', async () => {
    const said = await run(`
      const opened = await open({ log: new JsonlEventReplayStorage({ directory: 'events' }) });
      opened.bus.emit('agent_handoff', 1);
      await opened.bus.flush();
      say([opened.log, opened.health]);
      await opened.close();`);
    expect(said).toEqual(['[null,null]']);
  });

  test('what else keeps one’s own log from opening is told, and wrong values are refused all the same', async () => {
    const said = await run(`
      const log = {
        append: async () => {}, async *replay() {}, eraseSession: async () => false, close: async () => {},
        sessions: async () => { throw new Error('no such log') },
      };
      for (const options of [{ log }, { log: { retentionMs: -1 } }, { log: { maxFileBytes: 'lots' } }, { health: { heartbeatInterval: 1 } }]) {
        await open(options).then(() => say('opened'), ({ message }) => say(message.slice(0, 20)));
      }`);
    expect(said).toEqual([
      '"no such log"',
      '"retentionMs must be "',
      '"maxFileBytes must be"',
      '"heartbeatInterval mu"',
    ]);
  });
});

test.each(['throws', 'rejects'])(
  'where an adapter of one’s own %s, the log erases the session all the same',
  async (how) => {
    const storage = new InMemoryStorageAdapter();
    const failure = new Error('not deleted');
    storage.deleteSession = () => {
      if (how === 'throws') throw failure;
      return Promise.reject(failure);
    };
    const log = new OwnLog();
    const open = await openSmallTalk({ directory: temporaryDirectory(), storage, log: log as never });
    await expect(open.eraseSession('s')).rejects.toBe(failure);
    await open.close();
    expect(log.erased).toEqual(['s']);
  },
);

test('a close tells of an event that could not be stored and that no flush has heard of, and has closed everything by then', async () => {
  for (const flushes of [false, true]) {
    const { bus, log, storage, close } = await openSmallTalk({ directory: temporaryDirectory() });
    const heard = once(bus, 'log:error');
    bus.emit('callback_registered', () => undefined);
    const [error] = (await heard) as [Error];
    if (flushes) await expect(bus.flush()).rejects.toBe(error);
    const closed = close();
    await (flushes ? expect(closed).resolves.toBeUndefined() : expect(closed).rejects.toBe(error));
    await expect(log.sessions()).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    await expect(storage.get('k')).rejects.toMatchObject({ code: 'ERR_CLOSED' });
  }
});
