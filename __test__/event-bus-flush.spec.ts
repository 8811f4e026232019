/** Whose flush hears of what could not be appended, and what a flush does about what was dropped. */
import { SmallTalkEventBus } from '../ts/index.js';
import { all, open, rejection } from './support/event-log.js';
import { busWith, HeldLog, KIB, logStats, settled, topics } from './support/held-log.js';

const outcome = (flush: Promise<void>): Promise<string> =>
  flush.then(
    () => 'resolved',
    (error: Error) => error.message,
  );

describe('of several flushes at once', () => {
  test('the one whose event is not stored hears of it, not the one before it', async () => {
    const log = open();
    const bus = busWith(log);
    bus.emit('fine');
    const first = outcome(bus.flush());
    bus.emit('wrong', () => undefined);
    const second = rejection(bus.flush());
    expect(await first).toBe('resolved');
    expect(await second).toMatchObject({ code: 'ERR_VALUE_UNSUPPORTED' });
    await bus.flush();
    await bus.close();
  });

  test('the same with a log that answers in another order', async () => {
    const log = new HeldLog(true);
    const bus = busWith(log);
    bus.emit('fine');
    const first = outcome(bus.flush());
    bus.emit('wrong');
    const others = [outcome(bus.flush()), outcome(bus.flush())];
    log.rejectLast(new Error('disk'));
    await settled();
    log.accept();
    expect(await first).toBe('resolved');
    expect(await Promise.all(others)).toEqual(['disk', 'disk']);
    await bus.flush();
  });

  test('what failed while nobody waited for it is the next one’s, once', async () => {
    const log = new HeldLog(true);
    const bus = busWith(log);
    bus.emit('fine');
    const before = outcome(bus.flush());
    bus.emit('wrong');
    log.rejectLast(new Error('disk'));
    await settled();
    const after = [outcome(bus.flush()), outcome(bus.flush())];
    log.accept();
    expect(await before).toBe('resolved');
    expect(await Promise.all(after)).toEqual(['disk', 'resolved']);
  });

  test('a close hears of everything', async () => {
    const log = new HeldLog(true);
    const bus = busWith(log);
    bus.emit('wrong');
    const flushed = outcome(bus.flush());
    bus.emit('wrong, too');
    const closed = outcome(bus.close());
    log.rejectLast(new Error('second'));
    await settled();
    log.reject(new Error('first'));
    expect(await flushed).toBe('first');
    expect(await closed).toBe('second');
  });
});

test('what was dropped fails no flush, and has been told to the log when the flush resolves', async () => {
  const log = open();
  const bus = busWith(log, { logQueueBytes: 2_000, sessionId: 's' });
  for (let at = 0; at < 20; at += 1) bus.emit('n', KIB);
  const { dropped } = logStats(bus);
  expect(dropped).toBeGreaterThan(0);
  await bus.flush();
  const events = await all(log, 's');
  expect(events.at(-1)).toMatchObject({ topic: 'log_overflow', payload: [{ dropped, critical: 0 }] });
  await bus.close();
});

test('a log that cannot be told what is missing fails the flush that told it, and is told by the next one', async () => {
  const log = new HeldLog(true);
  const bus = new SmallTalkEventBus({ log, logQueueBytes: 2_000 });
  bus.on('log:overflow', () => undefined);
  for (let at = 0; at < 3; at += 1) bus.emit('n', KIB);
  const first = outcome(bus.flush());
  log.rejectLast(new Error('disk'));
  log.accept();
  expect(await first).toBe('disk');
  log.held = false;
  log.accept();
  await bus.flush();
  expect(topics(log)).toEqual(['n', 'log_overflow', 'log_overflow']);
  await bus.close();
});

test('a close tells the log what it could not be told before', async () => {
  const log = new HeldLog(true);
  const bus = busWith(log, { logQueueBytes: 3 * 1024 });
  for (let at = 0; at < 5; at += 1) bus.emit('message', KIB);
  log.accept();
  await settled();
  log.reject(new Error('not told'));
  await settled();
  log.held = false;
  await expect(bus.close()).rejects.toThrow('not told');
  expect(topics(log).filter((topic) => topic === 'log_overflow')).toHaveLength(2);
});
