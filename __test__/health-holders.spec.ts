/** What is said to have frozen an event loop. */
import { run } from './support/frozen-loops';

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
         // Without a rest it would be a freeze itself.
         if (n % 1_000 === 0) await new Promise(setImmediate);
       }
       await new Promise(setImmediate);`,
      ["bus.emit('one', 0)", "bus.emit('two', 0, 0)"],
    );
    // On a machine that does something else, the loop may not have got its turn between two events: nobody held that up.
    expect((named as unknown[]).filter((holder) => holder !== null)).toEqual([
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

  test('names with half of a character are read as well, with the agent that they belong to', async () => {
    const named = await holders(
      `const bus = new SmallTalkEventBus();
       // Cut after 64 units, the second one ends with half of a character.
       const names = ['half \\ud83d', 'x'.repeat(63) + '👋' + '世'.repeat(300)];
       for (const name of names) bus.on(name, function hog() { hold(); });
       const agent = bus.scope({ agentId: 'writer' });`,
      ['agent.emit(names[0], 1)', 'agent.emit(names[1], 1)'],
    );
    expect(named).toEqual([
      { agentId: 'writer', event: 'half \ufffd', listener: 'hog' },
      { agentId: 'writer', event: `${'x'.repeat(63)}\ufffd`, listener: 'hog' },
    ]);
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
