/** Somebody who ends JavaScript anywhere, past any `catch` and `finally`, as a `vm` does when its time is up. */
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
