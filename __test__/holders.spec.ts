/** What is said to run, at every moment of it: read as the thread that watches event loops reads it. */
import { beginWatch, endWatch, named, running } from '../ts/holders.js';
import { SmallTalkEventBus } from '../ts/index.js';

const LABEL_BYTES = 256;
const LISTENERS = 64;
/** More than there are labels. */
const MANY = 3_000;

let labels: Uint8Array;

beforeEach(() => {
  labels = beginWatch();
});

afterEach(() => {
  expect(running[0]).toBe(0);
  endWatch();
});

/** Whoever is said to run now. */
function holder(): unknown {
  const word = running[0] as number;
  if (word === 0) return null;
  const from = Math.floor(word / LISTENERS) * LABEL_BYTES;
  const text = new TextDecoder().decode(labels.subarray(from, labels.indexOf(0, from)));
  const { agentId, event, listeners = [] } = JSON.parse(text) as Record<string, string> & { listeners?: string[] };
  return { agentId, event, listener: listeners[word % LISTENERS] };
}

describe('a listener that goes on while listeners of its bus come, go or are asked for', () => {
  const guilty = { agentId: 'guilty', event: 'index', listener: 'indexAll' };
  const meddlings: [string, (bus: SmallTalkEventBus, n: number) => unknown][] = [
    ['asks who listens', (bus) => bus.listenerCount('reply')],
    ['waits for replies', (bus) => bus.once('reply', () => undefined)],
    ['waits for events that it makes up', (bus, n) => bus.once(`reply ${n % 7}`, () => undefined)],
  ];

  test.each(meddlings)('is the one that is named where it %s', (_, meddle) => {
    const bus = new SmallTalkEventBus().setMaxListeners(0);
    const innocent = bus.scope({ agentId: 'innocent' });
    bus.on('reply', () => undefined);
    const seen = new Set<string>();
    bus.on('index', function indexAll() {
      for (let n = 0; n < MANY; n += 1) {
        meddle(bus, n);
        innocent.emit('reply', n);
        innocent.emit(`reply ${n % 7}`, n);
        seen.add(JSON.stringify(holder()));
      }
    });
    bus.scope({ agentId: 'guilty' }).emit('index');
    expect([...seen].map((each) => JSON.parse(each) as unknown)).toEqual([guilty]);
  });

  test('is named on every level of what runs, each of several listeners, and by the same event within its own', () => {
    const bus = new SmallTalkEventBus();
    const scopes = ['outer', 'inner', 'innermost'].map((agentId) => bus.scope({ agentId }));
    const seen: unknown[] = [];
    const churn = (): void => {
      for (let n = 0; n < MANY; n += 1) {
        bus.listenerCount('a');
        bus.scope({ agentId: `other ${n}` }).emit('reply', n);
      }
      seen.push(holder());
    };
    bus.on('reply', () => undefined);
    bus.on('task', function first(level: number) {
      if (level < 2) scopes[level + 1]!.emit('task', level + 1);
      churn();
    });
    bus.on('task', churn);
    scopes[0]!.emit('task', 0);
    const of = (agentId: string): unknown[] => [
      { agentId, event: 'task', listener: 'first' },
      { agentId, event: 'task', listener: 'churn' },
    ];
    expect(seen).toEqual([...of('innermost'), ...of('inner'), ...of('outer')]);
  });

  test('leaves their names to those that it calls', () => {
    const bus = new SmallTalkEventBus();
    const innocent = bus.scope({ agentId: 'innocent' });
    const seen = new Set<string>();
    const see = (): void => void seen.add(JSON.stringify(holder()));
    bus.on('reply', function counted() {
      see();
    });
    bus.on('index', () => {
      for (let n = 0; n < MANY; n += 1) {
        if (bus.listenerCount('reply') > 0) innocent.emit('reply', n);
        named({ agentId: 'tracked', event: 'work', listeners: ['track'] }, see);
      }
    });
    bus.emit('index');
    expect([...seen].map((each) => JSON.parse(each) as unknown)).toEqual([
      { agentId: 'innocent', event: 'reply', listener: 'counted' },
      { agentId: 'tracked', event: 'work', listener: 'track' },
    ]);
  });
});

describe('more listened-to events than there are labels', () => {
  /** Buses that have all emitted their events, and are idle now. */
  const idle = (buses: number, events: number): SmallTalkEventBus[] =>
    Array.from({ length: buses }, () => {
      const bus = new SmallTalkEventBus();
      for (let n = 0; n < events; n += 1) bus.on(`event ${n}`, () => undefined).emit(`event ${n}`);
      return bus;
    });

  const task = { agentId: 'writer', event: 'task', listener: 'work' };
  const tracked = { agentId: 'ada', event: 'track', listener: 'think' };
  const track = (): unknown => named({ agentId: 'ada', event: 'track', listeners: ['think'] }, holder);

  test.each([
    [1, 990],
    [1, 1_022],
    [1, 5_000],
    [300, 10],
    [3_000, 1],
  ])('%d idle buses with %d each leave a label to who runs then', async (buses, events) => {
    const all = idle(buses, events);
    expect(track()).toEqual(tracked);
    const bus = new SmallTalkEventBus();
    const scope = bus.scope({ agentId: 'writer' });
    let seen: unknown[] = [];
    bus.on('task', function work() {
      seen = [holder(), track()];
    });
    // They may have been asked for their labels a moment ago.
    while ((seen[0] as typeof task | undefined)?.event === undefined) {
      scope.emit('task');
      await new Promise(setImmediate);
    }
    expect(seen).toEqual([task, tracked]);
    expect(all.every((each) => each.emit('event 0'))).toBe(true);
  });

  test('those that one run of a listener had no labels for get them when it is over', async () => {
    const [bus, other] = [new SmallTalkEventBus(), new SmallTalkEventBus()];
    const scope = bus.scope({ agentId: 'writer' });
    const seen: unknown[] = [];
    const see = (): void => void seen.push(holder());
    for (const each of [bus, other]) for (let n = 0; n < MANY; n += 1) each.on(`event ${n}`, () => undefined);
    other.on('last', function last() {
      see();
    });
    bus.on('task', function work() {
      for (const each of [bus, other]) for (let n = 0; n < MANY; n += 1) each.emit(`event ${n}`);
      seen.push(track());
      other.emit('last');
      see();
    });
    // The first one takes a label when nothing runs, or when all are free.
    while ((seen.at(-1) as typeof task | undefined)?.event === undefined) {
      seen.length = 0;
      scope.emit('task');
      await new Promise(setImmediate);
    }
    const nobody = { agentId: undefined, event: undefined, listener: undefined };
    expect(seen).toEqual([tracked, nobody, task]);
    while ((seen.at(-1) as typeof task).event !== 'last') {
      other.emit('last');
      await new Promise(setImmediate);
    }
    const last = { agentId: undefined, event: 'last', listener: 'last' };
    expect(seen.at(-1)).toEqual(last);
  });

  test('many short runs, each waiting for replies within, leave a name to all', async () => {
    const [asked, answered] = [new SmallTalkEventBus(), new SmallTalkEventBus()];
    const seen = new Set<unknown>();
    asked.on('ask', function ask() {
      for (let n = 0; n < 5; n += 1) {
        answered.once(`reply ${n % 2}`, function reply() {
          seen.add((holder() as { listener?: string }).listener);
        });
        answered.emit(`reply ${n % 2}`);
      }
    });
    for (let run = 0; run < MANY; run += 1) {
      asked.emit('ask');
      if (run % 10 === 9) await new Promise(setImmediate);
    }
    expect([...seen]).toEqual(['reply']);
  });

  test('listeners are not looked up at each emit', () => {
    let looks = 0;
    const listener = Object.defineProperty(() => undefined, 'name', { get: () => `name ${(looks += 1)}` });
    const buses = idle(200, 10);
    for (const bus of buses) {
      bus.removeAllListeners();
      for (let n = 0; n < 10; n += 1) bus.on(`event ${n}`, listener);
    }
    const [rounds, begun] = [200, performance.now()];
    for (let round = 0; round < rounds; round += 1) {
      for (const bus of buses) for (let n = 0; n < 10; n += 1) bus.emit(`event ${n}`);
    }
    // Each is looked up at the first emit, and anew when all labels were asked for: every 100 ms at the most.
    const most = 2 + Math.ceil((performance.now() - begun) / 100);
    expect(looks).toBeLessThanOrEqual(2_000 * Math.min(most, rounds / 2));
  });
});
