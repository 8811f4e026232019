/** The history and its replay against a bus that keeps everything in one array, in random lives. */
import fc from 'fast-check';

import { SmallTalkEventBus, type AnyListener, type BusReplayOptions, type StoredEvent } from '../ts/index.js';
import { chosen, NaiveBus } from './support/naive-bus.js';

const LIVES = Number(process.env['SMALLTALK_TEST_LIVES'] ?? 3_000);

const LISTENERS = 4;
/** So deep may listeners emit and replay, and so much may they say: they could breed without end. */
const DEEPEST = 3;
const LONGEST = 200;

const NAMES = ['a', 'ab', 'agent_handoff', 'b.c', 'error', 'a\nb'];
const SCOPES = [
  {},
  { agentId: 'x' },
  { agentId: 'y', tags: { deep: [1] } },
  { priority: 'critical' as const, agentId: 'x' },
  { priority: 'normal' as const, sessionId: 's' },
];
const FILTERS: ((event: StoredEvent) => boolean)[] = [
  ({ seq }) => seq % 2 === 0,
  ({ args }) => args.length > 1,
  ({ metadata }) => metadata['agentId'] === undefined,
];

const name = fc.constantFrom(...NAMES);
const listener = fc.nat(LISTENERS - 1);
const said = <W extends string>(word: W): fc.Arbitrary<W> => fc.constant(word);

const members = {
  since: fc.integer({ min: 995, max: 1_020 }),
  until: fc.integer({ min: 995, max: 1_020 }),
  afterSeq: fc.nat(20),
  events: fc.array(fc.constantFrom('a', 'a*', '*', 'b.c', 'b?c', '*b', '*_*', '[a]', '', '**b*'), { maxLength: 3 }),
  priority: fc.constantFrom('critical' as const, 'all' as const),
  metadata: fc.constantFrom({}, { agentId: 'x' }, { tags: { deep: [1] } }, { agentId: 'y', sessionId: undefined }),
  last: fc.nat(6),
  limit: fc.nat(6),
  filter: fc.nat(FILTERS.length - 1),
  listener,
};
type Member = keyof typeof members;

/** Few at a time: all of them together would let nothing through. `last` and `limit` are always good company. */
const wanted = fc
  .tuple(fc.record(members), fc.subarray(Object.keys(members) as Member[], { maxLength: 3 }), fc.boolean())
  .map(([all, some, both]) => {
    const names = new Set<Member>([...some, ...(both ? (['last', 'limit'] as const) : [])]);
    return Object.fromEntries(Object.entries(all).filter(([key]) => names.has(key as Member))) as Partial<typeof all>;
  });
type Wanted = typeof wanted extends fc.Arbitrary<infer W> ? W : never;

const emitting = fc.record({ does: said('emit'), name, scope: fc.nat(SCOPES.length - 1), args: fc.nat(5) });
const listening = fc.record({ does: fc.constantFrom('on', 'once', 'off'), name, listener });
const replaying = fc.record({ does: said('replay'), wanted });
const clearing = fc.record({ does: said('clear') });

/** What a listener does when it is called. */
const deed = fc.oneof(
  { arbitrary: fc.record({ does: said('nothing') }), weight: 4 },
  fc.record({ does: said('throw') }),
  { arbitrary: emitting, weight: 2 },
  { arbitrary: listening, weight: 2 },
  replaying,
  clearing,
);
const step = fc.oneof(
  { arbitrary: emitting, weight: 8 },
  { arbitrary: listening, weight: 2 },
  { arbitrary: replaying, weight: 3 },
  { arbitrary: clearing, weight: 1 },
  { arbitrary: fc.record({ does: said('wait'), by: fc.integer({ min: -3, max: 5 }) }), weight: 4 },
);
type Deed = typeof deed | typeof step extends fc.Arbitrary<infer D> ? D : never;

const life = fc.record({
  capacity: fc.nat(7),
  deeds: fc.array(deed, { minLength: LISTENERS, maxLength: LISTENERS }),
  steps: fc.array(step, { minLength: 1, maxLength: 30 }),
});

/** What the script can do to either bus. */
interface Subject {
  emit(scope: number, event: string, args: unknown[]): boolean;
  replay(options: BusReplayOptions): unknown;
  clear(): void;
  current(): StoredEvent | null;
  history(): StoredEvent[];
  emitter: {
    on(n: string, l: AnyListener): void;
    once(n: string, l: AnyListener): void;
    off(n: string, l: AnyListener): void;
  };
}

function ours(capacity: number): Subject {
  const bus = new SmallTalkEventBus({ historyLimit: capacity });
  // The bus's own emit, and scopes: both ways lead to the history.
  const homes = SCOPES.map((scope, at) => (at === 0 ? bus : bus.scope(scope)));
  return {
    emit: (scope, event, args) => (homes[scope] as typeof bus).emit(event, ...args),
    replay: (options) => bus.replay(options),
    clear: () => bus.history.clear(),
    current: () => bus.current,
    history: () => {
      const { size, firstSeq, lastSeq } = bus.history;
      const events = [...bus.history];
      expect([events.length, events[0]?.seq ?? firstSeq, events.at(-1)?.seq ?? lastSeq]).toEqual([
        size,
        firstSeq,
        lastSeq,
      ]);
      return events;
    },
    emitter: bus,
  };
}

function theirs(capacity: number): Subject {
  const bus = new NaiveBus(capacity);
  return {
    emit: (scope, event, args) => bus.emitWith(SCOPES[scope] ?? {}, event, args),
    replay: (options) => {
      // No gap: an answer from everything there ever was would have been the same.
      if (!bus.gap(options)) expect(chosen(bus.kept(), options)).toEqual(chosen(bus.everything, options));
      return bus.replay(options);
    },
    clear: () => bus.clear(),
    current: () => bus.current,
    history: () => bus.kept(),
    emitter: bus,
  };
}

/** Plays a life and gives the diary of everything that can be seen. */
function play(subject: Subject, { deeds, steps }: { deeds: Deed[]; steps: Deed[] }): unknown[] {
  const diary: unknown[] = [];
  let depth = 0;
  let time = 1_000;
  Date.now = () => time;

  const listeners = deeds.map((does, index) => (...args: unknown[]): void => {
    diary.push(['called', index, args, subject.current()]);
    if (depth >= DEEPEST || diary.length > LONGEST) return;
    depth += 1;
    try {
      act(does);
      diary.push(['back in', index, subject.current()]);
    } finally {
      depth -= 1;
    }
  });

  function act(one: Deed): void {
    switch (one.does) {
      case 'emit':
        diary.push([
          'emitted',
          subject.emit(
            one.scope,
            one.name,
            Array.from({ length: one.args }, (_, at) => at),
          ),
        ]);
        break;
      case 'on':
      case 'once':
      case 'off':
        subject.emitter[one.does](one.name, listeners[one.listener] as AnyListener);
        break;
      case 'replay':
        diary.push(['replayed', subject.replay(optionsOf(one.wanted))]);
        break;
      case 'clear':
        subject.clear();
        break;
      case 'throw':
        throw new Error('thrown');
      case 'wait':
        time += one.by;
        break;
      case 'nothing':
    }
  }

  function optionsOf({ filter, listener: only, ...options }: Wanted): BusReplayOptions {
    return {
      ...options,
      ...(filter === undefined ? {} : { filter: FILTERS[filter] as (event: StoredEvent) => boolean }),
      ...(only === undefined ? {} : { listener: listeners[only] as AnyListener }),
    };
  }

  for (const one of steps) {
    try {
      act(one);
    } catch (error) {
      diary.push(['threw', (error as Error).message]);
    }
    diary.push(['history', subject.history(), subject.current()]);
  }
  return diary;
}

const realNow = Date.now;
afterEach(() => {
  Date.now = realNow;
});
// The bus's clock starts a little after it proved hot: not when this file is gone.
afterAll(() => new Promise((resolve) => setImmediate(resolve)));

test(
  `a bus and an array cannot be told apart in ${LIVES} random lives`,
  () => {
    fc.assert(
      fc.property(life, ({ capacity, ...script }) => {
        expect(play(ours(capacity), script)).toEqual(play(theirs(capacity), script));
      }),
      { numRuns: LIVES },
    );
  },
  60_000 + LIVES * 5,
);

test('a replay to one listener, for each way of asking, is what history.toArray gives', () => {
  const bus = new SmallTalkEventBus({ historyLimit: 7 });
  for (let at = 0; at < 20; at += 1) bus.scope(SCOPES[at % SCOPES.length] ?? {}).emit(NAMES[at % 4] ?? '', at);
  fc.assert(
    fc.property(wanted, ({ filter, listener: _, ...rest }) => {
      const options = filter === undefined ? rest : { ...rest, filter: FILTERS[filter] as () => boolean };
      const seen: (StoredEvent | null)[] = [];
      bus.replay({ ...options, listener: () => seen.push(bus.current) });
      expect(seen).toEqual(bus.history.toArray(options).map((event) => ({ ...event, replayed: true })));
    }),
  );
});

test('last satisfied by what is there is no gap, however few of it limit lets through', () => {
  const bus = new SmallTalkEventBus({ historyLimit: 5 });
  for (let at = 0; at < 9; at += 1) bus.emit('a', at);
  expect(bus.replay({ last: 4, limit: 2 })).toMatchObject({ replayed: 2, firstSeq: 6, gap: false });
  expect(bus.replay({ last: 6, limit: 2 })).toMatchObject({ replayed: 2, firstSeq: 5, gap: true });
});

test('what a replay’s listeners do while they are sent an event leaves what it sends alone', () => {
  const bus = new SmallTalkEventBus({ historyLimit: 3 });
  const seen: unknown[] = [];
  for (let at = 1; at <= 3; at += 1) bus.emit('n', at);
  bus.on('n', (value) => {
    seen.push([value, bus.current?.seq]);
    if (bus.current === null) return;
    // Pushes everything that is being replayed out of the history, and then some.
    for (let at = 0; at < 5; at += 1) bus.emit('other', at);
    bus.history.clear();
  });
  expect(bus.replay({ events: ['n'] })).toMatchObject({ replayed: 3, firstSeq: 1, lastSeq: 3, gap: false });
  expect(seen).toEqual([
    [1, 1],
    [2, 2],
    [3, 3],
  ]);
});

test('a loop over the history passes over what is gone by the time it gets there', () => {
  const bus = new SmallTalkEventBus({ historyLimit: 4 });
  for (let at = 1; at <= 4; at += 1) bus.emit('n', at);
  const seqs: number[] = [];
  for (const { seq, args } of bus.history) {
    seqs.push(seq);
    expect(args).toEqual([seq]);
    if (seq === 1) for (let at = 5; at <= 6; at += 1) bus.emit('n', at);
  }
  // 2 was overwritten meanwhile; 5 and 6 came after the loop had begun.
  expect(seqs).toEqual([1, 3, 4]);
  for (const { seq } of bus.history) {
    expect(seq).toBe(3);
    bus.history.clear();
  }
});

test('options that cannot be meant are refused before anything is sent', () => {
  const bus = new SmallTalkEventBus();
  bus.emit('a');
  const heard = jest.fn();
  bus.on('a', heard);
  const wrong: [unknown, string | RegExp][] = [
    [{ since: NaN }, /since/],
    [{ until: '5' }, /until must be a number/],
    [{ afterSeq: -1 }, /afterSeq/],
    [{ last: 1.5 }, /last/],
    [{ limit: -1 }, /limit/],
    [{ priority: 'high' }, /priority/],
    [{ events: 'a' }, /events/],
    [{ listener: 5 }, /listener must be a function/],
    [null, /options/],
  ];
  for (const [options, message] of wrong) expect(() => bus.replay(options as BusReplayOptions)).toThrow(message);
  expect(heard).not.toHaveBeenCalled();
});
