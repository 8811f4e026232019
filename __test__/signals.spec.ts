/** One signal for all that a program has under way. */
import { SQLiteStorageAdapter } from '../ts/index.js';
import { reportOf } from './support/bus-script.js';
import { temporaryDirectory } from './support/temporary.js';

/** What ends by a signal, as a script has it with `store`, `log`, `signal` and a number `n`. */
const CALLS = {
  verify: 'store.verify({ signal })',
  prune: 'store.prune({ updatedBefore: 0, signal })',
  backup: 'store.backup(`${n}.db`, { signal })',
  replay: "log.replay('s', { priority: 'all', signal }).next()",
  tail: "log.tail('s', { priority: 'all', signal }).next()",
};

/** Runs `work` with a call and a signal; how many of its answers were none, and what Node warned of. */
const script = (call: string, work: string): string => `
  const warnings = [];
  process.on('warning', ({ message }) => warnings.push(message));
  const { setMaxListeners } = require('node:events');
  void (async () => {
    const store = new SQLiteStorageAdapter({ path: 's.db' });
    const log = new JsonlEventReplayStorage({ directory: 'log' });
    await log.append('s', { topic: 'print' });
    const { signal } = new AbortController();
    const call = (n) => ${call};
    const answers = await Promise.allSettled(${work});
    await store.close();
    await log.close();
    const failed = answers.filter(({ status }) => status === 'rejected').map(({ reason }) => String(reason));
    console.log(JSON.stringify({ failed, warnings }));
  })();`;

const MANY = 'Array.from({ length: 20 }, (_, n) => call(n))';

test.each(Object.entries(CALLS))('%s: many of them for one signal are no leak', async (_name, call) => {
  expect(await reportOf(script(call, MANY))).toEqual({ failed: [], warnings: [] });
});

test.each(Object.entries(CALLS))('%s takes a signal whose limit is lifted', async (_name, call) => {
  expect(await reportOf(script(call, '(setMaxListeners(0, signal), [call(0)])'))).toEqual({ failed: [], warnings: [] });
});

test('a limit that its user has set stays', async () => {
  const report = await reportOf(script(CALLS.verify, '(setMaxListeners(3, signal), [0, 1, 2, 3].map(call))'), [
    '--no-warnings',
  ]);
  expect(report).toEqual({ failed: [], warnings: [expect.stringContaining('4 abort listeners')] });
});

test.each(['throwIfAborted', 'addEventListener', 'removeEventListener'])('what lacks %s is no signal', async (name) => {
  const { signal } = new AbortController();
  Object.defineProperty(signal, name, { value: undefined });
  const store = new SQLiteStorageAdapter({ path: `${temporaryDirectory()}/s.db` });
  await expect(store.verify({ signal })).rejects.toThrow(new TypeError('signal must be an AbortSignal'));
  await store.close();
});
