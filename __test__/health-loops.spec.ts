/** Event loops that freeze: who is told, when, and what is said to have frozen them. In processes of their own. */
import { PROGRAM, run } from './support/frozen-loops';

test('a freeze and its thaw are told once each, with what they are about', async () => {
  const told = await run(`
    const monitor = open();
    monitor.start();
    for (const name of ['loop:frozen', 'loop:thawed']) monitor.on(name, (news) => tell([name, news]));
    const thawed = once(monitor, 'loop:thawed');
    setTimeout(hold, 20, 400);
    await thawed;
    const { loopFreezes } = monitor.getStats();
    await monitor.close();
    end([...told, process.pid, loopFreezes]);
  `);
  const news = { loop: 'main', threadId: 0, threshold: 60, holder: null, at: expect.any(Number) };
  expect(told).toEqual([
    ['loop:frozen', { ...news, pid: expect.any(Number), frozenFor: expect.any(Number) }],
    ['loop:thawed', { ...news, pid: expect.any(Number), frozenFor: expect.any(Number) }],
    expect.any(Number),
    1,
  ]);
  const [[, frozen], [, thawed], pid] = told as [
    [string, typeof news & { pid: number; frozenFor: number }],
    [string, { frozenFor: number }],
    number,
  ];
  expect(frozen.pid).toBe(pid);
  expect(frozen.frozenFor).toBeGreaterThanOrEqual(60);
  expect(thawed.frozenFor).toBeGreaterThanOrEqual(390);
});

test('monitors elsewhere hear while it lasts; one that was told not to watch hears nothing', async () => {
  const heard = await run(`
    const { Worker } = require('node:worker_threads');
    const program = ${JSON.stringify(PROGRAM)} + \`
      const { parentPort, workerData } = require('node:worker_threads');
      const seen = new Int32Array(workerData);
      const monitor = open();
      monitor.start();
      monitor.on('loop:frozen', ({ threadId }) => { Atomics.store(seen, 0, 1 + threadId); Atomics.notify(seen, 0); });
      const deaf = open({ loopThreshold: false });
      deaf.start();
      deaf.on('loop:frozen', () => Atomics.add(seen, 1, 1));
      parentPort.postMessage('ready');
    \`;
    const workerData = new SharedArrayBuffer(8);
    const worker = new Worker(program, { eval: true, workerData });
    await once(worker, 'message');
    const monitor = open();
    monitor.start();
    const seen = new Int32Array(workerData);
    // The freeze itself: this thread waits for the other one to have noticed that it waits.
    const outcome = Atomics.wait(seen, 0, 0, 20_000);
    const [frozen, deaf] = seen;
    await worker.terminate();
    await monitor.close();
    end([outcome, frozen, deaf]);
  `);
  expect(heard).toEqual(['ok', 1, 0]);
});

test('a log of ours has it while the loop is frozen, once, whoever shares the log', async () => {
  const events = await run(`
    const { readFileSync } = require('node:fs');
    const log = new JsonlEventReplayStorage({ directory: 'events' });
    const again = new JsonlEventReplayStorage({ directory: 'events' });
    const monitors = [open({ log }), open({ log }), open({ log: again })];
    for (const monitor of monitors) monitor.start();
    await log.sessions();
    let during = null;
    const thawed = once(monitors[0], 'loop:thawed');
    setTimeout(() => {
      hold(400);
      during = readFileSync('events/active/_system.jsonl', 'utf8').split('\\n').filter(Boolean).length;
    }, 20);
    await thawed;
    for (const monitor of monitors) await monitor.close();
    for await (const { topic, priority, payload } of log.replay('_system')) tell({ topic, priority, payload });
    await log.close();
    await again.close();
    end([during, ...told]);
  `);
  const payload = expect.objectContaining({ loop: 'main', threshold: 60, holder: null });
  expect(events).toEqual([1, { topic: 'loop_frozen', priority: 'critical', payload }]);
});

test('a log of another kind has it when the loop has thawed, once; a log that is closed or throws harms nothing', async () => {
  const appended = await run(`
    const other = { append: async (session, event) => tell([session, event.topic, event.priority, event.payload.loop]), async *replay() {}, async cleanup() {} };
    const throws = { ...other, append: () => { throw new Error('no'); } };
    const closed = new JsonlEventReplayStorage({ directory: 'events' });
    const monitors = [open({ log: other }), open({ log: other }), open({ log: throws }), open({ log: closed })];
    for (const monitor of monitors) monitor.start();
    await closed.close();
    process.on('warning', ({ message }) => tell(message));
    const thawed = once(monitors[3], 'loop:thawed');
    setTimeout(hold, 20);
    await thawed;
    await new Promise(setImmediate);
    for (const monitor of monitors) await monitor.close();
    end();
  `);
  expect(appended).toEqual([
    ['_system', 'loop_frozen', 'critical', 'main'],
    'a frozen event loop could not be recorded: no',
  ]);
});

test('a stopped monitor hears nothing, and a thousand of them come and go', async () => {
  const heard = await run(`
    for (let n = 0; n < 1_000; n += 1) {
      const monitor = open();
      monitor.start();
      monitor.registerAgent({ id: 'a' });
      await monitor.close();
    }
    const stopped = open();
    stopped.start();
    stopped.stop();
    stopped.on('loop:frozen', () => tell('stopped'));
    const monitor = open();
    monitor.start();
    monitor.on('loop:frozen', () => tell('running'));
    const thawed = once(monitor, 'loop:thawed');
    setTimeout(hold, 20);
    await thawed;
    await monitor.close();
    await stopped.close();
    end();
  `);
  expect(heard).toEqual(['running']);
});
