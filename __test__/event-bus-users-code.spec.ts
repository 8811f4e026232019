/** Code of users that runs within an emit, and what it must not do to the bus: their logs, and their `redact`. */
import { JsonlEventReplayStorage, SmallTalkEventBus, type NewEvent, type StoredEvent } from '../ts/index.js';
import { beginWatch, endWatch } from '../ts/holders.js';
import { all, rejection } from './support/event-log.js';
import { busWith, HeldLog, logStats } from './support/held-log.js';
import { temporaryDirectory } from './support/temporary.js';

describe('a log that listens and emits within append', () => {
  const meddlings: [string, (bus: SmallTalkEventBus) => unknown][] = [
    ['asks who listens', (bus) => bus.listenerCount('audit')],
    ['adds a listener', (bus) => bus.once('audit', () => undefined)],
    [
      'adds one that cannot be called fast',
      (bus) =>
        bus.on(
          'work',
          Object.assign(() => undefined, { call: 1 }),
        ),
    ],
  ];

  test.each(meddlings)('one that %s takes no event from its listeners', (_, meddle) => {
    const log = new HeldLog();
    const bus = busWith(log);
    const heard: unknown[] = [];
    bus.on('work', (at) => heard.push(at));
    log.before = ({ topic }) => {
      if (topic !== 'work') return;
      meddle(bus);
      bus.emit('audit', topic);
    };
    const results = [1, 2, 3, 4, 5].map((at) => bus.emit('work', at));
    expect(results).toEqual([true, true, true, true, true]);
    expect(heard).toEqual([1, 2, 3, 4, 5]);
    expect(bus.getStats()).toMatchObject({ recorded: 10 });
  });

  test('one that is added within append hears the event, as it would of any emitter', () => {
    const log = new HeldLog();
    const bus = busWith(log);
    let heard = 0;
    log.before = () => (log.before = () => bus.on('work', () => (heard += 1))) && undefined;
    bus.emit('other');
    expect([bus.emit('work'), heard]).toEqual([true, 1]);
    expect(bus.getStats().delivered).toBe(1);
  });
});

test.each([1, 3, 4, 9])('a log that changes the list of %d arguments changes nobody else’s', async (count) => {
  const log = Object.assign(new HeldLog(), { encodesAtOnce: true });
  const bus = busWith(log);
  const args = Array.from({ length: count }, (_, at) => at);
  const heard: unknown[] = [];
  bus.on('work', (...given: unknown[]) => heard.push(given));
  log.before = ({ payload }) => {
    (payload as unknown[]).length = 0;
    bus.once('other', () => undefined);
  };
  bus.emit('work', ...args);
  expect([heard, bus.history.toArray()[0]?.args]).toEqual([[args], args]);
  await bus.close();
});

test.each([undefined, (event: StoredEvent) => event])(
  'nor does one that emitDurable asks first (redact: %p)',
  async (redact) => {
    const log = Object.assign(new HeldLog(), { encodesAtOnce: true });
    const bus = busWith(log, redact === undefined ? {} : { redact });
    const heard: unknown[] = [];
    bus.on('paid', (...given: unknown[]) => heard.push(given));
    log.before = ({ payload }) => (payload as unknown[]).fill('***');
    await bus.emitDurable('paid', 'card', 1, 2, 3);
    const args = ['card', 1, 2, 3];
    expect([heard, bus.history.toArray()[0]?.args]).toEqual([[args], args]);
    expect(log.events[0]?.payload).toEqual(['***', '***', '***', '***']);
    await bus.close();
  },
);

test.each(['node', 'isolate'] as const)(
  'an event without a name is one that nobody listens to (%s)',
  (listenerErrors) => {
    const bus = new SmallTalkEventBus({ listenerErrors });
    bus.on('work', () => undefined);
    beginWatch();
    try {
      expect(bus.emit(undefined as never)).toBe(false);
    } finally {
      endWatch();
    }
    expect(bus.emit(undefined as never, 1)).toBe(false);
  },
);

describe('a JSONL log whose append is not its own', () => {
  const concealed = (event: NewEvent): NewEvent => ({ ...event, payload: ['concealed'] });

  class Concealing extends JsonlEventReplayStorage {
    override append(sessionId: string, event: NewEvent): ReturnType<JsonlEventReplayStorage['append']> {
      return super.append(sessionId, concealed(event));
    }
  }

  const wrapped = (directory: string): JsonlEventReplayStorage => {
    const log = new JsonlEventReplayStorage({ directory });
    const append = log.append.bind(log);
    log.append = (sessionId, event) => append(sessionId, concealed(event));
    return log;
  };

  test.each<[string, (directory: string) => JsonlEventReplayStorage]>([
    ['overridden by its class', (directory) => new Concealing({ directory })],
    ['wrapped', wrapped],
  ])('%s, gets every event by it', async (_, open) => {
    const log = open(temporaryDirectory());
    const bus = new SmallTalkEventBus({ log });
    bus.emit('agent_handoff', 'secret');
    await bus.emitDurable('agent_handoff', 'secret');
    await bus.flush();
    const payloads = (await all(log, 'default')).map(({ payload }) => payload);
    expect(payloads).toEqual([['concealed'], ['concealed']]);
    await bus.close();
    await log.close();
  });
});

describe('a redact that goes wrong', () => {
  const odd = (members: object) => (event: StoredEvent) => ({ ...event, ...members }) as StoredEvent;
  const thrown = (): never => {
    throw new Error('no card');
  };

  test.each<[string, (event: StoredEvent) => StoredEvent | null]>([
    ['throws', thrown],
    ['gives no event', () => 7 as never],
    ['gives no metadata', odd({ metadata: null })],
    ['gives a time that is none', odd({ timestamp: NaN })],
    ['gives a time without end', odd({ timestamp: Infinity })],
    [
      'gives metadata that throw',
      (event) => ({ ...event, metadata: Object.defineProperty({}, 'x', { enumerable: true, get: thrown }) }),
    ],
  ])('one that %s: emitDurable rejects, and nobody hears what is not stored', async (_, redact) => {
    const log = new HeldLog();
    const bus = busWith(log, { redact: (event) => (event.event === 'paid' ? redact(event) : event) });
    const heard: unknown[] = [];
    bus.on('paid', (at) => heard.push(at));
    const reported: unknown[] = [];
    bus.on('listener:error', (error: Error) => reported.push(error));
    const error = await rejection(bus.emitDurable('paid', 1));
    expect(error).toBeInstanceOf(Error);
    expect([heard, reported, log.events, bus.history.size]).toEqual([[], [], [], 0]);

    expect(bus.emit('paid', 2)).toBe(true);
    expect([heard, reported.length, log.events]).toEqual([[2], 1, []]);
    const before = Date.now();
    bus.emit('after');
    expect(log.events.map(({ topic }) => topic)).toEqual(['after']);
    expect(log.events[0]?.timestamp).toBeGreaterThanOrEqual(before - 1_000);
    expect(logStats(bus)).toMatchObject({ failed: 0, dropped: 0 });
  });

  test('what redact keeps nothing of is dispatched, and stored nowhere', async () => {
    const log = new HeldLog();
    const bus = busWith(log, { redact: () => null });
    let heard = 0;
    bus.on('keystroke', () => (heard += 1));
    expect(await bus.emitDurable('keystroke')).toBe(true);
    expect([heard, log.events]).toEqual([1, []]);
  });

  test.each<[string, (event: StoredEvent) => StoredEvent]>([
    ['inherits its members', (event) => Object.create(event) as StoredEvent],
    ['inherits some', (event) => Object.assign(Object.create(event) as StoredEvent, { args: ['hidden'] })],
  ])('what it gives may be an object that %s', async (_, redact) => {
    const log = new HeldLog();
    const bus = busWith(log, { redact });
    bus.emit('paid', 1);
    expect(await bus.emitDurable('paid', 1)).toBe(false);
    expect(log.events.map(({ topic }) => topic)).toEqual(['paid', 'paid']);
    expect(bus.history.toArray().map(({ event }) => event)).toEqual(['paid', 'paid']);
  });
});
