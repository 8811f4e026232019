/** What stands in for a bus: an object that inherits from it, and a Proxy. They are told apart from those of Node's by nothing. */
import { EventEmitter, errorMonitor } from 'node:events';

import { SmallTalkEventBus, type EventBusOptions } from '../ts/index.js';
import { busWith, HeldLog, settled, topics } from './support/held-log.js';

// The bus's clock starts a little after it proved hot: not when this file is gone.
afterAll(settled);

/** An emitter and one that inherits from it; `diary` says who heard what, and by whom it was called. */
function pair(base: EventEmitter): { base: EventEmitter; heir: EventEmitter; diary: unknown[] } {
  const heir = Object.create(base) as EventEmitter;
  const diary: unknown[] = [];
  const who = (emitter: unknown): string => (emitter === base ? 'base' : emitter === heir ? 'heir' : 'neither');
  const listen = (emitter: EventEmitter, name: string | symbol): void => {
    emitter.on(name, function (this: unknown, ...args: unknown[]) {
      diary.push([who(emitter), String(name), who(this), ...args]);
    });
  };
  const emit = (emitter: EventEmitter, name: string | symbol, ...args: unknown[]): void => {
    try {
      diary.push(emitter.emit(name, ...args), emitter.listenerCount(name));
    } catch (error) {
      diary.push(String(error));
    }
  };
  const symbol = Symbol('symbol');
  const names = ['a', 'error', symbol, errorMonitor];
  const emitAll = (): void => {
    for (const emitter of [heir, base, heir]) for (const name of names) emit(emitter, name, 1, 2, 3, 4);
  };
  for (const name of names) listen(base, name);
  emitAll();
  // The last listener that goes by the heir leaves it with a list of its own.
  heir.removeAllListeners();
  emitAll();
  for (const name of names) listen(heir, name);
  emitAll();
  base.removeAllListeners();
  emitAll();
  return { base, heir, diary };
}

test.each<EventBusOptions>([{}, { captureRejections: true }, { historyBytes: 1e6 }, { log: new HeldLog() }])(
  'an heir that got listeners of its own hears by them, and the bus by its own (%j)',
  (options) => {
    const { captureRejections = false } = options;
    const theirs = pair(new EventEmitter({ captureRejections }));
    expect(pair(new SmallTalkEventBus(options)).diary).toEqual(theirs.diary);
  },
);

test('a once that was the only listener, of an heir, an error and a symbol: as with Node', () => {
  const life = (emitter: EventEmitter): unknown[] => {
    const heir = Object.create(emitter) as EventEmitter;
    const heard: unknown[] = [];
    heir.once('ready', () => heard.push('ready'));
    heir.emit('ready');
    const symbol = Symbol('symbol');
    heir.on(symbol, () => heard.push('symbol')).on('error', () => heard.push('error'));
    heard.push(heir.emit(symbol), heir.emit('error', new Error('heard')), heir.emit('ready'));
    return heard;
  };
  expect(life(new SmallTalkEventBus())).toEqual(life(new EventEmitter()));
});

test('what an heir emits is recorded, logged and counted; the bus stays as fast as it was', () => {
  const log = new HeldLog();
  const bus = busWith(log);
  const heir = Object.create(bus) as typeof bus;
  heir.removeAllListeners();
  heir.on('a', () => undefined).on('a', () => undefined);
  expect([heir.emit('a', 1), bus.emit('a', 2), heir.emit('b')]).toEqual([true, false, false]);
  expect(bus.history.toArray().map(({ event }) => event)).toEqual(['a', 'a', 'b']);
  expect(topics(log)).toEqual(['a', 'a', 'b']);
  expect(bus.getStats()).toMatchObject({ emitted: 3, delivered: 2, recorded: 3 });
  expect(Object.hasOwn(bus, '_fire')).toBe(false);
});

test.each<EventBusOptions>([
  {},
  { captureRejections: true },
  { listenerErrors: 'isolate' },
  { redact: (event) => event },
])('listeners of a Proxy are called on the Proxy, whatever the event (%j)', (options) => {
  const proxy = new Proxy(new SmallTalkEventBus(options), {});
  const symbol = Symbol('symbol');
  const seen: unknown[] = [];
  for (const name of ['a', 'error', symbol]) {
    proxy.on(name as 'a', function (this: unknown) {
      seen.push(this === proxy);
    });
    proxy.emit(name as 'a');
  }
  expect(seen).toEqual([true, true, true]);
});

test('a Proxy whose traps ask who listens, at each step of an emit, loses no event', () => {
  const bus = new SmallTalkEventBus();
  let asked = 0;
  const ask = <R>(result: R): R => {
    asked += bus.listenerCount('a') + bus.eventNames().length;
    return result;
  };
  const proxy = new Proxy(bus, {
    get: (...args) => ask(Reflect.get(...args) as unknown),
    set: (...args) => ask(Reflect.set(...args)),
  });
  const heard: unknown[][] = [];
  const listener = (...args: unknown[]): void => void heard.push(args);
  const lists = [[], [1], [1, 2], [1, 2, 3], [1, 2, 3, 4]];
  proxy.on('a', listener);
  for (const list of lists) proxy.emit('a', ...list);
  proxy.on('a', listener);
  for (const list of lists) proxy.emit('a', ...list);
  expect(heard).toEqual([...lists, ...lists.flatMap((list) => [list, list])]);
  expect(asked).toBeGreaterThan(0);
});

test('a frozen bus emits, as a frozen emitter does, also where listeners had been looked up before', () => {
  const life = (emitter: EventEmitter): unknown[] => {
    const heard: unknown[] = [];
    emitter.on('a', (...args: unknown[]) => heard.push(args));
    emitter.emit('a', 'before');
    Object.freeze(emitter);
    for (let count = 0; count <= 4; count += 1) heard.push(emitter.emit('a', ...new Array<number>(count).fill(count)));
    const heir = Object.freeze(Object.create(emitter) as EventEmitter);
    heard.push(heir.emit('a', 'heir'), heir.emit('b'), emitter.listenerCount('a'), emitter.eventNames());
    return heard;
  };
  expect(life(new SmallTalkEventBus())).toEqual(life(new EventEmitter()));
});
