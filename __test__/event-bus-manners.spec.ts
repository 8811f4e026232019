/** What Node's own tools, and people's habits, expect of an emitter. */
import { EventEmitter, errorMonitor, getEventListeners, on, once } from 'node:events';
import { inspect } from 'node:util';

import { SmallTalkEventBus, type AnyListener } from '../ts/index.js';
import { rejection } from './support/event-log.js';
import { settled } from './support/held-log.js';

interface Events {
  tick: (n: number) => void;
  many: (...args: number[]) => void;
}

// The bus's clock starts a little after it proved hot: not when this file is gone.
afterAll(settled);

describe('Node’s tools', () => {
  test('events.once gives the arguments, rejects with an error event, and lets go when it is aborted', async () => {
    const bus = new SmallTalkEventBus<Events>();
    const waiting = once(bus, 'many');
    bus.emit('many', 1, 2, 3, 4);
    expect(await waiting).toEqual([1, 2, 3, 4]);
    const failing = rejection(once(bus, 'tick'));
    bus.emit('error', new Error('instead'));
    expect((await failing).message).toBe('instead');
    const leaving = new AbortController();
    const aborted = rejection(once(bus, 'tick', { signal: leaving.signal }));
    leaving.abort();
    expect((await aborted).name).toBe('AbortError');
    expect(bus.eventNames()).toEqual([]);
  });

  test('events.on gives every event, and ends when it is aborted', async () => {
    const bus = new SmallTalkEventBus<Events>();
    const leaving = new AbortController();
    const seen: number[] = [];
    const loop = (async () => {
      for await (const [n] of on(bus, 'tick', { signal: leaving.signal })) {
        seen.push(n as number);
        if (n === 3) leaving.abort();
      }
    })();
    for (let n = 1; n <= 3; n += 1) bus.emit('tick', n);
    expect((await rejection(loop)).name).toBe('AbortError');
    expect(seen).toEqual([1, 2, 3]);
    expect(bus.listenerCount('tick')).toBe(0);
  });

  test('getEventListeners, listenerCount and setMaxListeners know it', () => {
    const bus = new SmallTalkEventBus<Events>();
    const listener = (): void => undefined;
    bus.on('tick', listener);
    bus.once('tick', listener);
    expect(getEventListeners(bus, 'tick')).toEqual([listener, listener]);
    expect(EventEmitter.listenerCount(bus, 'tick')).toBe(2);
    expect(bus.rawListeners('tick')).toHaveLength(2);
    EventEmitter.setMaxListeners(3, bus);
    expect(bus.getMaxListeners()).toBe(3);
  });
});

describe('people’s habits', () => {
  test('a class of theirs extends it, overrides emit, and is an instance of all three', () => {
    class Mine extends SmallTalkEventBus<Events> {
      readonly emitted: string[] = [];
      readonly #secret = 5;
      override emit(event: string | symbol, ...args: unknown[]): boolean {
        this.emitted.push(String(event));
        return super.emit(event as 'tick', ...(args as [number]));
      }
      secret(): number {
        return this.#secret;
      }
    }
    const mine = new Mine({ historyLimit: 1 });
    const heard = jest.fn();
    mine.on('tick', heard);
    expect([mine.emit('tick', 1), mine.secret()]).toEqual([true, 5]);
    expect(heard).toHaveBeenCalledWith(1);
    expect(mine.emitted).toEqual(['tick']);
    for (const type of [Mine, SmallTalkEventBus, EventEmitter]) expect(mine).toBeInstanceOf(type);
    expect(inspect(mine)).toMatch(/^Mine \{/);
  });

  test('a mixin is assigned onto it, or made of it', () => {
    const greeting = {
      greet(this: EventEmitter): boolean {
        return this.emit('tick', 7);
      },
    };
    const bus = Object.assign(new SmallTalkEventBus<Events>(), greeting);
    const heard = jest.fn();
    bus.on('tick', heard);
    expect(bus.greet()).toBe(true);
    const counting = <B extends new (...args: any[]) => EventEmitter>(base: B) =>
      class extends base {
        count(): number {
          return this.eventNames().length;
        }
      };
    const counted = new (counting(SmallTalkEventBus))();
    counted.on('tick', heard);
    counted.emit('tick', 8);
    expect(counted.count()).toBe(1);
    expect(heard.mock.calls).toEqual([[7], [8]]);
  });

  test('listeners added past it, by Node’s own methods, are heard at once', () => {
    const bus = new SmallTalkEventBus<Events>();
    const heard = jest.fn();
    bus.emit('tick', 1);
    EventEmitter.prototype.prependListener.call(bus, 'tick', heard);
    bus.emit('tick', 2);
    EventEmitter.prototype.removeAllListeners.call(bus);
    bus.emit('tick', 3);
    expect(heard.mock.calls).toEqual([[2]]);
  });

  test('it is readable when it is printed, however deep, and shows no arguments', () => {
    const bus = new SmallTalkEventBus({ historyLimit: 5 });
    bus.on('tick', () => undefined);
    bus.emit('tick', 'secret');
    const short = "SmallTalkEventBus { listeners: { tick: 1 }, history: '1 of 5', lastSeq: 1 }";
    expect(inspect(bus)).toBe(short);
    expect(inspect(bus, { depth: null })).toBe(short);
    expect(inspect(bus, { depth: 0 })).toMatch(/^SmallTalkEventBus \{ listeners: \[Object\]/);
    expect(inspect(bus, { depth: -1 })).toBe('[SmallTalkEventBus]');
    expect(inspect({ a: { b: { bus } } })).toContain('bus: [SmallTalkEventBus]');
  });
});

describe('arguments and topics', () => {
  test('any number of arguments arrives, is recorded, and is counted as it was emitted', () => {
    const bus = new SmallTalkEventBus();
    const counts: number[] = [];
    bus.on('many', function (...args: unknown[]) {
      counts.push(args.length);
    });
    for (let count = 0; count <= 6; count += 1) {
      const args = Array.from({ length: count }, (_, at) => (at % 2 === 0 ? undefined : at));
      expect(bus.emit('many', ...args)).toBe(true);
      expect(bus.topic('many').emit(...args)).toBe(true);
      const [first, second] = bus.history.toArray({ last: 2 });
      expect([first?.args, second?.args]).toEqual([args, args]);
    }
    expect(counts).toEqual([0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6]);
  });

  test('a topic is the same event: listeners that come and go, this, order, history and errors', () => {
    const bus = new SmallTalkEventBus<Events>();
    const topic = bus.topic('tick');
    expect(topic.emit(0)).toBe(false);
    const seen: unknown[] = [];
    const first = function (this: unknown, n: number): void {
      seen.push(['first', n, this === bus]);
    };
    bus.on('tick', first);
    bus.once('tick', (n) => seen.push(['once', n]));
    expect(topic.emit(1)).toBe(true);
    topic.emit(2);
    bus.off('tick', first);
    expect(topic.emit(3)).toBe(false);
    bus.prependListener('tick', () => {
      throw new Error('listener');
    });
    expect(() => topic.emit(4)).toThrow('listener');
    expect(seen).toEqual([
      ['first', 1, true],
      ['once', 1],
      ['first', 2, true],
    ]);
    expect(bus.history.toArray().map(({ event, args }) => [event, ...args])).toEqual(
      [0, 1, 2, 3, 4].map((n) => ['tick', n]),
    );
    expect(() => bus.topic('error').emit(new Error('unheard'))).toThrow('unheard');
  });

  /** Emits until the way to the listeners is as fast as it gets, with changes on the way, and writes down every call. */
  function longLife(emitter: EventEmitter): string[] {
    const diary: string[] = [];
    const listeners = Array.from(
      { length: 5 },
      (_, index) =>
        function (this: unknown, ...args: unknown[]): void {
          if (this !== emitter) diary.push('not this');
          diary.push(`${index}:${args.join()}`);
          // While it is being called, in the middle of its kind: Node finishes with those it began with.
          if (index === 1 && args[0] === 6_000) emitter.off('hot', listeners[3] as AnyListener);
          if (index === 2 && args[0] === 6_500) emitter.on('hot', listeners[0] as AnyListener);
          if (index === 0 && args[0] === 7_000) throw new Error('hot');
          if (index === 4 && args[0] === 7_500) emitter.emit('hot', -1);
        },
    );
    for (const listener of listeners) emitter.on('hot', listener);
    for (let at = 0; at < 12_000; at += 1) {
      const args = [at, 'b', 'c', 'd'].slice(0, at < 8_000 ? 1 : at % 5);
      try {
        emitter.emit('hot', ...args);
      } catch (error) {
        diary.push(String(error));
      }
      if (at === 10_000) emitter.removeAllListeners('hot');
      if (at === 10_001)
        emitter.prependOnceListener('hot', listeners[2] as AnyListener).on('hot', listeners[1] as AnyListener);
    }
    return diary;
  }

  test('an event that proved hot, with listeners that change, throw and re-enter, is still Node’s', () => {
    const ours = longLife(new SmallTalkEventBus());
    const theirs = longLife(new EventEmitter());
    expect(theirs.length).toBeGreaterThan(50_000);
    expect(ours.findIndex((entry, at) => entry !== theirs[at])).toBe(-1);
    expect(ours).toHaveLength(theirs.length);
  });
});

test('the statistics count what happened', () => {
  const bus = new SmallTalkEventBus({ historyLimit: 3 });
  bus.on('a', () => undefined).on('a', () => undefined);
  bus.on('error', () => undefined);
  bus.on(errorMonitor, () => undefined);
  expect(bus.getStats()).toEqual({
    ...{ emitted: 0, delivered: 0, recorded: 0, byPriority: { critical: 0, normal: 0 }, listeners: 4 },
    ...{ history: { events: 0, bytes: 0 }, log: null },
  });
  bus.emit('a', 1); // two listeners
  bus.emit('b', 'x'.repeat(1_000)); // none
  bus.emit('error', new Error('e')); // one, and its monitor: an event of Node's own
  bus.emit('agent_handoff');
  bus.scope({ priority: 'critical' }).emit('a'); // two
  bus.emit(Symbol('s')); // not recorded
  const stats = bus.getStats();
  expect(stats).toMatchObject({ emitted: 7, delivered: 6, recorded: 5, byPriority: { critical: 2, normal: 3 } });
  expect(stats.history.events).toBe(3);
  bus.replay({ events: ['a'] });
  expect(bus.getStats()).toMatchObject({ emitted: 7, delivered: 8, recorded: 5 });
});

test('a subclass may use any ordinary name for its own: the bus calls none of them', () => {
  const names = ['log', 'find', 'fire', 'ring', 'refresh', 'dispatch', 'delivered', 'record', 'targets', 'rareNow'];
  const Mine = class extends SmallTalkEventBus {};
  for (const name of names) {
    const stray = (): never => {
      throw new Error(`the bus called ${name}`);
    };
    Object.defineProperty(Mine.prototype, name, { value: stray });
  }
  const bus = new Mine({ listenerErrors: 'node' });
  const seen: unknown[] = [];
  bus.on('a', (...args: unknown[]) => seen.push(args.length));
  bus.emit('a', 1);
  bus.emit('a', 1, 2, 3, 4);
  bus.replay();
  expect(seen).toEqual([1, 4, 1, 4]);
  expect(bus.getStats().delivered).toBe(4);
});

test.each<[string, (bus: SmallTalkEventBus) => SmallTalkEventBus]>([
  ['a Proxy of it', (bus) => new Proxy(bus, {})],
  ['an object that inherits from it', (bus) => Object.create(bus) as SmallTalkEventBus],
])('%s emits and listens as the bus itself', (_what, standInFor) => {
  const bus = new SmallTalkEventBus();
  const standIn = standInFor(bus);
  const heard: unknown[] = [];
  bus.on('a', (...args: unknown[]) => heard.push(args));
  expect(standIn.emit('a', 1)).toBe(true);
  // The bus has looked up its listeners by now, and must hear of another one.
  standIn.on('a', (...args: unknown[]) => heard.push(['second', ...args]));
  expect(bus.emit('a', 2)).toBe(true);
  expect(standIn.emit('a', 1, 2, 3, 4)).toBe(true);
  expect(standIn.emit('b')).toBe(false);
  expect(() => standIn.emit('error', new Error('unheard'))).toThrow('unheard');
  expect(heard).toEqual([[1], [2], ['second', 2], [1, 2, 3, 4], ['second', 1, 2, 3, 4]]);
  expect(bus.history.lastSeq).toBe(5);
});
