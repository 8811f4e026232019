import { EventEmitter, errorMonitor, once } from 'node:events';

import {
  SmallTalkEventBus,
  type Event,
  type EventReplayStorage,
  type NewEvent,
  type StoredEvent,
} from '../ts/index.js';

interface Events {
  message: (from: string, text: string) => void;
  agent_handoff: (from: string, to: string) => void;
  count: (n: number) => void;
}

const seqs = (events: Iterable<StoredEvent>): number[] => [...events].map(({ seq }) => seq);

/** A log in memory that a test can make fail. */
class TestLog implements EventReplayStorage {
  readonly events: (NewEvent & { sessionId: string })[] = [];
  failWith: Error | null = null;

  async append(sessionId: string, event: NewEvent): Promise<void> {
    if (this.failWith !== null) throw this.failWith;
    // Encoded within the call, as a log has to.
    this.events.push({ ...(JSON.parse(JSON.stringify(event)) as NewEvent), sessionId });
  }

  async *replay(): AsyncIterable<Event> {}

  async cleanup(): Promise<void> {}
}

describe('as an emitter', () => {
  test('it is a Node EventEmitter, arguments by reference, this the bus', () => {
    const bus = new SmallTalkEventBus<Events>();
    const seen: unknown[] = [];
    const text = 'hi';
    bus.on('message', function (this: unknown, ...args) {
      seen.push(this, ...args);
    });
    expect(bus).toBeInstanceOf(EventEmitter);
    expect(bus.emit('message', 'ann', text)).toBe(true);
    expect(bus.emit('count', 1)).toBe(false);
    expect(seen).toEqual([bus, 'ann', text]);
  });

  test('once, prepend, off, errors and monitors are Node’s', async () => {
    const bus = new SmallTalkEventBus<Events>();
    const order: string[] = [];
    bus.on('count', () => order.push('on'));
    bus.prependListener('count', () => order.push('first'));
    bus.once('count', () => order.push('once'));
    bus.emit('count', 1);
    bus.emit('count', 2);
    expect(order).toEqual(['first', 'on', 'once', 'first', 'on']);
    expect(() => bus.emit('error', new Error('unheard'))).toThrow('unheard');
    bus.on(errorMonitor, () => order.push('monitor'));
    bus.on('error', () => order.push('error'));
    bus.emit('error', new Error('heard'));
    expect(order.slice(-2)).toEqual(['monitor', 'error']);
    const waiting = once(bus, 'message');
    bus.emit('message', 'a', 'b');
    expect(await waiting).toEqual(['a', 'b']);
  });

  test('rejections of listeners become error events where that is asked for', async () => {
    const bus = new SmallTalkEventBus<Events>({ captureRejections: true });
    bus.on('count', (async () => {
      throw new Error('later');
    }) as () => void);
    const heard = once(bus, 'error');
    bus.emit('count', 1);
    expect(await heard).toMatchObject([{ message: 'later' }]);
  });

  test('so do those of the listener of a replay, which is called as the others are', async () => {
    const bus = new SmallTalkEventBus<Events>({ captureRejections: true });
    bus.emit('count', 1);
    const calls: unknown[] = [];
    const heard = once(bus, 'error');
    const listener = async function (this: unknown, ...args: unknown[]): Promise<void> {
      calls.push([this === bus, bus.current?.seq, args]);
      throw new Error('later');
    } as () => void;
    expect(bus.replay({ listener })).toMatchObject({ replayed: 1 });
    expect(await heard).toMatchObject([{ message: 'later' }]);
    expect(calls).toEqual([[true, 1, [1]]]);
    const throwing = (): never => {
      throw new Error('at once');
    };
    expect(() => bus.replay({ listener: throwing, events: ['count'] })).toThrow('at once');
  });

  test('and are told to a bus that wants to hear of them itself', async () => {
    const bus = new SmallTalkEventBus<Events>({ captureRejections: true });
    bus.emit('count', 1);
    const told = new Promise<unknown[]>((resolve) => {
      bus[EventEmitter.captureRejectionSymbol] = (...what: unknown[]) => resolve(what);
    });
    bus.replay({ listener: (async () => Promise.reject(new Error('later'))) as () => void });
    expect(await told).toMatchObject([{ message: 'later' }, 'count', 1]);
  });
});

describe('history', () => {
  test('every event is recorded, heard or not, also where a listener throws', () => {
    const bus = new SmallTalkEventBus<Events>();
    bus.on('count', () => {
      throw new Error('listener');
    });
    expect(() => bus.emit('count', 1)).toThrow('listener');
    bus.emit('agent_handoff', 'a', 'b');
    const [first, second] = bus.history.toArray();
    expect(first).toMatchObject({ seq: 1, event: 'count', args: [1], priority: 'normal', metadata: {} });
    expect(second).toMatchObject({ seq: 2, event: 'agent_handoff', priority: 'critical' });
    expect((first as StoredEvent).timestamp).toBeLessThanOrEqual((second as StoredEvent).timestamp);
  });

  test('symbols and the emitter’s own events are dispatched and not recorded', () => {
    const bus = new SmallTalkEventBus();
    const heard: unknown[] = [];
    bus.on('newListener', (name) => heard.push(name));
    bus.on(Symbol.for('s'), () => heard.push('symbol'));
    bus.emit(Symbol.for('s'));
    expect(heard).toEqual([Symbol.for('s'), 'symbol']);
    expect(bus.history.size).toBe(0);
  });

  test('the ring keeps the newest, and numbers go on', () => {
    const bus = new SmallTalkEventBus<Events>({ historyLimit: 3 });
    for (let n = 1; n <= 5; n += 1) bus.emit('count', n);
    expect(seqs(bus.history)).toEqual([3, 4, 5]);
    expect(bus.history).toMatchObject({ size: 3, capacity: 3, firstSeq: 3, lastSeq: 5 });
    bus.history.clear();
    expect(bus.history).toMatchObject({ size: 0, firstSeq: 6, lastSeq: 5 });
    bus.emit('count', 6);
    expect(bus.history.toArray().map(({ args }) => args)).toEqual([[6]]);
  });

  test('without a history nothing is kept, and numbers go on', () => {
    const bus = new SmallTalkEventBus<Events>({ historyLimit: 0 });
    bus.emit('count', 1);
    bus.emit('count', 2);
    expect(bus.history).toMatchObject({ size: 0, lastSeq: 2 });
    expect(bus.replay()).toMatchObject({ replayed: 0, gap: true });
  });

  test('time never goes back, and a replaced clock is honoured', () => {
    jest.useFakeTimers({ now: 1_000 });
    try {
      const bus = new SmallTalkEventBus<Events>();
      bus.emit('count', 1);
      jest.setSystemTime(500);
      bus.emit('count', 2);
      jest.setSystemTime(2_000);
      bus.emit('count', 3);
      expect(bus.history.toArray().map(({ timestamp }) => timestamp)).toEqual([1_000, 1_000, 2_000]);
    } finally {
      jest.useRealTimers();
    }
  });

  test('options out of range are refused', () => {
    for (const historyLimit of [-1, 1.5, NaN, Infinity]) {
      expect(() => new SmallTalkEventBus({ historyLimit })).toThrow(/historyLimit must be an integer/);
    }
    expect(() => new SmallTalkEventBus({ historyLimit: '5' as never })).toThrow(TypeError);
    expect(() => new SmallTalkEventBus({ sessionId: '' })).toThrow(/sessionId is empty/);
  });
});

describe('replay', () => {
  function filled(): SmallTalkEventBus<Events> {
    const bus = new SmallTalkEventBus<Events>();
    for (let n = 1; n <= 4; n += 1) bus.emit('count', n);
    bus.emit('agent_handoff', 'a', 'b');
    bus.emit('message', 'ann', 'hi');
    return bus;
  }

  test('sends the history to today’s listeners, oldest first, and records nothing', () => {
    const bus = filled();
    const seen: unknown[] = [];
    bus.on('count', (n) => seen.push(n));
    bus.on('message', (...args) => seen.push(args));
    expect(bus.replay()).toEqual({ replayed: 6, skipped: 0, gap: false, firstSeq: 1, lastSeq: 6 });
    expect(seen).toEqual([1, 2, 3, 4, ['ann', 'hi']]);
    expect(bus.history.lastSeq).toBe(6);
  });

  test('sends only what is asked for', () => {
    const bus = filled();
    const replayed = (options: Parameters<typeof bus.replay>[0]): number[] => {
      const seen: number[] = [];
      bus.replay({ ...options, listener: () => seen.push((bus.current as StoredEvent).seq) });
      return seen;
    };
    expect(replayed({ priority: 'critical' })).toEqual([5]);
    expect(replayed({ events: ['c*'] })).toEqual([1, 2, 3, 4]);
    expect(replayed({ events: ['message', 'agent_*'] })).toEqual([5, 6]);
    expect(replayed({ events: ['a.*'] })).toEqual([]);
    expect(replayed({ afterSeq: 4 })).toEqual([5, 6]);
    expect(replayed({ last: 3, limit: 2 })).toEqual([4, 5]);
    expect(replayed({ filter: ({ args }) => args[0] === 2 })).toEqual([2]);
    expect(replayed({ since: Date.now() + 1_000 })).toEqual([]);
    expect(replayed({ until: 0 })).toEqual([]);
    expect(() => bus.replay({ last: -1 })).toThrow(/last must be/);
    expect(() => bus.replay({ events: 'count' as never })).toThrow(TypeError);
  });

  test.each(['full', 'empty'])('options of a wrong type are a TypeError that names them (%s)', (history) => {
    const bus = history === 'full' ? filled() : new SmallTalkEventBus<Events>();
    const wrong: [string, unknown][] = [
      ['options', null],
      ['options', 5],
      ['events', { events: [1] }],
      ['events', { events: null }],
      ['metadata', { metadata: null }],
      ['metadata', { metadata: 5 }],
      ['filter', { filter: 'count' }],
      ['since', { since: new Date() }],
    ];
    for (const [name, options] of wrong) {
      for (const ask of [() => bus.replay(options as never), () => bus.history.toArray(options as never)]) {
        expect(ask).toThrow(TypeError);
        expect(ask).toThrow(new RegExp(`^${name} must be`));
      }
    }
  });

  test('a listener can tell a replay from news, also for what it emits itself', () => {
    const bus = new SmallTalkEventBus<Events>();
    const told: [string, boolean][] = [];
    bus.on('count', (n) => {
      told.push([`count ${n}`, bus.current?.replayed === true]);
      bus.emit('message', 'counter', String(n));
      told.push([`after ${n}`, bus.current?.replayed === true]);
    });
    bus.on('message', (_, text) => told.push([`message ${text}`, bus.current !== null]));
    bus.emit('count', 1);
    bus.replay({ events: ['count'] });
    expect(told).toEqual([
      ['count 1', false],
      ['message 1', false],
      ['after 1', false],
      ['count 1', true],
      ['message 1', false],
      ['after 1', true],
    ]);
    expect(bus.current).toBeNull();
  });

  test('a listener that throws ends it, once listeners are consumed, unheard errors are skipped', () => {
    const bus = new SmallTalkEventBus<Events>();
    bus.once('error', () => undefined);
    bus.emit('error', new Error('e'));
    bus.emit('count', 1);
    bus.emit('count', 2);
    let calls = 0;
    bus.once('count', () => {
      calls += 1;
    });
    expect(bus.replay()).toMatchObject({ replayed: 2, skipped: 1, firstSeq: 2, lastSeq: 3 });
    expect(calls).toBe(1);
    bus.on('count', () => {
      throw new Error('stop');
    });
    expect(() => bus.replay()).toThrow('stop');
    expect(bus.current).toBeNull();
  });

  test('it says when the history no longer reaches back', () => {
    const bus = new SmallTalkEventBus<Events>({ historyLimit: 2 });
    for (let n = 1; n <= 5; n += 1) bus.emit('count', n);
    expect(bus.replay()).toMatchObject({ replayed: 2, gap: true });
    expect(bus.replay({ afterSeq: 2 })).toMatchObject({ gap: true });
    expect(bus.replay({ afterSeq: 3 })).toMatchObject({ gap: false });
    expect(bus.replay({ last: 2 })).toMatchObject({ gap: false });
    expect(bus.replay({ last: 3 })).toMatchObject({ gap: true });
    expect(bus.replay({ since: 0 })).toMatchObject({ gap: true });
  });
});

describe('with a log', () => {
  test('events are appended in order, as they were when they were emitted', async () => {
    const log = new TestLog();
    const bus = new SmallTalkEventBus({ log, sessionId: 's-1' });
    const payload = { step: 1 };
    bus.on('step', (given: { step: number }) => (given.step = 99));
    bus.emit('step', payload);
    bus.emit('agent_handoff', 'a', 'b');
    bus.emit(Symbol('unlogged'));
    await bus.flush();
    expect(log.events).toMatchObject([
      { sessionId: 's-1', topic: 'step', payload: [{ step: 1 }], priority: 'normal' },
      { sessionId: 's-1', topic: 'agent_handoff', payload: ['a', 'b'], priority: 'critical' },
    ]);
  });

  test('a failing log never reaches an emitter: an event tells, and flush rejects once', async () => {
    const log = new TestLog();
    const bus = new SmallTalkEventBus<Events>({ log });
    const told: unknown[] = [];
    bus.on('log:error', (error, event) => told.push(error.message, event?.seq));
    log.failWith = new Error('disk');
    expect(bus.emit('count', 1)).toBe(false);
    await expect(bus.flush()).rejects.toThrow('disk');
    expect(told).toEqual(['disk', 1]);
    log.failWith = null;
    bus.emit('count', 2);
    await bus.flush();
    expect(log.events).toHaveLength(1);
  });

  test('close flushes and lets go of the log; emitting goes on', async () => {
    const log = new TestLog();
    const bus = new SmallTalkEventBus<Events>({ log });
    bus.emit('count', 1);
    await bus.close();
    await bus.close();
    bus.emit('count', 2);
    expect(log.events).toHaveLength(1);
    expect(bus.history.lastSeq).toBe(2);
  });
});
