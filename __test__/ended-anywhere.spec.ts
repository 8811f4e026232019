/** Somebody who ends JavaScript anywhere, past any `catch` and `finally`, as a `vm` does when its time is up. */
import { join } from 'node:path';

import { reportOf } from './support/bus-script.js';

/** Has a loop without end call `work` until its time is up, so many times, a little later each time. */
const ENDLESS = `
  const vm = require('node:vm');
  let unhandled = 0;
  process.on('unhandledRejection', () => (unhandled += 1));
  const TIMES = 150;
  const loop = new vm.Script('for (let n = 0;; n += 1) work(n)');
  const endless = (work, timeout) => {
    try {
      loop.runInNewContext({ work }, { timeout });
    } catch (error) {
      if (error.code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error;
    }
  };
  /** What does not come in so long a time hangs: an answer takes a few milliseconds. */
  const LATE = Symbol();
  const inTime = async (promise) => {
    let timer;
    const late = new Promise((resolve) => (timer = setTimeout(resolve, 5_000, LATE)));
    if ((await Promise.race([promise, late])) === LATE) throw new Error('it hangs');
    clearTimeout(timer);
  };
  const told = (report) => console.log(JSON.stringify({ ...report, unhandled }));
  const report = (work) => work().then(told, (error) => told({ error: error.message }));`;

const IN_DOUBT = "(code) => code !== 'ERR_INDETERMINATE'";

test('each append has its answer but the one that was ended, and none is stored twice', async () => {
  const script = `${ENDLESS}
    report(async () => {
      const log = new JsonlEventReplayStorage({ directory: 'log' });
      await log.sessions();
      const receipts = new Map();
      const codes = [];
      let open = 0;
      let mostOpen = 0;
      for (let round = 0, id = 0; round < TIMES; round += 1) {
        open = 0;
        const answers = [];
        endless(() => {
          const payload = (id += 1);
          open += 1;
          const answer = log.append('s', { topic: 'print', payload });
          answers.push(
            answer.then(
              ({ seq }) => {
                receipts.set(payload, seq);
                open -= 1;
              },
              ({ code }) => {
                codes.push(code);
                open -= 1;
              },
            ),
          );
        }, 2 + (round % 3));
        await inTime(Promise.all(answers));
        mostOpen = Math.max(mostOpen, open);
      }
      const stored = new Map();
      let twice = 0;
      for await (const { payload, seq } of log.replay('s', { priority: 'all' })) {
        if (stored.has(payload)) twice += 1;
        stored.set(payload, seq);
      }
      const lost = [...receipts].filter(([payload, seq]) => stored.get(payload) !== seq).length;
      await inTime(log.close());
      return { mostOpen: mostOpen <= 1, twice, lost, others: codes.filter(${IN_DOUBT}) };
    });`;
  expect(await reportOf(script)).toEqual({ mostOpen: true, twice: 0, lost: 0, others: [], unhandled: 0 });
});

test.each([
  ['a log', "new JsonlEventReplayStorage({ directory: 'log' })"],
  ['a log of a user', '{ append: async () => null, sessions: async () => [], close: async () => undefined }'],
])('a bus with %s is flushed and closed, and counts what is on its way', async (_what, made) => {
  const script = `${ENDLESS}
    report(async () => {
      const log = ${made};
      await log.sessions();
      const wrong = [];
      for (let round = 0; round < TIMES; round += 1) {
        const bus = new SmallTalkEventBus({ log });
        const codes = new Set();
        bus.on('log:error', ({ code }) => codes.add(code));
        bus.on('log:overflow', () => undefined);
        endless((n) => void bus.emit('print', 'line', n), 2 + (round % 3));
        await inTime(bus.flush().catch(({ code }) => codes.add(code)));
        const { queuedEvents, queuedBytes } = bus.getStats().log;
        if (queuedEvents !== 0 || queuedBytes !== 0) wrong.push({ queuedEvents, queuedBytes });
        await inTime(bus.close());
        wrong.push(...[...codes].filter(${IN_DOUBT}));
      }
      await inTime(log.close());
      return { wrong };
    });`;
  expect(await reportOf(script)).toEqual({ wrong: [], unhandled: 0 });
});

test('a history holds what it counts', async () => {
  const script = `${ENDLESS}
    report(async () => {
      const wrong = [];
      for (let round = 0; round < 2 * TIMES; round += 1) {
        const bus = new SmallTalkEventBus(round % 2 === 0 ? {} : { historyBytes: 20_000 });
        bus.on('progress', () => undefined);
        endless((n) => void bus.emit('progress', n), 1 + (round % 2));
        const read = () => bus.history.toArray().length;
        if (read() !== bus.history.size) wrong.push('size');
        bus.emit('progress', 1);
        if (bus.history.toArray().at(-1).args[0] !== 1 || read() !== bus.history.size) wrong.push('last');
        if (!(bus.getStats().history.bytes >= 0)) wrong.push('bytes');
      }
      return { wrong };
    });`;
  expect(await reportOf(script)).toEqual({ wrong: [], unhandled: 0 });
});

/** What is asked of a store that the script has as `store`, where `n` is a number and `session` makes one. */
const OF_A_STORE = {
  save: "store.saveSession('s', session(n))",
  'save something large': "store.saveSession('s', session(n, 'x'.repeat(100_000)))",
  append: "store.appendMessages('s', session(n).messages)",
  read: "store.getSession('s')",
  'save together': "store.saveSessions([['s', session(n)]])",
  list: 'store.listSessions()',
  clear: 'store.clear()',
  prune: 'store.prune({ updatedBefore: new Date(0) })',
  verify: 'store.verify()',
  set: "store.set('k', n)",
};

/** The same with signals: one that the script keeps, and others that it gives at once. */
const STOPPED_OF_A_STORE = {
  'verify with a signal': 'store.verify({ signal: kept.signal })',
  'stop a prune': 'stopped((signal) => store.prune({ updatedBefore: new Date(0), signal }))',
  'stop a verify': 'stopped((signal) => store.verify({ signal }))',
};

/** What is asked, by a name for it, as a function of `n` and what it is asked of. */
const callsOf = (asked: Record<string, string>, of: string): string =>
  `{ ${Object.entries(asked).map(([what, call]) => `${JSON.stringify(what)}: (${of}, n, round) => ${call}`)} }`;

test('a SQLite store goes on after a call was ended, whichever it was', async () => {
  const script = `${ENDLESS}
    const session = (n, content = 'x' + n) => ({
      id: 's',
      messages: [{ id: 'm', role: 'user', content, timestamp: new Date() }],
      createdAt: new Date(),
      updatedAt: new Date(),
    });
    const kept = new AbortController();
    const { getEventListeners, setMaxListeners } = require('node:events');
    setMaxListeners(0, kept.signal);
    const stopped = (call) => {
      const stop = new AbortController();
      const answer = call(stop.signal);
      // Whoever is ended now has left the answer to nobody.
      answer.catch(() => undefined);
      stop.abort();
      return answer;
    };
    const [TIMEOUT_MS, MOST_CALLS, CALLS_TO_END] = [4_000, 60, 40];
    const goesOn = async (store, call) => {
      await store.saveSession('s', session(0));
      for (let round = 0; round < CALLS_TO_END; round += 1) {
        const answers = [];
        endless((n) => {
          // More would wait for their turns for long. The time is up soon.
          if (n >= MOST_CALLS) for (;;);
          answers.push(call(store, n, round).catch(() => undefined));
        }, 1 + (round % 3));
        await inTime(Promise.all(answers));
        // Alone: any other one might put things right.
        await inTime(store.set('k', round));
        const after = [store.saveSession('s', session(round)), store.getSession('s'), store.get('k'), store.listSessions()];
        await inTime(Promise.allSettled(after));
        await Promise.all(after);
      }
    };
    report(async () => {
      const stores = [];
      for (const [what, call] of Object.entries(${callsOf({ ...OF_A_STORE, ...STOPPED_OF_A_STORE }, 'store')})) {
        const store = new SQLiteStorageAdapter({ path: what + '.db', durability: 'process', timeoutMs: TIMEOUT_MS });
        stores.push(store);
        await goesOn(store, call).catch((error) => { throw new Error(what + ': ' + error.message); });
      }
      // What nobody waits for any more is given up by then.
      await new Promise((resolve) => setTimeout(resolve, 1.2 * TIMEOUT_MS));
      for (const store of stores) await inTime(store.close());
      return { listeners: getEventListeners(kept.signal, 'abort').length };
    });`;
  expect(await reportOf(script)).toEqual({ listeners: 0, unhandled: 0 });
});

const OF_A_LOG = {
  stats: 'log.getStats()',
  verify: 'log.verify()',
  'append with an id': "log.append('s', { topic: 't', id: `${round}-${n}` })",
};

test('a log goes on after a call was ended, whichever it was', async () => {
  const script = `${ENDLESS}
    const [TIMEOUT_MS, MOST_CALLS, CALLS_TO_END] = [4_000, 200, 40];
    const goesOn = async (log, call) => {
      await log.sessions();
      for (let round = 0; round < CALLS_TO_END; round += 1) {
        const answers = [];
        endless((n) => {
          if (n >= MOST_CALLS) for (;;);
          answers.push(call(log, n, round).catch(() => undefined));
        }, 1 + (round % 3));
        await inTime(Promise.all(answers));
        await inTime(log.getStats());
      }
    };
    report(async () => {
      const logs = [];
      for (const [what, call] of Object.entries(${callsOf(OF_A_LOG, 'log')})) {
        const log = new JsonlEventReplayStorage({ directory: what, timeoutMs: TIMEOUT_MS });
        logs.push(log);
        await goesOn(log, call).catch((error) => { throw new Error(what + ': ' + error.message); });
      }
      await new Promise((resolve) => setTimeout(resolve, 1.2 * TIMEOUT_MS));
      for (const log of logs) await inTime(log.close());
      return {};
    });`;
  expect(await reportOf(script)).toEqual({ unhandled: 0 });
});

const OF_A_BUS = {
  emit: "bus.emit('print', 'line')",
  'emit what is too much': "bus.emit('print', 'x'.repeat(2_000))",
  flush: 'bus.flush()',
};

test('no call does anything with a timer: ended in the midst of that, it would leave Node with a wrong count of them', async () => {
  const script = `
    const session = (n) => ({ id: 's', messages: [], createdAt: new Date(), updatedAt: new Date(n) });
    const wrong = [];
    const called = (what, when, call, ...args) => {
      touched.length = 0;
      const answer = call(...args);
      for (const name of touched) wrong.push([what, when, name].join(': '));
      return answer;
    };
    const calls = async (of, all) => {
      for (const [what, call] of Object.entries(all)) {
        await called(what, 'first', call, of, 1, 0);
        await called(what, 'after an answer', call, of, 2, 0);
        // What begins and ends with the turn of the loop has done so.
        await new Promise((resolve) => setTimeout(resolve, 2));
        const before = called(what, 'after a turn', call, of, 3, 0);
        await Promise.all([before, called(what, 'beside another', call, of, 4, 0)]);
      }
    };
    void (async () => {
      const store = new SQLiteStorageAdapter({ path: 'a.db' });
      const kept = new AbortController();
      const stopped = (call) => {
        const stop = new AbortController();
        const answer = call(stop.signal).catch(() => undefined);
        stop.abort();
        return answer;
      };
      await calls(store, ${callsOf({ ...OF_A_STORE, ...STOPPED_OF_A_STORE, get: "store.get('k')" }, 'store')});
      const log = new JsonlEventReplayStorage({ directory: 'log' });
      await calls(log, ${callsOf(OF_A_LOG, 'log')});
      const bus = new SmallTalkEventBus({ log, logQueueBytes: 1_000 });
      bus.on('log:overflow', () => undefined);
      bus.on('print', () => undefined);
      await calls(bus, ${callsOf(OF_A_BUS, 'bus')});
      await bus.close();
      await store.close();
      await log.close();
      console.log(JSON.stringify({ wrong }));
    })();`;
  const touching = ['-r', join(__dirname, 'support/touched-timers.cjs')];
  expect(await reportOf(script, touching)).toEqual({ wrong: [] });
});

test('a failure that a program handles nowhere is told to the process, from whichever part it comes', async () => {
  const script = `
    const session = { id: 's', messages: [], createdAt: new Date(), updatedAt: new Date() };
    const told = [];
    process.on('unhandledRejection', ({ code }) => told.push(code));
    void (async () => {
      const store = new SQLiteStorageAdapter({ path: 'a.db' });
      const log = new JsonlEventReplayStorage({ directory: 'log' });
      await store.saveSession('s', session);
      await store.set('k', 1);
      await log.subscribe('s', 'one');
      for (const call of [
        () => store.saveVersioned('s', session, { ifVersion: null }),
        () => store.appendMessages('none', [{ id: 'm', role: 'user', content: '', timestamp: new Date() }]),
        () => store.backup('a.db'),
        () => log.subscribe('s', 'one'),
      ]) {
        const before = told.length;
        call();
        while (told.length === before) await new Promise((resolve) => setImmediate(resolve));
      }
      await store.close();
      await log.close();
      console.log(JSON.stringify(told));
    })();`;
  const codes = ['ERR_CONFLICT', 'ERR_SESSION_UNKNOWN', expect.stringMatching(/^ERR_/) as string, 'ERR_LOCKED'];
  expect(await reportOf(script)).toEqual(codes);
});
