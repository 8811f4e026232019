/** What a bus costs the process that has it: memory, wake-ups; and what it does where code may not be made. */
import { reportOf, runBusScript } from './support/bus-script.js';
import { skipUnless } from './support/skip.js';

const LIMIT = 100;

/** Emits objects of its own and reports how many of them, and of their listeners, are still alive. */
const COUNTING = `
  let dead = 0;
  const registry = new FinalizationRegistry(() => (dead += 1));
  const emitObjects = (bus, count, args) => {
    for (let at = 0; at < count; at += 1) {
      const object = { filler: new Array(100).fill(at) };
      registry.register(object, at);
      bus.emit('n', ...Array.from({ length: args }, () => object));
    }
  };
  const deadAfter = async (wanted) => {
    for (let turn = 0; turn < 50 && dead < wanted; turn += 1) {
      gc();
      await new Promise(setImmediate);
    }
    return dead;
  };`;

test.each<[string, { historyLimit: number; historyBytes?: number; redacts?: boolean }, number]>([
  ['up to three arguments', { historyLimit: LIMIT }, 2],
  ['more arguments', { historyLimit: LIMIT }, 5],
  ['a limit of bytes', { historyLimit: 5 * LIMIT, historyBytes: 100 * LIMIT }, 2],
  ['redaction', { historyLimit: LIMIT, redacts: true }, 2],
])('the history keeps no more alive than its limit: %s', async (_what, { redacts, ...options }, args) => {
  const script = `${COUNTING}
    const bus = new SmallTalkEventBus({ ...${JSON.stringify(options)}, ${redacts === true ? 'redact: (event) => event' : ''} });
    bus.on('n', () => undefined);
    (async () => {
      emitObjects(bus, 1_000, ${args});
      const whileFull = await deadAfter(${1_000 - LIMIT});
      const size = bus.history.size;
      bus.history.clear();
      const afterClear = await deadAfter(1_000);
      console.log(JSON.stringify({ size, whileFull, afterClear, lastSeq: bus.history.lastSeq }));
    })();`;
  const { size, whileFull, afterClear } = (await reportOf(script, ['--expose-gc'])) as Record<string, number>;
  expect(size).toBeLessThanOrEqual(LIMIT);
  expect(whileFull).toBeGreaterThanOrEqual(1_000 - LIMIT);
  expect(whileFull).toBeLessThanOrEqual(1_000 - (size ?? 0));
  // The last call may still lie on a stack that nobody uses.
  expect(afterClear).toBeGreaterThanOrEqual(999);
});

test('a removed listener is let go of, though nobody emits its event again', async () => {
  const script = `${COUNTING}
    const bus = new SmallTalkEventBus();
    const listen = (name) => {
      const listener = () => undefined;
      registry.register(listener, name);
      bus.on(name, listener);
      bus.emit(name, 1);
      bus.off(name, listener);
    };
    for (let at = 0; at < 100; at += 1) listen('conversation ' + at);
    bus.on('n', () => undefined);
    bus.emit('n', 1);
    deadAfter(100).then((count) => console.log(JSON.stringify(count)));`;
  expect(await reportOf(script, ['--expose-gc'])).toBe(100);
});

test.each([
  ['once', `bus.once('a', listener).emit('a', 1);`],
  ['off', `bus.on('a', listener).emit('a', 1, 2); bus.off('a', listener);`],
  ['off, where another one stays', `bus.on('a', listener).on('a', other).emit('a'); bus.off('a', listener);`],
  ['removeAllListeners', `bus.on('a', listener).on('a', other).emit('a'); bus.removeAllListeners();`],
  ['a topic', `bus.once('a', listener); bus.topic('a').emit(1, 2, 3);`],
  ['a Proxy of the bus', `keep(new Proxy(bus, {})).once('a', listener).emit('a');`],
  ['an heir of the bus', `bus.on('b', other); keep(Object.create(bus)).once('a', listener).emit('a');`],
  ['what an heir called', `bus.on('a', listener); keep(Object.create(bus)).emit('a'); bus.off('a', listener);`],
])('who listened is let go of, though the bus does nothing from then on: %s', async (_what, live) => {
  const script = `${COUNTING}
    globalThis.kept = [];
    const other = () => undefined;
    const keep = (emitter) => (kept.push(emitter), emitter);
    const use = (bus, filler) => {
      const listener = () => filler.length;
      registry.register(filler, 0);
      ${live}
    };
    for (let at = 0; at < 20; at += 1) use(keep(new SmallTalkEventBus()), new Array(100).fill(at));
    deadAfter(20).then((count) => console.log(JSON.stringify(count)));`;
  expect(await reportOf(script, ['--expose-gc'])).toBe(20);
});

test('10 million emits leave the heap where 1 million left it', async () => {
  const script = `
    const bus = new SmallTalkEventBus();
    let sum = 0;
    bus.on('n', (n) => (sum += n));
    bus.on('text', (text) => (sum += text.length));
    const topic = bus.topic('n');
    const heapAfter = (emits) => {
      for (let at = 0; at < emits / 2; at += 1) {
        topic.emit(at);
        bus.emit('text', 'x', at);
      }
      gc();
      return process.memoryUsage().heapUsed;
    };
    const before = heapAfter(1_000_000);
    const after = heapAfter(9_000_000);
    console.log(JSON.stringify({ grown: after - before, emitted: bus.getStats().emitted }));`;
  const { grown, emitted } = (await reportOf(script, ['--expose-gc'])) as Record<string, number>;
  expect(emitted).toBe(10_000_000);
  expect(grown).toBeLessThan(8 * 2 ** 20);
});

test('names that a program makes up do not pile up', async () => {
  const script = `
    const bus = new SmallTalkEventBus();
    // Somebody holds on to what was there before the first of them.
    globalThis.held = bus.topic('held');
    bus.emit('held');
    const heapAfter = (names, from) => {
      for (let at = 0; at < names; at += 1) bus.emit('name ' + (from + at));
      gc();
      return process.memoryUsage().heapUsed;
    };
    const before = heapAfter(100_000, 0);
    console.log(JSON.stringify(heapAfter(400_000, 100_000) - before));`;
  expect(await reportOf(script, ['--expose-gc'])).toBeLessThan(4 * 2 ** 20);
});

test('where code from strings is forbidden, what is hot goes on all the same', async () => {
  const script = `
    const bus = new SmallTalkEventBus();
    const calls = [0, 0, 0];
    for (const index of calls.keys()) bus.on('n', (n) => (calls[index] += n));
    for (let at = 0; at < 10_000; at += 1) bus.emit('n', 1);
    let made = false;
    try { new Function(''); made = true; } catch {}
    console.log(JSON.stringify({ calls, made }));`;
  const flags = ['--disallow-code-generation-from-strings'];
  expect(await reportOf(script, flags)).toEqual({ calls: [10_000, 10_000, 10_000], made: false });
});

test('a bus alone keeps no process alive, hot or not', async () => {
  const script = `
    const bus = new SmallTalkEventBus();
    let bursts = 0;
    const burst = () => {
      for (let at = 0; at < 1_000; at += 1) bus.emit('n');
      if (++bursts < 20) setImmediate(burst);
    };
    burst();`;
  expect(await runBusScript(script)).toEqual({ code: 0, output: '' });
});

skipUnless(process.platform === 'linux', 'only Linux says how often a thread woke up')(
  'a process that emitted a burst and has nothing to do sleeps',
  async () => {
    const script = `
      const { readdirSync, readFileSync } = require('node:fs');
      const tasks = () => readdirSync('/proc/self/task').map((task) => {
        const status = readFileSync('/proc/self/task/' + task + '/status', 'utf8');
        return { name: /^Name:\\s*(.*)/m.exec(status)[1], woken: Number(/^voluntary_ctxt_switches:\\s*(\\d+)/m.exec(status)[1]) };
      });
      const wakeUps = () => tasks().reduce((sum, { woken }) => sum + woken, 0);
      const bus = new SmallTalkEventBus();
      let bursts = 0;
      const burst = () => {
        for (let at = 0; at < 1_000; at += 1) bus.emit('n');
        // Until the clock is there, or this would measure a process without one: its thread has to get its turn.
        if (++bursts < 20 || !tasks().some(({ name }) => name.startsWith('smalltalk'))) return void setImmediate(burst);
        // The clock stops by itself a few of its ticks after the last event.
        setTimeout(() => {
          const before = wakeUps();
          setTimeout(() => console.log(JSON.stringify(wakeUps() - before)), 2_000);
        }, 200);
      };
      burst();`;
    expect(await reportOf(script)).toBeLessThan(20);
  },
);
