/** A log that is slower than the bus: what is dropped, who hears of it, and that the counts add up. */
import { SmallTalkEventBus, type NewEvent } from '../ts/index.js';
import { rejection } from './support/event-log.js';
import { busWith, expectCountsToAddUp, HeldLog, KIB, logStats, settled, topics } from './support/held-log.js';

/** What is told when the loop has turned has been. */
const turned = async (): Promise<void> => {
  await settled();
  await settled();
};

describe('a log that never answers', () => {
  test('holds logQueueBytes, and as much again of critical events; the rest is dropped and counted', () => {
    const log = new HeldLog(true);
    const bus = busWith(log, { logQueueBytes: 10_000 });
    for (let at = 0; at < 30; at += 1) bus.emit('normal', KIB);
    const normal = log.events.length;
    for (let at = 0; at < 30; at += 1) bus.emit('agent_handoff', KIB);
    const critical = log.events.filter(({ topic }) => topic === 'agent_handoff').length;
    // About a KiB each.
    expect(normal).toBe(9);
    expect(critical).toBe(9);
    expect(logStats(bus)).toMatchObject({ queuedEvents: 18, dropped: 42, droppedCritical: 21 });
    expect(logStats(bus).queuedBytes).toBeLessThanOrEqual(20_000);
    expectCountsToAddUp(bus);
    // An event that alone is larger than the queue goes when nothing else is on its way.
    const large = new HeldLog(true);
    const small = busWith(large, { logQueueBytes: 0 });
    small.emit('a', KIB);
    small.emit('b', KIB);
    expect(topics(large)).toEqual(['a']);
  });

  test('nor does one hold more that emits while it is given an event', () => {
    class Echo extends HeldLog {
      override append(sessionId: string, event: NewEvent): Promise<void> {
        bus.emit('again', KIB);
        return super.append(sessionId, event);
      }
    }
    const log = new Echo(true);
    const bus = busWith(log, { logQueueBytes: 10_000 });
    bus.emit('first', KIB);
    expect(log.events).toHaveLength(9);
    expect(logStats(bus)).toMatchObject({ queuedEvents: 9, dropped: 1 });
    expectCountsToAddUp(bus);
  });

  test('log:overflow is said once per episode, with what the turn dropped, critical reserve or not', async () => {
    const log = new HeldLog(true);
    const bus = new SmallTalkEventBus({ log, logQueueBytes: 2_000 });
    const told: unknown[] = [];
    bus.on('log:overflow', (info) => told.push(info));
    for (let at = 0; at < 3; at += 1) bus.emit('normal', KIB);
    await Promise.resolve();
    bus.emit('normal', KIB);
    await turned();
    expect(told).toEqual([{ dropped: 3, critical: 0 }]);
    // A critical event that still has room does not end the episode.
    bus.emit('agent_handoff', 'a');
    for (let at = 0; at < 4; at += 1) bus.emit('normal', KIB);
    await turned();
    expect(told).toHaveLength(1);
    log.accept();
    await turned();
    log.accept();
    await bus.flush();
    for (let at = 0; at < 3; at += 1) bus.emit('normal', KIB);
    await turned();
    expect(told).toEqual([
      { dropped: 3, critical: 0 },
      { dropped: 2, critical: 0 },
    ]);
    log.accept();
    log.held = false;
    await bus.close();
  });

  test('the log says where events are missing, and how many, in the session that lacks them', async () => {
    const log = new HeldLog(true);
    const bus = busWith(log, { logQueueBytes: 2_000, sessionId: 's' });
    const other = bus.scope({ sessionId: 't' });
    const emit = (home: typeof bus | typeof other, at: number): boolean => home.emit('n', at, KIB);
    emit(bus, 1);
    emit(bus, 2); // dropped
    emit(other, 3); // dropped
    bus.emit('agent_handoff', 4); // from the reserve: 2 and 3 are missing before it
    emit(bus, 5); // dropped
    log.accept();
    await settled();
    emit(bus, 6);
    log.accept();
    log.held = false;
    await bus.close();
    const of = (session: string): unknown[] =>
      log.events
        .filter(({ sessionId }) => sessionId === session)
        .map(({ topic, payload, priority }) =>
          topic === 'log_overflow' ? [payload, priority] : (payload as unknown[])[0],
        );
    const missing = [[{ dropped: 1, critical: 0 }], 'critical'];
    expect(of('s')).toEqual([1, missing, 4, missing, 6]);
    expect(of('t')).toEqual([missing]);
  });

  test('where the log cannot even be told that events are missing, it is told later', async () => {
    const log = new HeldLog(true);
    const bus = busWith(log, { logQueueBytes: 2_000 });
    bus.emit('n', KIB);
    bus.emit('n', KIB); // dropped
    log.accept();
    await settled();
    expect(topics(log)).toEqual(['n', 'log_overflow']);
    log.reject(new Error('disk'));
    expect((await rejection(bus.flush())).message).toBe('disk');
    log.held = false;
    bus.emit('n');
    await bus.close();
    expect(topics(log)).toEqual(['n', 'log_overflow', 'log_overflow', 'n']);
    expect(log.events[2]?.payload).toEqual([{ dropped: 1, critical: 0 }]);
  });

  test('the counts add up at every moment of a random life', async () => {
    const log = new HeldLog(true);
    const bus = busWith(log, { logQueueBytes: 4_000 });
    let random = 7;
    const chance = (of: number): number => (random = (random * 48_271) % 2_147_483_647) % of;
    for (let at = 0; at < 500; at += 1) {
      const name = chance(4) === 0 ? 'agent_handoff' : 'n';
      if (chance(10) === 0) bus.emit(name, () => undefined);
      else bus.emit(name, at, 'x'.repeat(chance(900)));
      if (chance(3) === 0) log.accept(chance(4));
      if (chance(5) === 0) log.reject(new Error('disk'), chance(2));
      if (chance(8) === 0) await settled();
      expectCountsToAddUp(bus);
    }
    log.held = false;
    log.accept();
    await rejection(bus.flush());
    expectCountsToAddUp(bus);
    const { logged, failed, dropped, queuedEvents, queuedBytes } = logStats(bus);
    expect([queuedEvents, queuedBytes]).toEqual([0, 0]);
    for (const count of [logged, failed, dropped]) expect(count).toBeGreaterThan(0);
    // Everything that is missing is announced in the log, to the last one.
    const announced = log.events.filter(({ topic }) => topic === 'log_overflow');
    expect(announced.reduce((sum, event) => sum + missingIn(event), 0)).toBeGreaterThanOrEqual(dropped);
  });
});

function missingIn({ payload }: NewEvent): number {
  return (payload as [{ dropped: number }])[0].dropped;
}
