/** A bus with our log in processes of their own: how they end, what they warn of, and a disk that is full. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

import { SmallTalkEventBus } from '../ts/index.js';
import { reportOf, runBusScript } from './support/bus-script.js';
import { all, open } from './support/event-log.js';
import { skipUnless } from './support/skip.js';
import { temporaryDirectory } from './support/temporary.js';

const EVENTS = 1_000;

/** Emits to two sessions; every event is changed by its listener after it was emitted. */
const EMITTING = `
  const log = new JsonlEventReplayStorage({ directory });
  const bus = new SmallTalkEventBus({ log, sessionId: 's' });
  bus.on('n', (event) => (event.at = 'changed'));
  const scope = bus.scope({ sessionId: 't', agentId: 'a' });
  for (let at = 0; at < ${EVENTS}; at += 1) (at % 2 === 0 ? bus : scope).emit('n', { at });`;

test.each([
  ['it closes the bus and the log', 'bus.close().then(() => log.close());'],
  ['it closes the bus alone', 'bus.close();'],
  ['it closes nothing', ''],
  ['it calls process.exit() at once', 'process.exit();'],
  ['it calls process.exit() a little later', 'setImmediate(() => process.exit());'],
  ['its code ends with an error', 'process.on("uncaughtException", () => process.exit()); throw new Error("x");'],
])('nothing is lost, and the order is kept, when %s', async (_how, end) => {
  const directory = temporaryDirectory();
  const script = `const directory = ${JSON.stringify(directory)}; ${EMITTING} ${end}`;
  expect(await runBusScript(script)).toEqual({ code: 0, output: '' });
  const log = open({ directory });
  for (const [session, first] of [
    ['s', 0],
    ['t', 1],
  ] as const) {
    const payloads = (await all(log, session)).map(({ payload }) => payload);
    expect(payloads).toEqual(Array.from({ length: EVENTS / 2 }, (_, at) => [{ at: first + 2 * at }]));
  }
  expect((await all(log, 't')).every(({ agentId }) => agentId === 'a')).toBe(true);
});

test.each([
  ['process.exit() is called at once', 'process.exit();'],
  ['an exception is not caught', 'process.on("uncaughtException", () => process.exit()); throw new Error("x");'],
  ['it is opened first', 'log.sessions().then(emit).then(() => process.exit());'],
  ['it opens with the first event', 'log = new JsonlEventReplayStorage({ directory }); process.exit(emit());'],
  ['events are dropped while it exits', 'log.sessions().then(() => process.on("exit", emit));'],
])('where events were dropped the log says so also when %s', async (_how, end) => {
  const directory = temporaryDirectory();
  const script = `
    const directory = ${JSON.stringify(directory)};
    let log = new JsonlEventReplayStorage({ directory });
    const emit = () => {
      const bus = new SmallTalkEventBus({ log, sessionId: 's', logQueueBytes: 5_000 });
      for (let at = 0; at < ${EVENTS}; at += 1) bus.emit('n', 'x'.repeat(100));
    };
    ${end.includes('emit') ? '' : 'emit();'}
    ${end}`;
  expect(await runBusScript(script)).toEqual({ code: 0, output: '' });
  const events = await all(open({ directory }), 's');
  const dropped = EVENTS - events.length + 1;
  expect(dropped).toBeGreaterThan(0);
  const last = { topic: 'log_overflow', priority: 'critical', payload: [{ dropped, critical: 0 }] };
  expect(events.at(-1)).toMatchObject(last);
});

test('process.exit() waits for what the writer has not got to yet: a file to be made and synced for each session', async () => {
  const sessions = Array.from({ length: 300 }, (_, at) => `s${at}`);
  const directory = temporaryDirectory();
  const script = `
    const log = new JsonlEventReplayStorage({ directory: ${JSON.stringify(directory)}, durability: 'power' });
    const bus = new SmallTalkEventBus({ log });
    for (const sessionId of ${JSON.stringify(sessions)}) bus.scope({ sessionId }).emit('n', sessionId);
    process.exit();`;
  expect(await runBusScript(script)).toEqual({ code: 0, output: '' });
  const log = open({ directory });
  const found = [];
  for (const session of sessions)
    found.push(...(await all(log, session)).map(({ payload }) => (payload as string[])[0]));
  expect(found).toEqual(sessions);
});

test('an awaited emitDurable keeps a process alive that has nothing else to do', async () => {
  const script = `
    const bus = new SmallTalkEventBus({ log: new JsonlEventReplayStorage({ directory: './events' }) });
    bus.on('paid', () => console.log('heard'));
    (async () => console.log(await bus.emitDurable('paid')))();`;
  expect(await runBusScript(script)).toEqual({ code: 0, output: 'heard\ntrue\n' });
});

const BROKEN = `
  const log = { append: async () => { throw new Error('disk'); }, async *replay() {}, async cleanup() {} };`;

test('trouble that nobody listens for is a warning, once for each kind', async () => {
  const script = `${BROKEN}
    const warnings = [];
    process.on('warning', ({ code, message }) => warnings.push([code, message.split(' ')[3]]));
    const bus = new SmallTalkEventBus({ log, logQueueBytes: 100 });
    const redacting = new SmallTalkEventBus({ redact: () => { throw new Error('redact'); } });
    for (let at = 0; at < 5; at += 1) bus.emit('n');
    bus.emit('large', 'x'.repeat(1000));
    redacting.emit('n');
    redacting.emit('n');
    setImmediate(() => setImmediate(() => console.log(JSON.stringify(warnings))));`;
  const said = (await reportOf(script, ['--no-warnings'])) as unknown[];
  const code = 'SMALLTALK_BUS_TROUBLE';
  expect(said.sort()).toEqual([
    [code, 'listener:error'],
    [code, 'log:error'],
    [code, 'log:overflow'],
  ]);
});

test('whatever a listener throws that nobody listens for, to warn of it ends no process', async () => {
  const script = `
    const warnings = [];
    process.on('warning', ({ message }) => warnings.push(message.split('happened: ')[1]));
    const cycle = {};
    cycle.self = cycle;
    const hostile = { get message() { throw new Error('no'); }, [Symbol.for('nodejs.util.inspect.custom')]() { throw 1; } };
    const coded = Object.defineProperty(new Error('coded'), 'code', { get() { throw new Error('no'); } });
    const bus = new SmallTalkEventBus({ listenerErrors: 'isolate' });
    const thrown = [cycle, 1n, hostile, coded, Object.create(null)];
    bus.on('n', (at) => { throw thrown[at]; });
    bus.emit('n', WHICH);
    setTimeout(() => console.log(JSON.stringify(warnings)), 1);`;
  const said = await Promise.all(
    [0, 1, 2, 3, 4].map((which) => reportOf(script.replace('WHICH', String(which)), ['--no-warnings'])),
  );
  expect(said).toEqual([
    [expect.stringContaining('[Circular *1]')],
    ['1n'],
    ['something that cannot be shown'],
    ['coded'],
    ['[Object: null prototype] {}'],
  ]);
});

test('a log:error listener that throws is an uncaught exception of its own; the counts and flush stay right', async () => {
  const script = `${BROKEN}
    const uncaught = [];
    process.on('uncaughtException', (error) => uncaught.push(error.message));
    const bus = new SmallTalkEventBus({ log });
    bus.on('log:error', () => { throw new Error('listener'); });
    const heard = [bus.emit('n'), bus.emit('n')];
    (async () => {
      const first = await bus.flush().catch((error) => error.message);
      await bus.flush();
      await new Promise(setImmediate);
      const { failed, queuedEvents } = bus.getStats().log;
      console.log(JSON.stringify({ heard, first, uncaught, failed, queuedEvents }));
    })();`;
  expect(await reportOf(script)).toEqual({
    ...{ heard: [false, false], first: 'disk', uncaught: ['listener', 'listener'], failed: 2, queuedEvents: 0 },
  });
});

/** A disk of 256 KiB while `work` runs, where this machine lets us have one; whether it did. */
async function onSmallDisk(work: (place: string) => Promise<void>): Promise<boolean> {
  if (process.platform !== 'linux') return false;
  const place = temporaryDirectory();
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', place]).status !== 0) return false;
  try {
    await work(place);
  } finally {
    spawnSync('umount', [place]);
  }
  return true;
}

const mayMount = process.platform === 'linux' && process.getuid?.() === 0;

skipUnless(mayMount, 'a small disk can only be mounted by root')(
  'a full disk never reaches an emitter: it is counted, told, and over when there is room again',
  async () => {
    expect(await onSmallDisk(fillAndFree)).toBe(true);
  },
);

async function fillAndFree(place: string): Promise<void> {
  const directory = join(place, 'events');
  const log = open({ directory });
  const bus = new SmallTalkEventBus({ log, sessionId: 's' });
  const codes = new Set<unknown>();
  let heard = 0;
  bus.on('n', () => (heard += 1));
  bus.on('log:error', (error) => codes.add((error as { code?: string }).code));
  for (let at = 0; at < 500; at += 1) {
    expect(bus.emit('n', at, 'x'.repeat(2_000))).toBe(true);
    if (at % 20 === 0) await bus.flush().catch(() => undefined);
  }
  await bus.flush().catch(() => undefined);
  expect(heard).toBe(500);
  expect(codes.has('ERR_FULL')).toBe(true);
  const { logged, failed, dropped, queuedEvents } = bus.getStats().log ?? {};
  expect([(logged ?? 0) + (failed ?? 0), dropped, queuedEvents]).toEqual([500, 0, 0]);
  const kept = await all(log, 's');
  // What was acknowledged is there. What was not may be, where the log could not tell.
  expect(kept.length).toBeGreaterThanOrEqual(logged ?? Infinity);
  if (!codes.has('ERR_INDETERMINATE')) expect(kept).toHaveLength(logged ?? -1);
  await log.eraseSession('s');
  bus.emit('n', 'after');
  await bus.close();
  expect((await all(log, 's')).map(({ payload }) => payload)).toEqual([['after']]);
  await log.close();
}

test('turns of the loop in which a bus has logged leave nothing behind', async () => {
  const script = `
    const log = new JsonlEventReplayStorage({ directory: ${JSON.stringify(temporaryDirectory())}, durability: 'process' });
    const bus = new SmallTalkEventBus({ log, historyLimit: 0 });
    const heapAfter = async (turns) => {
      for (let turn = 0; turn < turns; turn += 1) {
        bus.emit('n');
        await new Promise(setImmediate);
      }
      await bus.flush();
      gc();
      return process.memoryUsage().heapUsed;
    };
    (async () => {
      const before = await heapAfter(5_000);
      console.log(JSON.stringify((await heapAfter(20_000)) - before));
      await bus.close();
      await log.close();
    })();`;
  expect(await reportOf(script, ['--expose-gc'])).toBeLessThan(600_000);
});

test('a bus that is silent holds on to nothing that others have logged', async () => {
  const script = `
    let dead = 0;
    const registry = new FinalizationRegistry(() => (dead += 1));
    const log = new JsonlEventReplayStorage({ directory: ${JSON.stringify(temporaryDirectory())} });
    const open = () => new SmallTalkEventBus({ log, historyLimit: 0 });
    const emitObject = (bus) => {
      const object = { filler: new Array(100).fill(0) };
      registry.register(object);
      bus.emit('n', object);
    };
    (async () => {
      const [silent, other] = [open(), open()];
      silent.emit('n');
      emitObject(other);
      await Promise.all([silent.flush(), other.flush()]);
      for (let turn = 0; turn < 50 && dead === 0; turn += 1) {
        other.emit('n');
        await other.flush();
        gc();
      }
      console.log(JSON.stringify(dead));
    })();`;
  expect(await reportOf(script, ['--expose-gc'])).toBe(1);
});
