/** What users can ask a bus for: redaction, isolated listeners, a history of so many bytes. */
import { EventEmitter } from 'node:events';

import { SmallTalkEventBus, type StoredEvent } from '../ts/index.js';
import { HeldLog, settled } from './support/held-log.js';

describe('redact', () => {
  test('history, log and replay have what it gives; live listeners have the original', () => {
    const log = new HeldLog();
    const bus = new SmallTalkEventBus({
      log,
      redact: (event) => ({ ...event, args: ['***'], metadata: { ...event.metadata, redacted: true } }),
    });
    const heard: unknown[] = [];
    bus.on('login', (password: string) => heard.push(password));
    bus.scope({ agentId: 'a' }).emit('login', 'secret');
    bus.replay();
    expect(heard).toEqual(['secret', '***']);
    expect(log.events).toMatchObject([{ payload: ['***'], agentId: 'a', metadata: { redacted: true } }]);
    expect(bus.history.toArray()).toMatchObject([
      { seq: 1, args: ['***'], metadata: { agentId: 'a', redacted: true } },
    ]);
  });

  test('null keeps nothing: no number is used, the listeners hear it all the same', () => {
    const log = new HeldLog();
    const redact = (event: StoredEvent): StoredEvent | null => (event.event === 'secret' ? null : event);
    const bus = new SmallTalkEventBus({ log, redact });
    const heard = jest.fn();
    bus.on('secret', heard);
    expect(bus.emit('secret', 1)).toBe(true);
    bus.emit('public', 2);
    expect(heard).toHaveBeenCalledWith(1);
    expect(bus.history.toArray().map(({ seq, event }) => [seq, event])).toEqual([[1, 'public']]);
    expect(log.events).toHaveLength(1);
    expect(bus.getStats()).toMatchObject({ emitted: 2, recorded: 1 });
  });

  test('it may change the name and the priority', () => {
    const redact = (event: StoredEvent): StoredEvent => ({ ...event, event: 'other', priority: 'critical' });
    const bus = new SmallTalkEventBus({ redact });
    bus.emit('one', 1);
    expect(bus.history.toArray({ priority: 'critical' })).toMatchObject([{ event: 'other', args: [1] }]);
    expect(bus.getStats().byPriority).toEqual({ critical: 1, normal: 0 });
  });

  test('its event is its own, the arguments in it are the originals', () => {
    const seen: StoredEvent[] = [];
    const redact = (event: StoredEvent): StoredEvent => {
      seen.push({ ...event, args: [...event.args], metadata: { ...event.metadata } });
      event.args.length = 0;
      event.metadata['added'] = true;
      return Object.freeze(event);
    };
    const bus = new SmallTalkEventBus({ redact });
    const heard = jest.fn();
    bus.on('a', heard);
    const given = { deep: 1 };
    const scope = bus.scope({ agentId: 'a' });
    scope.emit('a', given);
    scope.emit('a', given, 2, 3, 4);
    expect(heard.mock.calls).toEqual([[given], [given, 2, 3, 4]]);
    expect(seen[0]).toMatchObject({ seq: 1, event: 'a', priority: 'normal' });
    expect(seen[0]?.args[0]).toBe(given);
    expect(seen[1]).toMatchObject({ seq: 2, metadata: { agentId: 'a' } });
    expect(seen[1]?.metadata).not.toHaveProperty('added');
  });

  test('a copy is its to make: what is changed later changes nothing kept', () => {
    const bus = new SmallTalkEventBus({ redact: (event) => ({ ...event, args: structuredClone(event.args) }) });
    const plan = { steps: ['read'] };
    bus.emit('plan_created', plan);
    plan.steps.push('write');
    expect(bus.history.toArray()[0]?.args).toEqual([{ steps: ['read'] }]);
  });

  test.each<[string, () => unknown]>([
    [
      'throws',
      () => {
        throw new Error('redact');
      },
    ],
    ['gives nothing', () => undefined],
    ['gives a promise', async () => null],
    ['gives half an event', () => ({ event: 'a' })],
  ])('when it %s the event is not kept, that is reported, and nobody else is bothered', (_what, redact) => {
    const log = new HeldLog();
    const bus = new SmallTalkEventBus({ log, redact: redact as () => null });
    const told = jest.fn();
    const heard = jest.fn();
    bus.on('listener:error', told).on('a', heard);
    expect(bus.emit('a', 1)).toBe(true);
    expect(told).toHaveBeenCalledWith(expect.any(Error), 'a');
    expect(heard).toHaveBeenCalledWith(1);
    expect([bus.history.size, log.events.length]).toEqual([0, 0]);
  });
});

describe('listenerErrors: isolate', () => {
  function isolated(): { bus: SmallTalkEventBus; told: unknown[] } {
    const bus = new SmallTalkEventBus({ listenerErrors: 'isolate' });
    const told: unknown[] = [];
    bus.on('listener:error', (error, name) => told.push([(error as Error).message, name]));
    return { bus, told };
  }

  test('a listener that throws or rejects stops neither the others nor the emitter', async () => {
    const { bus, told } = isolated();
    const order: unknown[] = [];
    bus.on('a', () => {
      throw new Error('thrown');
    });
    bus.on('a', (async () => {
      throw new Error('rejected');
    }) as () => void);
    bus.once('a', function (this: unknown, n: number) {
      order.push([n, this === bus]);
    });
    expect(bus.emit('a', 1)).toBe(true);
    expect(bus.emit('a', 2)).toBe(true);
    expect(order).toEqual([[1, true]]);
    await settled();
    expect(told).toEqual(['thrown', 'thrown', 'rejected', 'rejected'].map((message) => [message, 'a']));
    expect(bus.emit('nobody')).toBe(false);
    expect(bus.history.size).toBe(3);
  });

  test('a replay goes on, too, to all listeners and to one', () => {
    const { bus, told } = isolated();
    bus.emit('a', 1);
    bus.emit('a', 2);
    const fail = (n: number): void => {
      throw new Error(`at ${n}`);
    };
    bus.on('a', fail);
    expect(bus.replay()).toMatchObject({ replayed: 2 });
    expect(bus.replay({ listener: fail })).toMatchObject({ replayed: 2 });
    expect(told).toEqual(['at 1', 'at 2', 'at 1', 'at 2'].map((message) => [message, 'a']));
    expect(bus.current).toBeNull();
  });

  test('an error that nobody hears is still thrown, one that is heard is not', () => {
    const { bus, told } = isolated();
    const monitored: unknown[] = [];
    bus.on(EventEmitter.errorMonitor, (error) => monitored.push((error as Error).message));
    expect(() => bus.emit('error', new Error('unheard'))).toThrow('unheard');
    bus.on('error', () => {
      throw new Error('in the listener');
    });
    expect(bus.emit('error', new Error('heard'))).toBe(true);
    expect(monitored).toEqual(['unheard', 'heard']);
    expect(told).toEqual([['in the listener', 'error']]);
  });

  test('symbols are isolated, too', () => {
    const { bus, told } = isolated();
    const name = Symbol('s');
    bus.on(name, () => {
      throw new Error('thrown');
    });
    expect(bus.emit(name)).toBe(true);
    expect(told).toEqual([['thrown', name]]);
  });
});

describe('historyBytes', () => {
  test('the oldest go, so that the estimate stays within it', () => {
    const bus = new SmallTalkEventBus({ historyBytes: 10_000, historyLimit: 50 });
    for (let at = 1; at <= 200; at += 1) {
      bus.emit('n', at, 'x'.repeat((at * 37) % 900));
      const { history } = bus.getStats();
      expect(history.bytes).toBeLessThanOrEqual(10_000);
      expect(history.events).toBe(bus.history.size);
      expect([...bus.history].map(({ seq, args }) => seq - (args[0] as number))).toEqual(Array(history.events).fill(0));
    }
    expect(bus.history.size).toBeGreaterThan(5);
    expect(bus.history.size).toBeLessThan(50);
    expect(bus.replay()).toMatchObject({ gap: true, lastSeq: 200 });
  });

  test('an event that alone is too large is not kept, and what comes after it is', () => {
    const bus = new SmallTalkEventBus({ historyBytes: 1_000, historyLimit: 3 });
    bus.emit('small', 1);
    bus.emit('large', 'x'.repeat(10_000));
    expect(bus.history).toMatchObject({ size: 0, firstSeq: 3, lastSeq: 2 });
    for (let at = 0; at < 4; at += 1) bus.emit('small', at);
    expect(bus.history.toArray().map(({ seq, args }) => [seq, ...args])).toEqual([
      [4, 1],
      [5, 2],
      [6, 3],
    ]);
    // What is overwritten weighs nothing any more.
    for (let at = 0; at < 100; at += 1) bus.emit('small', at);
    expect(bus.history.size).toBe(3);
    bus.history.clear();
    expect(bus.getStats().history).toEqual({ events: 0, bytes: 0 });
  });

  test.each<[string, unknown]>([
    ['a Map', new Map([['key', 'x'.repeat(10_000)]])],
    ['a Map of many', new Map(Array.from({ length: 2_000 }, (_, at) => [at, 'xxx']))],
    ['a Set', new Set(['x'.repeat(10_000)])],
    ['an Error', new Error('x'.repeat(10_000))],
    ['a cause', new Error('short', { cause: ['x'.repeat(10_000)] })],
  ])('%s weighs what is in it', (_, value) => {
    const bus = new SmallTalkEventBus({ historyBytes: 5_000 });
    bus.emit('large', [value]);
    expect(bus.history.size).toBe(0);
  });

  const thrown = (): never => {
    throw new Error('code of the program');
  };
  const throwing = <T extends object>(value: T, key: string): T => Object.defineProperty(value, key, { get: thrown });

  test.each<[string, object]>([
    ['a Map', throwing(new Map([['key', 'x'.repeat(10_000)]]), 'size')],
    ['a Set', throwing(new Set(['x'.repeat(10_000)]), 'size')],
    ['bytes', throwing(new Uint8Array(10_000), 'byteLength')],
    ['a view', throwing(new DataView(new ArrayBuffer(10_000)), 'byteLength')],
    ['a buffer', throwing(new ArrayBuffer(10_000), 'byteLength')],
    ['a shared buffer', throwing(new SharedArrayBuffer(10_000), 'byteLength')],
    ['a member', throwing({ large: 'x'.repeat(10_000) }, 'member')],
  ])("%s is weighed without running the program's code", (_, value) => {
    const bus = new SmallTalkEventBus({ historyBytes: 5_000 });
    bus.emit('large', [value]);
    expect(bus.history.size).toBe(0);
  });

  test('a Proxy weighs little, whatever it answers', () => {
    const bus = new SmallTalkEventBus({ historyBytes: 5_000 });
    const { proxy, revoke } = Proxy.revocable({ large: 'x'.repeat(10_000) }, { ownKeys: thrown });
    bus.emit('proxy', proxy);
    revoke();
    bus.emit('revoked', [proxy]);
    expect(bus.history.size).toBe(2);
  });

  test('what is out of range, or of another type, is refused', () => {
    const wrong: [object, RegExp][] = [
      [{ historyBytes: -1 }, /historyBytes/],
      [{ logQueueBytes: NaN }, /logQueueBytes/],
      [{ listenerErrors: 'ignore' }, /listenerErrors/],
      [{ redact: 5 }, /redact must be a function/],
      [{ critical: 'a' }, /critical must be an array/],
      [{ log: {} }, /log must have the methods/],
    ];
    for (const [options, message] of wrong) expect(() => new SmallTalkEventBus(options)).toThrow(message);
  });
});
