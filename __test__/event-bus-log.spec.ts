/** What a bus hands to its log, and what it does when the log is slow or broken. */
import { setImmediate } from 'node:timers/promises';

import { SmallTalkEventBus } from '../ts/index.js';
import { rejection } from './support/event-log.js';
import { busWith, expectCountsToAddUp, HeldLog, KIB, logStats, settled, topics } from './support/held-log.js';

describe('scopes', () => {
  test('an event carries what its scope says, in the fields that the log has for it', () => {
    const log = new HeldLog();
    const bus = busWith(log, { sessionId: 'of-the-bus' });
    bus.emit('plain', 1);
    const labels = { sessionId: 's', conversationId: 'c', agentId: 'a', run: 7, tags: ['x'] };
    bus.scope(labels).emit('labelled', 2);
    expect(log.events).toEqual([
      { sessionId: 'of-the-bus', topic: 'plain', payload: [1], priority: 'normal', timestamp: expect.any(Number) },
      {
        ...{ sessionId: 's', conversationId: 'c', agentId: 'a', metadata: { run: 7, tags: ['x'] } },
        ...{ topic: 'labelled', payload: [2], priority: 'normal', timestamp: expect.any(Number) },
      },
    ]);
    expect(bus.history.toArray().map(({ metadata }) => metadata)).toEqual([{}, labels]);
  });

  test('a nested scope says more and goes first; the outer one stays as it was', () => {
    const log = new HeldLog();
    const bus = busWith(log);
    const outer = bus.scope({ sessionId: 's', agentId: 'a', priority: 'critical' });
    const inner = outer.scope({ agentId: 'b', step: 1 });
    inner.emit('in');
    inner.scope({ priority: 'normal' }).topic('agent_handoff').emit('x', 'y', 'z', 'four');
    outer.emit('out');
    expect(inner.bus).toBe(bus);
    expect(log.events).toMatchObject([
      { topic: 'in', sessionId: 's', agentId: 'b', metadata: { step: 1 }, priority: 'critical' },
      { topic: 'agent_handoff', agentId: 'b', priority: 'normal', payload: ['x', 'y', 'z', 'four'] },
      { topic: 'out', sessionId: 's', agentId: 'a', priority: 'critical' },
    ]);
    expect(log.events[2]).not.toHaveProperty('metadata');
    expect(bus.history.toArray({ metadata: { agentId: 'b' } })).toHaveLength(2);
    expect(bus.getStats().byPriority).toEqual({ critical: 2, normal: 1 });
  });

  test('what a scope leaves undefined it does not say: the outer one’s holds, and the event does not have it', () => {
    const log = new HeldLog();
    const bus = busWith(log);
    const nothing = { sessionId: undefined, conversationId: undefined, agentId: undefined, priority: undefined };
    const outer = { sessionId: 's', conversationId: 'c', agentId: 'a' };
    bus
      .scope({ ...outer, priority: 'critical' })
      .scope(nothing as never)
      .emit('within');
    bus.scope(nothing as never).emit('alone');
    const [within, alone] = bus.history.toArray();
    expect(within).toStrictEqual({ ...within, metadata: outer, priority: 'critical' });
    expect(alone).toStrictEqual({ ...alone, metadata: {}, priority: 'normal' });
    expect(log.events[0]).toMatchObject({ ...outer, topic: 'within', priority: 'critical' });
    expect(bus.replay({ metadata: { agentId: 'a' } }).replayed).toBe(1);
  });

  test('what cannot be a scope is refused', () => {
    const bus = new SmallTalkEventBus();
    expect(() => bus.scope(null as never)).toThrow(TypeError);
    expect(() => bus.scope({ priority: 'high' as never })).toThrow(/priority/);
    for (const name of ['sessionId', 'conversationId', 'agentId']) {
      expect(() => bus.scope({ [name]: '' })).toThrow(new RegExp(`${name} is empty`));
    }
  });
});

describe('what the log gets', () => {
  test('a log of somebody else’s gets a copy, made before the first listener, that nobody else has', async () => {
    const log = new HeldLog();
    const bus = busWith(log);
    const order: string[] = [];
    log.before = () => order.push('log');
    bus.on('step', (given: { at: Date; steps: string[] }) => {
      order.push('listener');
      given.steps.push('changed');
    });
    const given = { at: new Date(5), steps: ['read'] };
    bus.emit('step', given);
    expect(order).toEqual(['log', 'listener']);
    expect(log.events[0]?.payload).toEqual([{ at: new Date(5), steps: ['read'] }]);
    (log.events[0]?.payload as [typeof given])[0].steps.push('by the log');
    expect(given.steps).toEqual(['read', 'changed']);
  });

  test('order is that of emit, also for what listeners emit', async () => {
    const log = new HeldLog();
    const bus = busWith(log);
    bus.on('outer', () => bus.emit('inner'));
    bus.on('inner', () => bus.scope({ agentId: 'a' }).emit('innermost', 1, 2, 3, 4));
    for (let at = 0; at < 3; at += 1) bus.emit('outer');
    expect(topics(log)).toEqual(Array.from({ length: 3 }, () => ['outer', 'inner', 'innermost']).flat());
  });

  test('what is not recorded is not logged', async () => {
    const log = new HeldLog();
    const bus = busWith(log);
    bus.on('newListener', () => undefined);
    bus.on('any', () => undefined);
    bus.emit(Symbol('any'));
    bus.emit('log:error', new Error('made up'));
    bus.emit('listener:error', new Error('made up'), 'any');
    expect(log.events).toEqual([]);
    expect(bus.getStats()).toMatchObject({ recorded: 0, emitted: 4 });
  });

  test('a value that cannot be stored fails by itself', async () => {
    const bus = new SmallTalkEventBus({ log: new HeldLog() });
    const told: unknown[] = [];
    bus.on('log:error', (error, event) => told.push((error as { code?: string }).code, event?.seq));
    bus.emit('fine');
    expect(bus.emit('wrong', () => undefined)).toBe(false);
    expect((await rejection(bus.flush())).code).toBe('ERR_VALUE_UNSUPPORTED');
    expect(told).toEqual(['ERR_VALUE_UNSUPPORTED', 2]);
    expect(logStats(bus)).toMatchObject({ logged: 1, failed: 1 });
  });
});

describe('trouble', () => {
  test.each(['node', 'isolate'] as const)('log:error has the event that failed (%s)', async (listenerErrors) => {
    const log = new HeldLog(true);
    const bus = new SmallTalkEventBus({ log, listenerErrors });
    const told: unknown[] = [];
    bus.on('log:error', (error, event) => told.push([error.message, event?.seq, event?.event, event?.args]));
    bus.emit('a', 1);
    bus.emit('b', 2);
    log.reject(new Error('disk'));
    await rejection(bus.flush());
    expect(told).toEqual([
      ['disk', 1, 'a', [1]],
      ['disk', 2, 'b', [2]],
    ]);
  });

  test('a log that throws where it should reject, or rejects with no error, never reaches an emitter', async () => {
    const log = new HeldLog();
    const bus = busWith(log);
    log.before = () => {
      throw new Error('thrown');
    };
    expect(bus.emit('a')).toBe(false);
    log.before = () => undefined;
    log.held = true;
    bus.emit('b');
    log.reject('just text');
    expect((await rejection(bus.flush())).message).toBe('thrown');
    expect(logStats(bus)).toMatchObject({ logged: 0, failed: 2 });
    await bus.flush();
  });

  test('flush waits for what was emitted before it, tells the first failure, and tells it once', async () => {
    const log = new HeldLog(true);
    const bus = busWith(log);
    bus.emit('a');
    bus.emit('b');
    let flushed = false;
    const flush = rejection(bus.flush()).then((error) => {
      flushed = true;
      return error.message;
    });
    bus.emit('later');
    log.reject(new Error('first'), 1);
    await settled();
    expect(flushed).toBe(false);
    log.reject(new Error('second'), 1);
    expect(await flush).toBe('first');
    log.accept();
    await bus.flush();
    expectCountsToAddUp(bus);
  });

  test('close flushes, may be called twice, and lets go of the log', async () => {
    const log = new HeldLog(true);
    const bus = busWith(log);
    bus.emit('a');
    let ended = 0;
    const closed = [bus.close(), bus.close(), bus.flush(), bus[Symbol.asyncDispose]()].map(async (one) => {
      await one;
      ended += 1;
    });
    await setImmediate();
    expect(ended).toBe(0);
    log.accept();
    await Promise.all(closed);
    bus.emit('b');
    expect(topics(log)).toEqual(['a']);
    expect(bus.getStats().log).toBeNull();
    for (const emitter of [bus, bus.scope({ agentId: 'a' })]) {
      expect((await rejection(emitter.emitDurable('c'))).code).toBe('ERR_CLOSED');
    }
  });
});

describe('emitDurable', () => {
  test('has a time in the log that does not go back, although the clock does', async () => {
    const log = new HeldLog();
    const bus = busWith(log);
    bus.emit('before');
    const first = bus.history.toArray()[0]!.timestamp;
    const clock = jest.spyOn(Date, 'now').mockReturnValue(first - 3_600_000);
    try {
      await bus.emitDurable('paid');
    } finally {
      clock.mockRestore();
    }
    expect(log.events.map(({ topic, timestamp }) => [topic, timestamp])).toEqual([
      ['before', first],
      ['paid', first],
    ]);
  });

  test('is recorded and dispatched after the acknowledgement, and only then', async () => {
    const log = new HeldLog(true);
    const bus = busWith(log);
    const heard = jest.fn();
    bus.on('paid', heard);
    const durable = bus.scope({ agentId: 'a' }).emitDurable('paid', 1, 2, 3, 4);
    bus.emit('other');
    await settled();
    expect(topics(log)).toEqual(['paid', 'other']);
    expect(heard).not.toHaveBeenCalled();
    expect(bus.history.toArray().map(({ event }) => event)).toEqual(['other']);
    log.accept();
    expect(await durable).toBe(true);
    expect(heard).toHaveBeenCalledWith(1, 2, 3, 4);
    expect(bus.history.toArray()).toMatchObject([
      { seq: 1, event: 'other' },
      { seq: 2, event: 'paid', args: [1, 2, 3, 4], metadata: { agentId: 'a' } },
    ]);
    expect(log.events).toHaveLength(2);
    expectCountsToAddUp(bus);
  });

  test('when the log fails it rejects with that, and neither happens', async () => {
    const log = new HeldLog(true);
    const bus = new SmallTalkEventBus({ log });
    const heard = jest.fn();
    bus.on('paid', heard).on('log:error', heard);
    const durable = bus.emitDurable('paid');
    log.reject(new Error('disk'));
    expect((await rejection(durable)).message).toBe('disk');
    expect((await rejection(bus.emitDurable('paid', () => undefined))).code).toBe('ERR_VALUE_UNSUPPORTED');
    expect(heard).not.toHaveBeenCalled();
    expect(bus.history.size).toBe(0);
    // Its failure was told to whom it concerns: flush has nothing to add.
    await bus.flush();
  });

  test('without a log, and for what is never recorded, it is ERR_OPTION_INVALID', async () => {
    expect((await rejection(new SmallTalkEventBus().emitDurable('a'))).code).toBe('ERR_OPTION_INVALID');
    const log = new HeldLog();
    const failed = await rejection(busWith(log).emitDurable('newListener', 'a', () => undefined));
    expect(failed.code).toBe('ERR_OPTION_INVALID');
    expect(log.events).toEqual([]);
  });

  test('is ERR_BACKPRESSURE when the queue is full, and drops nothing', async () => {
    const log = new HeldLog(true);
    const bus = busWith(log, { logQueueBytes: 2_000 });
    bus.emit('fills', KIB);
    const failed = await rejection(bus.emitDurable('paid', KIB));
    expect(failed.code).toBe('ERR_BACKPRESSURE');
    expect(failed).toMatchObject({ retryable: true });
    expect(logStats(bus)).toMatchObject({ dropped: 0, queuedEvents: 1 });
    const critical = bus.emitDurable('agent_handoff', KIB);
    log.accept();
    expect(await critical).toBe(false);
  });

  test('a listener that throws rejects it, as it would have ended an emit; the event happened', async () => {
    const bus = busWith(new HeldLog());
    bus.on('paid', () => {
      throw new Error('listener');
    });
    expect((await rejection(bus.emitDurable('paid'))).message).toBe('listener');
    expect(bus.history.size).toBe(1);
  });

  test('redact is asked once, and history and log have the same', async () => {
    const log = new HeldLog();
    const redact = jest.fn((event) => ({ ...event, args: ['redacted'] }));
    const bus = busWith(log, { redact });
    const heard = jest.fn();
    bus.on('login', heard);
    await bus.emitDurable('login', 'secret');
    expect(redact).toHaveBeenCalledTimes(1);
    expect(heard).toHaveBeenCalledWith('secret');
    expect([log.events[0]?.payload, bus.history.toArray()[0]?.args]).toEqual([['redacted'], ['redacted']]);
  });
});
