/** What the bus takes an event's arguments to weigh: near enough for ordinary shapes, and never absurd for odd ones. */
import { keptAliveBy, sizeOf } from '../ts/event-bus/size.js';
import { SmallTalkEventBus } from '../ts/index.js';
import { logStats } from './support/held-log.js';

interface Message {
  parent: Message | null;
  id: number;
  role: string;
  text: string;
}

const message = (id: number): Message => ({ parent: null, id, role: 'user', text: 'x'.repeat(40 + (id % 7) * 20) });

const messages = (count: number): Message[] => Array.from({ length: count }, (_, id) => message(id));

/** Each message knows the one before it, as its first member. */
const chain = (length: number): Message =>
  messages(length).reduce((parent, next) => ({ ...next, parent }), null as never);

const wrap = (value: unknown, times: number): unknown =>
  times === 0 ? value : { inner: wrap(value, times - 1), a: 1, b: 'two', c: null, d: true, e: [] };

/** What the estimate is of where everything is looked at. */
function weight(value: unknown): number {
  if (typeof value === 'string') return 16 + value.length * 2;
  if (typeof value !== 'object' || value === null) return 8;
  return 16 + Object.values(value).reduce<number>((sum, member) => sum + 8 + weight(member), 0);
}

describe('the estimate', () => {
  test.each<[string, unknown]>([
    ['small arguments', ['task', { agentId: 'a', step: 3, tags: ['x', 'y'] }]],
    ['a session', [{ id: 's', messages: messages(9_000) }]],
    ['a session within other things', wrap({ messages: messages(2_000) }, 6)],
    ['a table of sessions', Object.fromEntries(messages(5_000).map((one) => [`k${one.id}`, { messages: [one] }]))],
    ['a matrix', Array.from({ length: 300 }, () => Array.from({ length: 500 }, () => 1.5))],
    ['one long text among short ones', ['x', ...Array<string>(400).fill('y'), 'z'.repeat(1e6), 'x']],
    ['texts, many', Array.from({ length: 20_000 }, (_, at) => 'x'.repeat(at % 100))],
    ['a list of a chain and plain things', [chain(60), ...Array<number>(100_000).fill(1)]],
  ])('of %s is near what they weigh', (_, value) => {
    expect(sizeOf(value) / weight(value)).toBeGreaterThan(0.6);
    expect(sizeOf(value) / weight(value)).toBeLessThan(1.6);
  });

  test('of what is nested without end is an integer that is not far above what it weighs', () => {
    let shrubs: unknown = 'leaf';
    let lists: unknown = ['leaf'];
    for (let depth = 0; depth < 2_000; depth += 1) {
      shrubs = { first: shrubs, a: 1, b: 2, c: 'three' };
      if (depth < 200) lists = [lists, ...Array<number>(2_000).fill(1)];
    }
    for (const value of [shrubs, lists, chain(3_000), wrap('x', 2_000)]) {
      const size = sizeOf(value);
      expect(Number.isSafeInteger(size)).toBe(true);
      expect(size / weight(value)).toBeLessThan(1.6);
      expect(size).toBeGreaterThan(5_000);
    }
  });
});

describe('a view of a buffer', () => {
  const MIB = 2 ** 20;
  const buffer = Buffer.alloc(MIB);
  const part = buffer.subarray(0, 100);
  const views = (count: number): Buffer[] => Array.from({ length: count }, (_, at) => buffer.subarray(at, at + 10));

  test('keeps all of it alive, once for each event', () => {
    const pair = { part, data: new DataView(buffer.buffer, 5, 7), all: buffer.buffer };
    for (const args of [[part], [pair], [views(20), pair]]) {
      expect(keptAliveBy(args)).toBeGreaterThan(MIB);
      expect(keptAliveBy(args)).toBeLessThan(MIB * 1.1);
    }
    expect(keptAliveBy([views(1_000)])).toBeLessThan(MIB * 1.5);
    const many = Array.from({ length: 1_000 }, () => Buffer.alloc(10_000));
    const kept = keptAliveBy([many.map((one) => ({ head: one.subarray(0, 4), one }))]);
    expect(kept / 10_000_000).toBeGreaterThan(0.4);
    expect(kept / 10_000_000).toBeLessThan(1.6);
  });

  test('is counted as what is seen by it on the way to a log, and where the buffer is the pool that all share', () => {
    expect(sizeOf([part, part.buffer.byteLength])).toBeLessThan(300);
    expect(keptAliveBy([Buffer.from('short')])).toBeLessThan(100);
  });

  test('costs a history what it keeps', () => {
    const bus = new SmallTalkEventBus({ historyBytes: 3.5 * MIB });
    for (let at = 0; at < 10; at += 1) bus.emit('chunk', Buffer.alloc(MIB).subarray(0, 100));
    expect(bus.history.size).toBe(3);
    expect(bus.getStats().history.bytes).toBeGreaterThan(3 * MIB);
  });
});

test('a String object is taken for the text that it has', () => {
  const text = 'x'.repeat(100_000);
  expect(sizeOf([new String(text)]) - sizeOf([text])).toBeLessThan(100);
});

describe('one odd event', () => {
  const deep = chain(400);

  test('costs the history nothing but itself', () => {
    const bus = new SmallTalkEventBus({ historyBytes: 1_000_000, historyLimit: 5_000 });
    for (let at = 0; at < 1_000; at += 1) bus.emit('small', at);
    bus.emit('odd', deep);
    expect(bus.history.size).toBe(1_001);
    for (let at = 0; at < 2_000; at += 1) bus.emit('large', 'x'.repeat(1_000));
    expect(bus.history.size).toBeLessThan(600);
    expect(bus.getStats().history.bytes).toBeLessThanOrEqual(1_000_000);
  });

  test('that is durable leaves the queue to the log empty, and what comes after it is stored', async () => {
    const topics: string[] = [];
    const append = (_: string, { topic }: { topic: string }): Promise<void> => {
      topics.push(topic);
      return Promise.resolve();
    };
    const bus = new SmallTalkEventBus({ log: { append } as never });
    await bus.emitDurable('odd', deep);
    bus.emit('after', wrap({ messages: messages(2_000) }, 6));
    await bus.emitDurable('last');
    await bus.flush();
    expect(topics).toEqual(['odd', 'after', 'last']);
    expect(logStats(bus)).toMatchObject({ dropped: 0, queuedEvents: 0, queuedBytes: 0 });
    await bus.close();
  });
});
