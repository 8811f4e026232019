import { readFileSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';

import { JsonlEventReplayStorage, SmallTalkError, SQLiteStorageAdapter } from '../ts/index.js';
import { Calls } from '../ts/calls.js';
import { Moments } from '../ts/moments.js';
import { native, NATIVE_LOG } from '../ts/native.js';
import { skipUnless } from './support/skip.js';
import { temporaryDirectory } from './support/temporary.js';

const ANSWER = [1, false, null];

/** A store whose answers come while they are watched for, or not. */
function store(answer: unknown[] = ANSWER, takesMs = 0) {
  const state = { pending: 0, watches: 0, settled: [] as unknown[][], answer };
  const fake: Pick<Calls, 'brief' | 'settleNow'> = {
    get brief() {
      return state.pending;
    },
    settleNow(batch: unknown[]) {
      state.settled.push(batch);
      if (batch.length > 0) state.pending = 0;
    },
  };
  const calls = fake as Calls;
  const moments = new Moments();
  const watch = (): unknown[] => {
    state.watches += 1;
    const end = performance.now() + takesMs;
    while (performance.now() < end);
    return state.answer;
  };
  /** Asks once, and lets everything happen that happens within the turn of the loop. */
  const ask = async (): Promise<void> => {
    state.pending += 1;
    moments.asked(calls, watch, 1);
    await Promise.resolve().then(() => undefined);
  };
  return { state, moments, calls, watch, ask };
}

test('an answer that is alone is waited for, and settles before the loop turns', async () => {
  const { state, ask } = store();
  await ask();
  await ask();
  expect(state).toMatchObject({ watches: 2, settled: [ANSWER, ANSWER] });
});

test('of several that are asked for together none is', async () => {
  const { state, moments, calls, watch } = store();
  for (state.pending = 1; state.pending <= 3; state.pending += 1) moments.asked(calls, watch, 1);
  await turn();
  expect(state.watches).toBe(0);
});

test('where answers do not come in time, fewer and fewer are waited for, until one does', async () => {
  const { state, ask } = store([]);
  const waited: number[] = [];
  for (let n = 0; n < 300; n += 1) {
    const before = state.watches;
    state.pending = 0;
    await ask();
    if (state.watches > before) waited.push(n);
    await turn();
  }
  expect(waited.slice(0, 7)).toEqual([0, 2, 6, 14, 30, 62, 126]);
  expect(waited.slice(7).map((n, at) => n - (waited[at + 6] as number))).toEqual([65, 65]);
  state.answer = ANSWER;
  while (state.settled.every((batch) => batch.length === 0)) {
    state.pending = 0;
    await ask();
  }
  const { watches } = state;
  await ask();
  expect(state.watches).toBe(watches + 1);
});

test('all moments of one turn of the loop are short together', async () => {
  const { state, ask } = store(ANSWER, 3);
  await ask();
  await ask();
  expect(state.watches).toBe(1);
  await turn();
  await turn();
  state.pending = 0;
  await ask();
  expect(state.watches).toBe(2);
});

test('what may take its time is nothing that is asked for beside it', () => {
  const calls = new Calls(SmallTalkError);
  const slots: number[] = [];
  for (const kind of ['long', 'write', 'read'] as const) void calls.run((_binary, slot) => slots.push(slot), kind);
  expect([calls.pending, calls.brief]).toEqual([3, 2]);
  calls.settle(slots.flatMap((slot) => [slot, false, null]));
  expect([calls.pending, calls.brief]).toEqual([0, 0]);
});

/** Counts the turns of the loop. */
function turnsOfLoop(): { turns: number; stop(): void } {
  const counted = { turns: 0, stop: () => void (running = false) };
  let running = true;
  const count = (): void => {
    counted.turns += 1;
    if (running) setImmediate(count);
  };
  setImmediate(count);
  return counted;
}

test('one write after another leaves the loop its turns, and each is there when its promise settles', async () => {
  const adapter = new SQLiteStorageAdapter({ path: `${temporaryDirectory()}/s.db`, durability: 'process' });
  await adapter.initialize();
  const loop = turnsOfLoop();
  for (let n = 0; n < 1_000; n += 1) {
    await adapter.set('key', { n });
    if (n % 100 === 0) expect(await adapter.get('key')).toEqual({ n });
  }
  loop.stop();
  // Each takes microseconds at the least: in a loop that never turned there would be none.
  expect(loop.turns).toBeGreaterThan(3);
  expect(await adapter.delete('key')).toBe(true);
  expect(await adapter.has('key')).toBe(false);
  await adapter.close();
});

test('so do one event after another and their acknowledgements, while somebody else waits for more', async () => {
  const log = new JsonlEventReplayStorage({ directory: temporaryDirectory() });
  const waiting = log.tail('another');
  const more = waiting.next();
  const loop = turnsOfLoop();
  for (let n = 1; n <= 1_000; n += 1) {
    expect(await log.append('s', { topic: 'step', payload: n })).toMatchObject({ seq: n });
  }
  const consumer = await log.subscribe('s', 'reader');
  let seen = 0;
  for await (const event of consumer) {
    expect(event.payload).toBe((seen += 1));
    await consumer.ack(event);
    if (seen === 1_000) break;
  }
  loop.stop();
  expect(loop.turns).toBeGreaterThan(3);
  expect(consumer.position).toBe(1_000);
  await log.append('another', { topic: 'step' });
  expect(await more).toMatchObject({ done: false });
  await log.close();
});

const onLinux = skipUnless(process.platform === 'linux', 'only Linux says how often a thread woke up');

/** How long this thread has run, in milliseconds, and how often it gave way while it could have gone on. */
function ofThisThread(): { ranMs: number; gaveWay: number } {
  const ran = Number(readFileSync('/proc/thread-self/schedstat', 'utf8').split(' ')[0]);
  const status = readFileSync('/proc/thread-self/status', 'utf8');
  return { ranMs: ran / 1e6, gaveWay: Number(/nonvoluntary_ctxt_switches:\s*(\d+)/.exec(status)?.[1]) };
}

onLinux('whoever waits for longer than moments sleeps, and an answer wakes it', async () => {
  const log = new JsonlEventReplayStorage({ directory: temporaryDirectory() });
  await log.append('s', { topic: 't' });
  const handle = log[NATIVE_LOG]();
  const before = ofThisThread();
  expect(native().logWatch(handle, 400)).toEqual([]);
  const after = ofThisThread();
  expect(after.ranMs - before.ranMs).toBeLessThan(200);
  // On a machine that has other things to do, whoever only yields takes no time, but turns.
  expect(after.gaveWay - before.gaveWay).toBeLessThan(50);
  const body = JSON.stringify({ topic: 't', priority: 'normal', timestamp: 1, payload: 'x'.repeat(1_000) });
  // Of nobody's slots: the answers are taken here.
  for (let n = 0; n < 3_000; n += 1) native().logAppend(handle, 1_000_000 + n, 's', body, null, true);
  for (let answered = 0; answered < 3_000;) answered += native().logWatch(handle, 60_000).length / 3;
  await log.close();
});
