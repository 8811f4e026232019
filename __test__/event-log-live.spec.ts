/** Readers beside writers, in this process and in others, for as long as is asked. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout as wait } from 'node:timers/promises';

import type { Event, JsonlEventReplayStorage } from '../ts/index.js';
import { effort, LONG_MS } from './support/effort.js';
import { all, open } from './support/event-log.js';
import { temporaryDirectory } from './support/temporary.js';

const SECONDS = effort('SMALLTALK_LOG_SECONDS', 3);
const RESTARTS = effort('SMALLTALK_LOG_RESTARTS', 6);

/** A writer in a process of its own, which says what has been acknowledged. */
class Writer {
  readonly #child: ChildProcess;
  readonly #journal: Promise<void>;
  acknowledged: number;

  constructor(directory: string, from: number) {
    const script = join(__dirname, 'support/event-log-writing-child.cjs');
    const stdio: ('ignore' | 'pipe' | 'inherit')[] = ['ignore', 'inherit', 'inherit', 'pipe'];
    this.#child = spawn(process.execPath, [script, directory, String(from)], { stdio });
    this.acknowledged = from - 1;
    this.#journal = this.#read(createInterface({ input: this.#child.stdio[3] as Readable }));
  }

  async #read(lines: AsyncIterable<string>): Promise<void> {
    for await (const line of lines) this.acknowledged = Number(line.split(' ')[1]);
  }

  async reach(count: number): Promise<void> {
    while (this.acknowledged < count) await wait(1);
  }

  async kill(): Promise<void> {
    const ended = once(this.#child, 'close');
    this.#child.kill('SIGKILL');
    await ended;
    await this.#journal;
  }
}

test(
  'a tail in another process sees each event once and in order while the writer is killed and started again',
  async () => {
    const directory = temporaryDirectory();
    const log = open({ directory, readOnly: true });
    const stop = new AbortController();
    const seen: Event[] = [];
    const tailing = (async () => {
      for await (const event of log.tail('s', { signal: stop.signal })) seen.push(event);
    })();
    const over = tailing.catch((error: unknown) => error);
    let next = 1;
    for (let life = 0; life < RESTARTS; life += 1) {
      const writer = new Writer(directory, next);
      await writer.reach(next + 40 + ((life * 37) % 60));
      await writer.kill();
      next = writer.acknowledged + 1;
    }
    const owner = open({ directory });
    const last = await owner.append('s', { topic: 't', payload: 'last' });
    while (seen.at(-1)?.seq !== last.seq) await wait(1);
    stop.abort(new Error('seen'));
    expect(await over).toMatchObject({ message: 'seen' });
    expect(seen).toEqual(await all(owner, 's'));
    const numbers = seen.slice(0, -1).map(({ payload }) => payload as number);
    const acknowledged = new Set(numbers);
    for (let at = 1; at < next; at += 1) expect(acknowledged.has(at)).toBe(true);
    seen.slice(1).forEach(({ seq }, at) => expect(seq).toBeGreaterThan(seen[at]?.seq ?? Infinity));
  },
  LONG_MS,
);

test(
  'beside a writer and a cleaner, what each of four replayers gets is a prefix without a gap, a duplicate or half a line',
  async () => {
    const log = open({ maxFileBytes: 2_000, cleanupIntervalMs: 0 });
    const visitor = open({ directory: log.directory, readOnly: true });
    const end = performance.now() + SECONDS * 1_000;
    const running = (): boolean => performance.now() < end;
    let acknowledged = 0;
    const write = async (): Promise<void> => {
      for (let at = 1; running(); at += 1) {
        // All but the newest are old enough for the archive.
        const timestamp = Date.now() - 1_000;
        void log.append('s', { topic: 't', payload: at, timestamp }).then(() => (acknowledged = at));
        if (at % 20 === 0) await log.append('s', { topic: 't', payload: (at += 1), timestamp });
        if (at % 500 === 0) await wait(1);
      }
    };
    const clean = async (): Promise<void> => {
      for (; running(); await wait(10)) await log.cleanup(500);
    };
    let replays = 0;
    const replay = async (from: JsonlEventReplayStorage): Promise<void> => {
      while (running()) {
        const least = acknowledged;
        const from1 = Math.max(0, least - 2_000);
        let next = from1 + 1;
        for await (const { payload, seq } of from.replay('s', { priority: 'all', archived: true, afterSeq: from1 })) {
          expect([payload, seq]).toEqual([next, next]);
          next += 1;
        }
        expect(next).toBeGreaterThan(least);
        replays += 1;
      }
    };
    await Promise.all([write(), clean(), replay(log), replay(log), replay(visitor), replay(visitor)]);
    const { archived } = await log.getStats();
    expect(archived).toBeGreaterThan(10);
    expect(replays).toBeGreaterThan(20);
    console.info(`event log: ${replays} replays beside ${acknowledged} appends and ${archived} archived files`);
  },
  LONG_MS,
);

test('a consumer that is killed between its work and its ack does the work again, and none that was acked', async () => {
  const directory = temporaryDirectory();
  const log = open({ directory });
  for (let at = 1; at <= 50; at += 1) await log.append('s', { topic: 't', payload: at });
  const script = `
    const { JsonlEventReplayStorage } = require(${JSON.stringify(join(__dirname, '../dist/index.js'))});
    const { begin, done } = require(${JSON.stringify(join(__dirname, 'support/journal.cjs'))});
    const log = new JsonlEventReplayStorage({ directory: ${JSON.stringify(directory)}, readOnly: true });
    (async () => {
      for await (const event of await log.subscribe('s', 'worker').then((it) => ((consumer = it), it))) {
        begin(event.payload);
        if (event.payload % 7 === 0) process.kill(process.pid, 'SIGKILL');
        await consumer.ack(event);
        done(event.payload);
      }
    })();
    let consumer;`;
  const handled: number[] = [];
  const acked: number[] = [];
  for (let life = 0; life < 7; life += 1) {
    const child = spawn(process.execPath, ['-e', script.replaceAll('% 7 === 0', `=== ${7 * (life + 1)}`)], {
      stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
    });
    for await (const line of createInterface({ input: child.stdio[3] as Readable })) {
      const [what, payload] = line.split(' ');
      (what === 'begin' ? handled : acked).push(Number(payload));
    }
  }
  // Each is handled once, but for those at which it was killed.
  const expected = Array.from({ length: 49 }, (_, at) => at + 1);
  expect(handled).toEqual(expected.flatMap((at) => (at % 7 === 0 && at < 49 ? [at, at] : [at])));
  expect(acked).toEqual(expected.filter((at) => at !== 49));
});
