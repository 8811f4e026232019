/**
 * A disk that is silent, without one: a pipe in the place of a file holds up the thread that opens it. What was begun is
 * unknown, what was queued is withdrawn and never written, and everybody hears of one or the other.
 */
import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdirSync, openSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { JsonlEventReplayStorage, SmallTalkEventBus, type EventConsumer } from '../ts/index.js';
import { runNode } from './support/child.js';
import { all, open, rejection } from './support/event-log.js';
import { expectCountsToAddUp, logStats } from './support/held-log.js';
import { skipUnless } from './support/skip.js';
import { temporaryDirectory } from './support/temporary.js';

const withPipes = skipUnless(process.platform !== 'win32', 'only POSIX has pipes with names');

const SHORT = { timeoutMs: 1_000, fsyncIntervalMs: 3_600_000, cleanupIntervalMs: 0 };
const PATIENT = { ...SHORT, timeoutMs: 600_000 };

/** A session whose file is a pipe. */
const SILENT = 'silent';
const pipeOf = (log: JsonlEventReplayStorage): string => join(log.directory, 'active', `${SILENT}.jsonl`);

const outcome = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'fine',
    (error: { code: string }) => error.code,
  );

const payloads = async (log: JsonlEventReplayStorage): Promise<unknown[]> =>
  (await all(log, 's')).map(({ payload }) => payload);

/** Holds up the thread that writes: it has begun an append which goes on when somebody reads. */
async function holdUp(log: JsonlEventReplayStorage): Promise<void> {
  await log.append('s', { topic: 't', payload: 'before' });
  execFileSync('mkfifo', [pipeOf(log)]);
  // On a busy machine the thread may not even have come to it.
  while ((await outcome(log.append(SILENT, { topic: 't' }))) !== 'ERR_INDETERMINATE');
}

/** Lets it go on. A pipe cannot be synced, so it goes before anybody tries. */
async function goOn(log: JsonlEventReplayStorage): Promise<void> {
  const reader = openSync(pipeOf(log), constants.O_RDONLY | constants.O_NONBLOCK);
  while ((await outcome(log.eraseSession(SILENT))) === 'ERR_TIMEOUT');
  closeSync(reader);
}

withPipes('what is queued behind a write that does not end is withdrawn, and what only reads goes on', async () => {
  const log = open(SHORT);
  const consumer = await log.subscribe('s', 'c');
  await holdUp(log);
  const withdrawn = await Promise.all(
    [
      ...[1, 2, 3].map((payload) => log.append('s', { topic: 't', payload })),
      log.append('s', { topic: 't', payload: 4, id: 'an id' }),
      log.append('s', { topic: 't', payload: 5 }, { durability: 'power' }),
      log.eraseSession('s'),
      log.flush(),
      log.sessions(),
      log.getStats(),
    ].map(outcome),
  );
  expect(new Set(withdrawn)).toEqual(new Set(['ERR_TIMEOUT']));
  expect(await payloads(log)).toEqual(['before']);
  await consumer.ack(1);
  // These may take as long as they like.
  const tailed = log.tail('s', { afterSeq: 1 }).next();
  const long = Promise.all([log.verify('s'), log.cleanup(), tailed]);
  await new Promise((resolve) => setTimeout(resolve, 3 * SHORT.timeoutMs));
  await goOn(log);
  await log.append('s', { topic: 't', payload: 'after' });
  const [{ events }, , { value }] = await long;
  expect(events).toBe(1);
  expect(value).toMatchObject({ payload: 'after', seq: 2 });
  expect(await payloads(log)).toEqual(['before', 'after']);
  expect(await log.getStats()).toMatchObject({ events: 2, queuedBytes: 0 });
  await log.close();
  const again = open({ directory: log.directory });
  expect(await payloads(again)).toEqual(['before', 'after']);
  expect((await again.getStats()).recovery).toMatchObject({ clean: true, torn: [], damaged: [] });
});

withPipes('withdrawn events leave their room in the queue, begun ones do not', async () => {
  const log = open({ ...SHORT, maxQueueBytes: 10_000 });
  await holdUp(log);
  const append = (): Promise<string> => outcome(log.append('s', { topic: 't', payload: 'x'.repeat(4_000) }));
  for (let round = 0; round < 3; round += 1) {
    const all = await Promise.all([append(), append(), append(), append()]);
    expect(all.sort()).toEqual(['ERR_BACKPRESSURE', 'ERR_BACKPRESSURE', 'ERR_TIMEOUT', 'ERR_TIMEOUT']);
  }
  // One that is alone has room, however large; beside the one that was begun it has none.
  expect(await outcome(log.append('s', { topic: 't', payload: 'x'.repeat(20_000) }))).toBe('ERR_BACKPRESSURE');
  await goOn(log);
  expect(await outcome(log.append('s', { topic: 't', payload: 'x'.repeat(20_000) }))).toBe('fine');
});

withPipes('each event of a bus ends once, and its counts add up', async () => {
  const log = open(SHORT);
  await holdUp(log);
  const bus = new SmallTalkEventBus({ log, sessionId: 's' });
  const told: unknown[] = [];
  bus.on('log:error', (error, event) => told.push([(error as { code?: string }).code, event?.args[0]]));
  for (let at = 0; at < 1_000; at += 1) {
    bus.emit('step', at);
    if (at % 100 === 0) await new Promise(setImmediate);
  }
  expectCountsToAddUp(bus);
  expect(logStats(bus)).toMatchObject({ failed: 0, queuedEvents: 1_000 });
  expect((await rejection(bus.flush())).code).toBe('ERR_TIMEOUT');
  expect(logStats(bus)).toMatchObject({ failed: 1_000, logged: 0, queuedEvents: 0, queuedBytes: 0 });
  expectCountsToAddUp(bus);
  expect(await outcome(bus.emitDurable('step', 'durable'))).toBe('ERR_TIMEOUT');
  expect(told.sort()).toEqual(Array.from({ length: 1_000 }, (_, at) => ['ERR_TIMEOUT', at]).sort());
  await goOn(log);
  bus.emit('step', 'after');
  await bus.flush();
  expect(logStats(bus)).toMatchObject({ failed: 1_001, logged: 1, queuedEvents: 0 });
  await bus.close();
  expect(await payloads(log)).toEqual(['before', ['after']]);
});

withPipes('another log on the same directory waits as long as it was told, for what it was asked itself', async () => {
  const hasty = open(SHORT);
  const patient = open({ ...PATIENT, directory: hasty.directory });
  await holdUp(hasty);
  // With ids of their own they cross one by one.
  const append = (log: JsonlEventReplayStorage, payload: string): Promise<string> =>
    outcome(log.append('s', { topic: 't', payload, id: payload }));
  const waiting = Array.from({ length: 20 }, (_, at) => append(patient, `patient ${at}`));
  const withdrawn = Array.from({ length: 20 }, (_, at) => append(hasty, `hasty ${at}`));
  expect(new Set(await Promise.all(withdrawn))).toEqual(new Set(['ERR_TIMEOUT']));
  await goOn(patient);
  expect(new Set(await Promise.all(waiting))).toEqual(new Set(['fine']));
  expect(await payloads(patient)).toEqual(['before', ...Array.from({ length: 20 }, (_, at) => `patient ${at}`)]);
});

withPipes('a close has a time-out and goes on, and whoever opens the directory next waits for it', async () => {
  const directory = join(temporaryDirectory(), 'events');
  const log = new JsonlEventReplayStorage({ ...SHORT, directory });
  await holdUp(log);
  const landing = outcome(log.append('s', { topic: 't', payload: 'withdrawn' }));
  expect(await outcome(log.close())).toBe('ERR_TIMEOUT');
  expect(await landing).toBe('ERR_TIMEOUT');
  const next = open({ ...PATIENT, directory });
  const hasty = open({ ...SHORT, directory });
  const stored = next.append('s', { topic: 't', payload: 'next' });
  expect(await outcome(hasty.append('s', { topic: 't', payload: 'hasty' }))).toBe('ERR_TIMEOUT');
  const reader = openSync(pipeOf(log), constants.O_RDONLY | constants.O_NONBLOCK);
  rmSync(pipeOf(log));
  await stored;
  closeSync(reader);
  expect(await payloads(next)).toEqual(['before', 'next']);
});

withPipes('a close that took too long holds a place on the way out of the process until it is done', async () => {
  const directory = join(temporaryDirectory(), 'events');
  const script = `
    const { execFileSync } = require('node:child_process');
    const { closeSync, constants, openSync, rmSync } = require('node:fs');
    const { JsonlEventReplayStorage } = require(${JSON.stringify(join(__dirname, '../dist/index.js'))});
    const log = new JsonlEventReplayStorage(${JSON.stringify({ ...SHORT, directory })});
    const outcome = (work) => work.then(() => 'fine', ({ code }) => code);
    (async () => {
      await log.append('s', { topic: 't' });
      const pipe = ${JSON.stringify(join(directory, 'active', `${SILENT}.jsonl`))};
      execFileSync('mkfifo', [pipe]);
      while ((await outcome(log.append('${SILENT}', { topic: 't' }))) !== 'ERR_INDETERMINATE');
      console.log(await outcome(log.close()), process.listenerCount('exit'));
      const reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
      rmSync(pipe);
      while (process.listenerCount('exit') > 0) await new Promise(setImmediate);
      closeSync(reader);
      console.log('done');
    })();`;
  const ended = await runNode(['-e', script], { cwd: __dirname });
  expect(ended).toEqual({ code: 0, output: expect.stringMatching(/^ERR_TIMEOUT 1\n(.*\n)*done\n/) as string });
});

/** A pipe in the archive: a replay of what is there waits until somebody writes to it, and for the end of that. */
function pipeInArchive(
  log: JsonlEventReplayStorage,
  session: string,
): { end(): Promise<void>; reached(): Promise<number>; write(): boolean } {
  const day = join(log.directory, 'archive', '2020-01-01');
  mkdirSync(day, { recursive: true });
  const pipe = join(day, `${session}.1.jsonl`);
  execFileSync('mkfifo', [pipe]);
  const begin = (): number | null => {
    try {
      return openSync(pipe, constants.O_WRONLY | constants.O_NONBLOCK);
    } catch (error) {
      if ((error as { code?: string }).code === 'ENXIO') return null;
      throw error;
    }
  };
  const write = (): boolean => {
    const begun = begin();
    if (begun !== null) closeSync(begun);
    return begun !== null;
  };
  // Somebody reads, and waits until what this gives is closed.
  const reached = async (): Promise<number> => {
    for (;;) {
      const begun = begin();
      if (begun !== null) return begun;
      await new Promise(setImmediate);
    }
  };
  // It is opened more than once, and let go of in the end.
  const end = async (): Promise<void> => {
    while (!write()) await new Promise(setImmediate);
    while (write()) await new Promise(setImmediate);
  };
  return { end, reached, write };
}

withPipes(
  'a replay that does not go on is given up, and so is what waits behind it; nothing stays locked',
  async () => {
    const log = open(SHORT);
    await log.append('s', { topic: 't', payload: 1 });
    const first = pipeInArchive(log, 'first');
    const second = pipeInArchive(log, 'second');
    const consumer = await log.subscribe('s', 'c');
    const archived = (session: string): Promise<string> => outcome(all(log, session, { archived: true }));
    expect(await archived('first')).toBe('ERR_TIMEOUT');
    expect(await outcome(consumer.ack(1))).toBe('ERR_TIMEOUT');
    expect(consumer.position).toBe(0);
    expect(await outcome(consumer.close())).toBe('ERR_TIMEOUT');
    // What is asked for behind the second one comes before its first file is read.
    const rest = Promise.all([archived('second'), log.subscribe('s', 'd')]);
    await first.end();
    const [late, other] = await rest;
    expect(late).toBe('ERR_TIMEOUT');
    await second.end();
    await other.close();
    const again: EventConsumer[] = [await log.subscribe('s', 'c'), await log.subscribe('s', 'd')];
    expect(again.map(({ position }) => position)).toEqual([0, 0]);
    await again[0]?.ack(1);
    expect(await payloads(log)).toEqual([1]);
  },
);

withPipes('a replay and a tail that wait for the disk end by their signal, and when they are left', async () => {
  const log = open(PATIENT);
  await log.append('s', { topic: 't', payload: 1 });
  const silent = pipeInArchive(log, 's');
  const stop = new AbortController();
  const replayed = rejection(all(log, 's', { archived: true, signal: stop.signal }));
  const held = await silent.reached();
  stop.abort(new Error('enough'));
  expect((await replayed).message).toBe('enough');
  // These wait behind what the first one has begun.
  const late = new AbortController();
  const waiting = log.replay('s', { priority: 'all', signal: late.signal });
  const next = rejection(waiting.next());
  await new Promise(setImmediate);
  late.abort(new Error('late'));
  expect((await next).message).toBe('late');
  expect((await waiting.next()).done).toBe(true);
  const tail = log.tail('s');
  const first = tail.next();
  await new Promise(setImmediate);
  await tail.return();
  expect((await first).done).toBe(true);
  let isAnswered = false;
  const answered = payloads(log).finally(() => (isAnswered = true));
  closeSync(held);
  while (!isAnswered) {
    silent.write();
    await new Promise(setImmediate);
  }
  expect(await answered).toEqual([1]);
});

withPipes('a tail and a consumer that wait behind a write that does not end can be left', async () => {
  const log = open(SHORT);
  const consumer = await log.subscribe('s', 'c');
  await holdUp(log);
  const stop = new AbortController();
  const signalled = rejection(log.tail('s', { afterSeq: 1, signal: stop.signal }).next());
  const tail = log.tail('s', { afterSeq: 1 });
  const left = tail.next();
  const closed = rejection(consumer[Symbol.asyncIterator]().next());
  await new Promise(setImmediate);
  stop.abort(new Error('enough'));
  expect((await signalled).message).toBe('enough');
  await tail.return();
  expect((await left).done).toBe(true);
  await consumer.close();
  expect((await closed).code).toBe('ERR_CLOSED');
  expect(await outcome(log.append('s', { topic: 't' }))).toBe('ERR_TIMEOUT');
  await goOn(log);
  await log.append('s', { topic: 't', payload: 'after' });
  expect((await log.tail('s', { afterSeq: 1 }).next()).value).toMatchObject({ payload: 'after' });
});

test('a time-out out of range is refused when the log is made', () => {
  expect(() => open({ timeoutMs: 0 })).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID' }));
  expect(() => open({ timeoutMs: '1' as never })).toThrow(TypeError);
});
