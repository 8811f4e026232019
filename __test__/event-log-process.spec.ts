import { once } from 'node:events';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';

import { EventLogError } from '../ts/index.js';
import { runNode } from './support/child.js';
import { all, open, rejection, scriptWithLog } from './support/event-log.js';
import { temporaryDirectory } from './support/temporary.js';

describe('closing and sharing', () => {
  test('what was appended lands, everything after it is refused, twice is fine', async () => {
    const log = open();
    const appended = log.append('s', { topic: 't' });
    const closed = log.close();
    await expect(appended).resolves.toMatchObject({ seq: 1 });
    await closed;
    await log.close();
    await log[Symbol.asyncDispose]();
    const methods: Promise<unknown>[] = [
      log.append('s', { topic: 't' }),
      all(log, 's'),
      log.cleanup(1),
      log.sessions(),
      log.getStats(),
      log.flush(),
    ];
    for (const failed of await Promise.all(methods.map(rejection))) {
      expect(failed).toBeInstanceOf(EventLogError);
      expect(failed.code).toBe('ERR_CLOSED');
    }
    const never = open();
    await never.close();
    expect((await rejection(never.flush())).code).toBe('ERR_CLOSED');
  });

  test('a replay under way ends with ERR_CLOSED', async () => {
    const log = open();
    await Promise.all(Array.from({ length: 2000 }, () => log.append('s', { topic: 't' })));
    const replay = log.replay('s', { priority: 'all' });
    await replay.next();
    await log.close();
    const failed = await rejection(
      (async () => {
        for await (const event of replay) expect(event.topic).toBe('t');
      })(),
    );
    expect(failed.code).toBe('ERR_CLOSED');
  });

  test('two logs on one directory share its numbers', async () => {
    const one = open();
    const two = open({ directory: one.directory });
    expect((await one.append('s', { topic: 't' })).seq).toBe(1);
    expect((await two.append('s', { topic: 't' })).seq).toBe(2);
    await one.close();
    expect((await two.append('s', { topic: 't' })).seq).toBe(3);
    const stats = await two.getStats();
    expect(stats).toMatchObject({
      directory: one.directory,
      sessions: 1,
      files: 1,
      events: 3,
      appended: 3,
      queuedBytes: 0,
    });
    expect(stats.recovery).toEqual({ clean: true, events: 0, torn: [], damaged: [] });
  });

  test('a second process learns who owns the directory', async () => {
    const log = open();
    await log.append('s', { topic: 't' });
    const script = scriptWithLog(
      log.directory,
      `const refused = async (asked) => asked.then(
        () => 'it was done',
        ({ name, code, owner, retryable }) => ({ name, code, owner, retryable }));
      (async () => {
        const append = await refused(log.append('s', { topic: 't' }));
        // Whoever could not read must not keep the name from those who can.
        const subscribe = await refused(log.subscribe('s', 'c'));
        console.log(JSON.stringify({ append, subscribe }));
      })();`,
    );
    const { output } = await runNode(['-e', script], { cwd: __dirname });
    const refusal = { name: 'EventLogError', code: 'ERR_LOCKED', owner: process.pid, retryable: true };
    expect(JSON.parse(output)).toEqual({ append: refusal, subscribe: refusal });
  });

  test('a process that closes nothing ends by itself, and what it queued lands', async () => {
    const directory = temporaryDirectory();
    const appending = "for (let at = 0; at < 1000; at += 1) void log.append('s', { topic: 't', payload: at });";
    const script = (end: string): string => scriptWithLog(directory, `${appending}\n${end}`);
    const ends = ['', 'process.exit(0)', 'setImmediate(() => process.exit(0))', 'void log.close(); process.exit(0)'];
    for (const [at, end] of ends.entries()) {
      const ended = await runNode(['-e', script(end)], { cwd: __dirname });
      expect(ended).toEqual({ code: 0, output: '' });
      const log = open({ directory });
      const events = await all(log, 's');
      expect(events.map(({ payload }) => payload)).toEqual(Array.from({ length: 1000 * (at + 1) }, (_, n) => n % 1000));
      expect((await log.getStats()).recovery.clean).toBe(true);
      await log.close();
    }
  });

  test('what a log queued that is forgotten lands before the process ends', async () => {
    const directory = temporaryDirectory();
    const dist = JSON.stringify(join(__dirname, '../dist/index.js'));
    const script = `
      const { JsonlEventReplayStorage } = require(${dist});
      (() => {
        const log = new JsonlEventReplayStorage({ directory: ${JSON.stringify(directory)} });
        for (let at = 0; at < 8000; at += 1) {
          void log.append('s' + (at % 500), { topic: 't', payload: 'x'.repeat(300) }, { durability: 'power' });
        }
      })();
      setImmediate(() => {
        gc();
        setImmediate(() => {
          gc();
          setTimeout(() => process.exit(0), 0);
        });
      });`;
    const ended = await runNode(['--expose-gc', '-e', script], { cwd: __dirname });
    expect(ended).toEqual({ code: 0, output: '' });
    const log = open({ directory });
    expect(await log.getStats()).toMatchObject({ events: 8000, recovery: { clean: true } });
  });

  test('the way out waits for what a forgotten object has not landed, or could not in time', async () => {
    const exit = JSON.stringify(join(__dirname, '../dist/exit.js'));
    const script = `
      const { drainAtExit } = require(${exit});
      const say = (text) => () => console.log(text);
      let landed;
      (() => {
        drainAtExit({}, say('not said'), (over) => over());
        drainAtExit({}, say('under way'), (over) => (landed = over));
        drainAtExit({}, say('not said either'));
        drainAtExit({}, say('given up'), (over) => over()).keep();
      })();
      (async () => {
        while (landed === undefined) {
          gc();
          await new Promise(setImmediate);
        }
        for (let turn = 0; turn < 5; turn += 1) await new Promise(setImmediate);
        process.exit(0);
      })();`;
    const { output } = await runNode(['--expose-gc', '-e', script], { cwd: __dirname });
    expect(output.trim().split('\n').sort()).toEqual(['given up', 'under way']);
  });

  test('a close that failed leaves nothing for the way out of the process', async () => {
    const directory = temporaryDirectory();
    const script = scriptWithLog(
      directory,
      `const { rmSync } = require('node:fs');
      (async () => {
        await log.append('s', { topic: 't' });
        const before = process.listenerCount('exit');
        rmSync(${JSON.stringify(join(directory, 'lock'))});
        const code = await log.close().catch((error) => error.code);
        console.log(before, code, process.listenerCount('exit'));
      })();`,
    );
    expect((await runNode(['-e', script], { cwd: __dirname })).output).toMatch(/^1 ERR_IO 0$/m);
  });

  test('an await on the log holds a process that has nothing else to do', async () => {
    const script = scriptWithLog(
      temporaryDirectory(),
      `(async () => {
        await log.append('s', { topic: 't' }, { durability: 'power' });
        await log.flush();
        for await (const { seq } of log.replay('s', { priority: 'all' })) console.log(seq);
      })();`,
    );
    expect(await runNode(['-e', script], { cwd: __dirname })).toEqual({ code: 0, output: '1\n' });
  });
});

describe('trouble', () => {
  test('damage is reported, kept aside and costs one event', async () => {
    const log = open();
    for (let at = 0; at < 3; at += 1) await log.append('s', { topic: 't', payload: at });
    await log.close();
    const file = join(log.directory, 'active/s.jsonl');
    writeFileSync(file, `${readFileSync(file, 'utf8').replace('"payload":1', '"payload":7')}{"seq":4,"to`);
    const again = open({ directory: log.directory });
    expect((await all(again, 's')).map(({ payload }) => payload)).toEqual([0, 2]);
    const { recovery } = await again.getStats();
    expect(recovery.torn).toEqual([{ file: 's.jsonl', bytes: 12 }]);
    expect(recovery.damaged).toHaveLength(1);
    expect(readFileSync(join(log.directory, recovery.damaged[0]?.copy ?? ''), 'utf8')).toContain('"payload":7');
  });

  test('damage under an open log costs its line, which is reported', async () => {
    const log = open();
    for (const payload of ['one', 'some', 'three']) await log.append('s', { topic: 't', payload });
    const file = join(log.directory, 'active/s.jsonl');
    writeFileSync(file, readFileSync(file, 'utf8').replace('some', 'same'));
    expect((await all(log, 's')).map(({ payload }) => payload)).toEqual(['one', 'three']);
    const { recovery } = await log.getStats();
    expect(recovery.damaged).toEqual([
      { file: 's.jsonl', offset: expect.any(Number), bytes: expect.any(Number), copy: null },
    ]);
  });

  test('a file that somebody takes away is noticed, and the log goes on', async () => {
    const log = open();
    await log.append('s', { topic: 't', payload: 'gone' });
    rmSync(join(log.directory, 'active/s.jsonl'));
    expect((await rejection(log.append('s', { topic: 't', payload: 'refused' }))).code).toBe('ERR_IO');
    expect((await log.append('s', { topic: 't', payload: 'kept' })).seq).toBeGreaterThan(2);
    expect((await all(log, 's')).map(({ payload }) => payload)).toEqual(['kept']);
  });

  test('a directory that cannot be one is an error, and the next call tries again', async () => {
    const directory = join(temporaryDirectory(), 'file');
    writeFileSync(directory, '');
    const log = open({ directory });
    expect((await rejection(log.append('s', { topic: 't' }))).code).toBe('ERR_IO');
    rmSync(directory);
    mkdirSync(directory);
    expect((await log.append('s', { topic: 't' })).seq).toBeGreaterThan(0);
  });

  test('one event after another, each awaited, is never refused for want of room', async () => {
    const log = open({ maxQueueBytes: 1000 });
    for (let n = 0; n < 2_000; n += 1) await log.append('s', { topic: 't', payload: 'x'.repeat(600) });
    await log.close();
  });

  test('a queue that is full is ERR_BACKPRESSURE', async () => {
    const log = open({ maxQueueBytes: 1000 });
    const outcomes = await Promise.allSettled(
      Array.from({ length: 500 }, () => log.append('s', { topic: 't' }, { durability: 'power' })),
    );
    const codes = new Set(outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason.code] : [])));
    expect([...codes]).toEqual(['ERR_BACKPRESSURE']);
    expect((await all(log, 's')).length).toBe(outcomes.filter(({ status }) => status === 'fulfilled').length);
  });
});

describe('worker threads', () => {
  const worker = (directory: string, name: string, end: string): Worker => {
    const appending = `const all = Array.from({ length: 200 }, (_, at) =>
      log.append('shared', { topic: ${JSON.stringify(name)}, payload: at }));`;
    return new Worker(scriptWithLog(directory, `${appending}\n${end}`), { eval: true });
  };

  test('all threads of a process write to one log, in their own order', async () => {
    const log = open();
    const names = ['a', 'b', 'c', 'd'];
    const ends = names.map((name) => {
      const thread = worker(log.directory, name, 'Promise.all(all).then(() => log.close())');
      return once(thread, 'exit');
    });
    await log.append('shared', { topic: 'main' });
    for (const [code] of await Promise.all(ends)) expect(code).toBe(0);
    const events = await all(log, 'shared');
    expect(events.map(({ seq }) => seq)).toEqual(Array.from({ length: 801 }, (_, at) => at + 1));
    for (const name of names) {
      const own = events.filter(({ topic }) => topic === name).map(({ payload }) => payload);
      expect(own).toEqual(Array.from({ length: 200 }, (_, at) => at));
    }
  });

  test('threads that are terminated at any moment harm nothing, and leave the log to the others', async () => {
    const log = open();
    for (let round = 0; round < 20; round += 1) {
      const thread = worker(
        log.directory,
        't',
        'require("node:worker_threads").parentPort.postMessage(0); setInterval(() => log.append("shared", { topic: "t" }), 0)',
      );
      if (round % 2 === 0) await once(thread, 'message');
      await thread.terminate();
    }
    const { seq } = await log.append('shared', { topic: 'after' });
    const events = await all(log, 'shared');
    expect(events.at(-1)?.seq).toBe(seq);
    expect(new Set(events.map((event) => event.seq)).size).toBe(events.length);
    await log.close();
    const again = open({ directory: log.directory });
    expect((await all(again, 'shared')).length).toBe(events.length);
    expect((await again.getStats()).recovery.clean).toBe(true);
  });
});
