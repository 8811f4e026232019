/** What the contract suite for event logs must not ask for, and how it is asked itself. */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { JsonlEventReplayStorage, type Event, type EventReplayStorage } from '../ts/index.js';
import { testEventReplayStorageContract, type LogContractOptions } from '../ts/testing/index.js';
import { failuresOf, registered, saidOf } from './support/mini-runner.js';
import { MemoryLog } from './support/plain-log.cjs';
import { CAPABILITIES, failuresOfPlain, reporting } from './support/planted-logs.js';
import { temporaryDirectory } from './support/temporary.js';

test('a log may number with gaps, and answer an append with nothing', async () => {
  const failed = await failuresOfPlain((log) => ({
    append: async (id, event) => void (await log.append(id, event)),
    async *replay(id, { afterSeq = 0, ...options } = {}) {
      for await (const event of log.replay(id, { ...options, afterSeq: Math.floor(afterSeq / 1000) }))
        yield { ...event, seq: event.seq * 1000 };
    },
  }));
  expect(failed).toEqual([]);
});

test('a log may keep what is older than the retention, and refuse an event of a replay', async () => {
  const failed = await failuresOfPlain((log) => ({
    append: (id, event) => {
      if ('seq' in event) throw new TypeError('it has a number');
      return log.append(id, event);
    },
    cleanup: async () => ({ archived: 0, deleted: 0, bytesFreed: 0 }),
  }));
  expect(failed).toEqual([]);
});

test('a log may be far away, and bring several events at a time', async () => {
  const failed = await failuresOfPlain((log) => ({
    append: async (id, event) => {
      const sent = structuredClone(event);
      await delay(5);
      return log.append(id, sent);
    },
    async *replay(id, options = {}) {
      const { signal, ...rest } = options;
      signal?.throwIfAborted();
      const found: Event[] = [];
      for await (const event of log.replay(id, rest)) found.push(event);
      for (let at = 0; at < found.length; at += 10) {
        await delay(5);
        signal?.throwIfAborted();
        yield* found.slice(at, at + 10);
      }
    },
  }));
  expect(failed).toEqual([]);
});

test('a log may read by pages, and look at its signal between them', async () => {
  const failed = await failuresOfPlain((log) => ({
    async *replay(id, { signal, ...options } = {}) {
      const found: Event[] = [];
      for await (const event of log.replay(id, options)) found.push(event);
      for (let at = 0; at === 0 || at < found.length; at += 100) {
        signal?.throwIfAborted();
        yield* found.slice(at, at + 100);
      }
      signal?.throwIfAborted();
    },
  }));
  expect(failed).toEqual([]);
});

test('a log may give everybody the same events, where nobody can change them', async () => {
  const freeze = (value: unknown): unknown => {
    if (typeof value === 'object' && value !== null) Object.values(Object.freeze(value)).forEach(freeze);
    return value;
  };
  const failed = await failuresOfPlain((log) => ({
    async *replay(id, options) {
      for await (const event of log.replay(id, options)) yield freeze(event) as Event;
    },
  }));
  expect(failed).toEqual([]);
});

test('a log may report what it has removed', async () => {
  const failed = await failuresOfPlain(reporting((removed) => removed));
  expect(failed).toEqual([]);
});

test('all tests may have one place', async () => {
  // It outlives its tests, so it must not say that it does not.
  const one = Object.assign(new MemoryLog(), { persistent: undefined as never });
  expect(await failuresOf(() => testEventReplayStorageContract('one', () => one))).toEqual([]);
  const directory = join(temporaryDirectory(), 'events');
  const open = (): EventReplayStorage => new JsonlEventReplayStorage({ directory });
  // Somebody else has used it before: also the names that only one chapter has are taken then.
  const options: LogContractOptions = { reopen: open, supports: CAPABILITIES };
  const run = (more: LogContractOptions, only?: string): Promise<string[]> =>
    failuresOf(() => testEventReplayStorageContract('ours', open, undefined, { ...options, ...more }), only);
  const ids = 'should tell all sessions apart, and keep every id of an event';
  expect([await run({ strict: true }, ids), await run({ strict: true }, ids), await run({})]).toEqual([[], [], []]);
});

test('the log is closed, and the place cleaned up, although a test failed and closing fails', async () => {
  const done: string[] = [];
  const create = (): EventReplayStorage =>
    Object.assign(new MemoryLog(), {
      append: () => Promise.reject(new Error('nothing can be stored')),
      close: () => (done.push('closed'), Promise.reject(new Error('it cannot be closed'))),
    });
  const failed = await failuresOf(() => testEventReplayStorageContract('x', create, () => void done.push('clean')));
  expect(failed.length).toBeGreaterThan(20);
  expect(done.filter((step) => step === 'clean')).toHaveLength(failed.length);
  expect(done.filter((step) => step === 'closed').length).toBeGreaterThanOrEqual(failed.length);
});

const RESTART = 'should keep everything over a restart, unless it says that it does not';

/** Logs that must not be closed twice: how often each was. */
function countingLogs() {
  const closed: number[] = [];
  const create = (others: object = {}): EventReplayStorage => {
    const which = closed.push(0) - 1;
    const close = async (): Promise<void> => {
      closed[which] = (closed[which] ?? NaN) + 1;
    };
    return Object.assign(new MemoryLog(), { close, ...others });
  };
  return { closed, create };
}

test('a log that cannot be made is the only thing that is said, and that of before is not closed again', async () => {
  const { closed, create } = countingLogs();
  let calls = 0;
  let cleaned = 0;
  const failing = (): EventReplayStorage => {
    if ((calls += 1) === 3) throw new Error('there is no server');
    return create();
  };
  const register = (): void => testEventReplayStorageContract('x', failing, () => void (cleaned += 1));
  const said = await saidOf(register);
  expect(said.map(({ errors }) => errors)).toEqual([['Error: there is no server']]);
  expect(closed).toEqual(closed.map(() => 1));
  // One is opened for the restart as well.
  expect(calls).toBeGreaterThan(cleaned);
  expect(cleaned).toBeGreaterThan(20);
});

test('a log that cannot be opened again is the only thing that is said, and is closed once', async () => {
  const { closed, create } = countingLogs();
  const reopen = (): never => {
    throw new Error('it is locked');
  };
  const register = (): void =>
    testEventReplayStorageContract('x', () => create({ persistent: true }), undefined, { reopen });
  expect((await saidOf(register, RESTART)).map(({ errors }) => errors)).toEqual([['Error: it is locked']]);
  expect(closed).toEqual([1]);
});

test('no log, and an empty place, are called so', async () => {
  const nothing = (): EventReplayStorage => undefined as never;
  const none = await saidOf(() => testEventReplayStorageContract('x', nothing), RESTART);
  expect(none.map(({ errors }) => errors)).toEqual([['TypeError: createLog() gave no log, but undefined']]);
  const fresh = (): EventReplayStorage => Object.assign(new MemoryLog(), { persistent: true });
  const empty = await saidOf(() => testEventReplayStorageContract('x', fresh), RESTART);
  const expected = 'Error: createLog() gave an empty place: give `reopen`, or say `persistent: false`';
  expect(empty.map(({ errors }) => errors)).toEqual([[expected]]);
});

test('what does not come is waited for a quarter of what a test may take, and is named', async () => {
  const tail = () => ({ [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => undefined) }) });
  const create = (): EventReplayStorage => Object.assign(new MemoryLog(), { tail });
  const register = (): void =>
    testEventReplayStorageContract('x', create, undefined, { supports: ['tail'], timeoutMs: 200 });
  const said = await saidOf(register, 'should bring what is there and then what comes, each once and in order');
  const expected = 'Error: the event there that it was to bring did not come about within 0.05 seconds';
  expect(said.map(({ errors }) => errors)).toEqual([[expected]]);
});

test.each([
  [undefined, 30_000],
  [90_000, 90_000],
])('with a timeoutMs of %p every test and hook may take %p ms', (timeoutMs, expected) => {
  const options: LogContractOptions = { strict: true, values: 'all', ...(timeoutMs !== undefined && { timeoutMs }) };
  const register = (): void =>
    testEventReplayStorageContract('slow', () => new MemoryLog(), undefined, { ...options, supports: CAPABILITIES });
  const { tests, before, after } = registered(register);
  expect(tests.length).toBeGreaterThan(50);
  expect(new Set([...tests, ...before, ...after].map((step) => step.timeoutMs))).toEqual(new Set([expected]));
});

test.each([
  [{ suports: ['close'] }, 'TypeError'],
  [{ supports: new Set(['close']) }, 'TypeError'],
  [{ reopen: 'yes' }, 'TypeError'],
  [{ strict: 1 }, 'TypeError'],
  [{ supports: ['append'] }, 'ERR_OPTION_INVALID'],
  [{ values: 'some' }, 'ERR_OPTION_INVALID'],
])('%p is refused: it would leave out tests without a word', (options, expected) => {
  let said: unknown = null;
  try {
    testEventReplayStorageContract('unheard', () => new MemoryLog(), undefined, options as LogContractOptions);
  } catch (error) {
    const { code, name } = error as { code?: string; name: string };
    said = code ?? name;
  }
  expect(said).toBe(expected);
});
