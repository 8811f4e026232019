/** Event loops that freeze: who is told, when, and what is said to have frozen them. In processes of their own. */
import path from 'node:path';

import { runNode } from './support/child';
import { ROOT } from './support/consumer';
import { temporaryDirectory } from './support/temporary';

const PROGRAM = `
  const { AgentHealthMonitor, JsonlEventReplayStorage, SmallTalkEventBus } = require(${JSON.stringify(path.join(ROOT, 'dist', 'index.js'))});
  const { EventEmitter, once } = require('node:events');
  const QUICK = { heartbeatInterval: 100, recoveryStrategy: 'alert', loopThreshold: 60 };
  const hold = (ms = 250) => { const end = performance.now() + ms; while (performance.now() < end); };
  const alive = setInterval(() => undefined, 1000);
  const told = [];
  const tell = (value) => told.push(value);
  const open = (options = {}) => new AgentHealthMonitor({ ...QUICK, ...options });
  const end = (value = told) => { clearInterval(alive); console.log(JSON.stringify(value)); };
`;

async function run(program: string, cwd = temporaryDirectory()): Promise<unknown> {
  const ended = await runNode(['--no-warnings', '-e', `${PROGRAM}(async () => { ${program} })();`], { cwd });
  if (ended.code !== 0) throw new Error(`it ended with ${ended.code}: ${ended.output}`);
  return JSON.parse(ended.output) as unknown;
}

/** Freezes the loop in some ways and tells who was named for each. */
const holders = (setUp: string, ways: readonly string[]): Promise<unknown> =>
  run(`
    const monitor = open();
    monitor.registerAgent({ id: 'ada' });
    monitor.on('loop:frozen', ({ holder }) => tell(holder));
    ${setUp}
    for (const way of [${ways.map((way) => `async () => { ${way} }`).join(', ')}]) {
      const thawed = once(monitor, 'loop:thawed');
      setTimeout(() => void way());
      await thawed;
    }
    await monitor.close();
    end();
  `);

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

describe('the holder is named', () => {
  test('whatever way an event is dispatched', async () => {
    const named = await holders(
      `const bus = new SmallTalkEventBus();
       const isolating = new SmallTalkEventBus({ listenerErrors: 'isolate' });
       const redacting = new SmallTalkEventBus({ redact: (event) => event });
       for (const each of [bus, isolating, redacting]) each.on('task', function hog() { hold(); });
       bus.on('many', function quick() {});
       bus.on('many', function slow() { hold(); });
       bus.on('many', function late() {});
       const topic = bus.topic('task');`,
      [
        "bus.emit('task')",
        "bus.emit('task', 1, 2)",
        "bus.emit('task', 1, 2, 3, 4, 5)",
        'topic.emit(1)',
        "bus.scope({ agentId: 'ada' }).emit('task', 1)",
        "bus.scope({ agentId: 'ada' }).topic('task').emit(1)",
        "bus.emit('many', 1)",
        "bus.emit('many', 1, 2, 3, 4)",
        "isolating.scope({ agentId: 'ada' }).emit('task')",
        "redacting.emit('task', 1)",
        "bus.replay({ last: 1, events: ['task'] })",
        "bus.once('once', function first() { hold(); }); bus.emit('once')",
      ],
    );
    const hog = { event: 'task', listener: 'hog' };
    expect(named).toEqual([
      ...Array(4).fill(hog),
      ...Array(2).fill({ agentId: 'ada', ...hog }),
      ...Array(2).fill({ event: 'many', listener: 'slow' }),
      { agentId: 'ada', ...hog },
      hog,
      { agentId: 'ada', ...hog },
      { event: 'once', listener: 'first' },
    ]);
  });

  test('also when the event has been emitted a hundred thousand times', async () => {
    const named = await holders(
      `const bus = new SmallTalkEventBus();
       bus.on('one', function hog(n) { if (n === 0) hold(); });
       bus.on('two', function first() {});
       bus.on('two', function second(n) { if (n === 0) hold(); });
       for (let n = 1; n < 100_000; n += 1) {
         bus.emit('one', n);
         bus.emit('two', n, n);
         // On a machine that does something else beside it would be a freeze itself.
         if (n % 5_000 === 0) await new Promise(setImmediate);
       }
       await new Promise(setImmediate);`,
      ["bus.emit('one', 0)", "bus.emit('two', 0, 0)"],
    );
    expect(named).toEqual([
      { event: 'one', listener: 'hog' },
      { event: 'two', listener: 'second' },
    ]);
  });

  test('a tracked function, by its agent; what is not said to run is null, also after a listener that threw', async () => {
    const named = await holders(
      `const bus = new SmallTalkEventBus();
       bus.on('throws', () => { throw new Error('boom'); });
       bus.on('inner', () => undefined);
       bus.on('outer', function outside() { bus.emit('inner', 1); hold(); });
       bus.on('later', async function patient() { await null; hold(); });`,
      [
        "await monitor.track('ada', function think() { hold(); })",
        "await monitor.track('ada', () => hold(), { kind: 'model call' })",
        'hold()',
        "try { bus.emit('throws', 1); } catch {} hold()",
        "bus.emit('outer', 1)",
        "bus.emit('later', 1)",
        "await monitor.track('ada', async () => { await null; hold(); })",
      ],
    );
    expect(named).toEqual([
      { agentId: 'ada', listener: 'think' },
      { agentId: 'ada', listener: 'model call' },
      null,
      null,
      { event: 'outer', listener: 'outside' },
      null,
      null,
    ]);
  });

  test('names that are long or strange are cut, and never torn', async () => {
    const named = (await holders(
      `const bus = new SmallTalkEventBus();
       const names = ['x'.repeat(5_000), 'Grüße 👋 "quoted" \\\\ 世界', '世'.repeat(300)];
       for (const name of names) bus.on(name, function hog() { hold(); });`,
      ['bus.emit(names[0], 1)', 'bus.emit(names[1], 1)', 'bus.emit(names[2], 1)'],
    )) as { event: string }[];
    expect(named[0]).toEqual({ event: 'x'.repeat(64), listener: 'hog' });
    expect(named[1]).toEqual({ event: 'Grüße 👋 "quoted" \\ 世界', listener: 'hog' });
    expect('世'.repeat(300).startsWith(named[2]!.event)).toBe(true);
    expect(named[2]!.event.length).toBeGreaterThan(30);
  });

  test('a bus that was there before the monitor, and one with more events than there are labels', async () => {
    const named = await run(`
      const bus = new SmallTalkEventBus();
      bus.on('task', function hog(n) { if (n === 0) hold(); });
      bus.emit('task', 1);
      for (let n = 0; n < 3_000; n += 1) { bus.on('made up ' + n, () => undefined); bus.emit('made up ' + n, 1); }
      const monitor = open();
      monitor.start();
      for (let n = 0; n < 3_000; n += 1) {
        bus.emit('made up ' + n, 1);
        // In pieces: on a machine that does something else beside, all of them are a freeze.
        if (n % 100 === 0) await new Promise(setImmediate);
      }
      monitor.on('loop:frozen', ({ holder }) => tell(holder));
      let thawed = once(monitor, 'loop:thawed');
      setTimeout(() => bus.emit('task', 0), 20);
      await thawed;
      // Nobody watches: nobody is named any more, and the bus goes on.
      await monitor.close();
      let calls = 0;
      bus.on('task', () => { calls += 1; });
      bus.emit('task', 1);
      end([told.length, told[0] !== null && (told[0].event ?? 'task'), calls]);
    `);
    expect(named).toEqual([1, 'task', 1]);
  });

  test('buses that are collected leave their labels to those that come after them', async () => {
    const named = await run(`
      require('node:v8').setFlagsFromString('--expose-gc');
      const gc = require('node:vm').runInNewContext('gc');
      const monitor = open();
      monitor.start();
      let left = 3_000;
      const gone = new FinalizationRegistry(() => { left -= 1; });
      (() => {
        for (let n = left; n > 0; n -= 1) {
          const bus = new SmallTalkEventBus();
          bus.on('task', () => undefined);
          bus.scope({ agentId: 'short-lived' }).emit('task', 1);
          gone.register(bus);
        }
      })();
      // The engine may keep the last one for a while.
      while (left > 1) { gc(); await new Promise(setImmediate); }
      let named;
      monitor.on('loop:frozen', ({ holder }) => { named = holder; });
      // What else is to be done for what was collected the engine may do a little later; and a collection is a freeze as well.
      for (let tries = 0; tries < 5 && named?.agentId === undefined; tries += 1) {
        const thawed = once(monitor, 'loop:thawed');
        const bus = new SmallTalkEventBus();
        bus.on('task', function hog() { hold(); });
        setTimeout(() => bus.scope({ agentId: 'writer' }).emit('task'), 20);
        await thawed;
      }
      await monitor.close();
      end(named);
    `);
    expect(named).toEqual({ agentId: 'writer', event: 'task', listener: 'hog' });
  });
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
