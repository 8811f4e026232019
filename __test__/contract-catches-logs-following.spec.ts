/** Bugs of event logs that bring what comes as well. */
import type { Event, JsonlEventReplayStorage } from '../ts/index.js';
import { failuresOfOurs } from './support/planted-logs.js';
import { testThatEachIsCaught, type Bug, type Planted } from './support/planted.js';

type Ours = JsonlEventReplayStorage;

const FOLLOW = 'should bring what is there and then what comes, each once and in order';
const MEANWHILE = 'should bring what is appended while its reader is still at what was there';
const CONSUMED = 'should bring what is appended while its consumer is still at what was there';
const OWN = 'should give everybody who follows events of his own';
const BEHIND = 'should begin behind a number, and heed priorities and topics';
const TAIL_ENDS = 'should end with an error by its signal, and at once when it is left';
const CONSUMER = 'should go on behind what was acknowledged, each by its own name, also after a restart';
const COMES = 'should bring what comes, of its session and topics';
const ONE = 'should have one consumer of a name and session at a time';

/** Something else is made of what a tail brings. */
const tailing =
  (change: (events: AsyncIterable<Event>, options?: Parameters<Ours['tail']>[1]) => AsyncIterable<Event>): Bug<Ours> =>
  (log) => ({ tail: (id, options) => change(log.tail(id, options), options) as ReturnType<Ours['tail']> });

/** It begins to listen once all is brought that was there. */
async function* listeningLate(log: Ours, id: string, options?: Parameters<Ours['tail']>[1]): AsyncGenerator<Event> {
  yield* log.replay(id, { priority: 'all', ...options });
  let newest = 0;
  for await (const { seq } of log.replay(id, { priority: 'all', last: 1 })) newest = seq;
  yield* log.tail(id, { ...options, afterSeq: newest });
}

/** Something else is made of a consumer. */
const consumer =
  (change: (made: Awaited<ReturnType<Ours['subscribe']>>) => object): Bug<Ours> =>
  (log) => ({
    subscribe: async (id, name, options) => {
      const made = await log.subscribe(id, name, options);
      const changed = change(made);
      return new Proxy(made, {
        get: (target, member) => {
          const found: unknown = Reflect.get(member in changed ? changed : target, member, target);
          return typeof found === 'function' ? (found as () => unknown).bind(target) : found;
        },
      });
    },
  });

/** One bug each, planted into a log that has none, and the test that must catch it. */
const planted: Planted<Ours> = {
  'what comes first is lost': [
    tailing(async function* (events) {
      let place = 0;
      for await (const event of events) if ((place += 1) !== 4) yield event;
    }),
    FOLLOW,
  ],
  'what a tail brings last comes twice': [
    tailing(async function* (events) {
      for await (const event of events) {
        yield event;
        if (event.payload === 1) yield event;
      }
    }),
    FOLLOW,
  ],
  'a tail brings what is critical': [
    (log) => ({ tail: (id, options) => log.tail(id, { priority: 'critical', ...options }) }),
    FOLLOW,
  ],
  'a tail begins with the last event': [
    (log) => ({
      async *tail(id, options) {
        let last = 0;
        for await (const { seq } of log.replay(id, { priority: 'all', last: 1 })) last = seq;
        yield* log.tail(id, { ...options, afterSeq: last - 1 });
      },
    }),
    FOLLOW,
  ],
  'a tail listens once it has brought what was there': [
    (log) => ({ tail: (id, options) => listeningLate(log, id, options) as unknown as ReturnType<Ours['tail']> }),
    MEANWHILE,
  ],
  'a consumer listens once it has brought what was there': [
    (log) => ({
      subscribe: async (id, name, options) => {
        const made = await log.subscribe(id, name, options);
        const bug = consumer(() => ({ [Symbol.asyncIterator]: () => listeningLate(log, id, options) }));
        return (await bug({ subscribe: async () => made } as unknown as Ours).subscribe?.(id, name)) ?? made;
      },
    }),
    CONSUMED,
  ],
  'all who follow get the same event': [
    (log) => {
      const given = new Map<string, Event>();
      const shared = (event: Event): Event => given.get(event.id) ?? (given.set(event.id, event), event);
      return tailing(async function* (events) {
        for await (const event of events) yield shared(event);
      })(log);
    },
    OWN,
  ],
  'the signal of a tail ends it with an error of its own': [
    tailing(async function* (events, options) {
      try {
        yield* events;
      } catch (error) {
        throw options?.signal?.aborted === true ? new DOMException('This operation was aborted', 'AbortError') : error;
      }
    }),
    TAIL_ENDS,
  ],
  'a tail begins at the beginning': [
    (log) => ({ tail: (id, options) => log.tail(id, { ...options, afterSeq: 0 }) }),
    BEHIND,
  ],
  'the signal of a tail ends it as if that were all': [
    tailing(async function* (events, options) {
      try {
        yield* events;
      } catch (error) {
        if (options?.signal?.aborted !== true) throw error;
      }
    }),
    TAIL_ENDS,
  ],
  'what is acknowledged is forgotten': [consumer(() => ({ ack: async () => undefined })), CONSUMER],
  'an earlier acknowledgement takes back': [
    (log) => {
      const positions = new Map<string, number>();
      return {
        subscribe: async (id, name, options) => {
          const made = await log.subscribe(id, name, options);
          const key = `${id} ${name}`;
          return {
            ack: async (event: Event) => void positions.set(key, event.seq),
            close: () => made.close(),
            get position() {
              return positions.get(key) ?? 0;
            },
            [Symbol.asyncIterator]: () => log.tail(id, { ...options, afterSeq: positions.get(key) ?? 0 }),
          } as unknown as typeof made;
        },
      };
    },
    CONSUMER,
  ],
  'what was brought counts as acknowledged': [
    consumer((made) => ({
      async *[Symbol.asyncIterator]() {
        for await (const event of made) {
          await made.ack(event);
          yield event;
        }
      },
    })),
    CONSUMER,
  ],
  'all consumers have one position': [(log) => ({ subscribe: (id) => log.subscribe(id, 'consumer') }), CONSUMER],
  'a consumer hears of every topic': [(log) => ({ subscribe: (id, name) => log.subscribe(id, name) }), COMES],
  'a name may be had twice': [
    (log) => {
      const made = new Map<string, ReturnType<Ours['subscribe']>>();
      return {
        subscribe: (id, name, options) => {
          const before = made.get(`${id} ${name}`);
          const one = log
            .subscribe(id, name, options)
            .catch(async (error: unknown) => (await before) ?? Promise.reject(error));
          made.set(`${id} ${name}`, one);
          return one;
        },
      };
    },
    ONE,
  ],
  'a name is had in all sessions': [
    (log) => ({ subscribe: (_id, name, options) => log.subscribe('session', name, options) }),
    ONE,
  ],
};

// What is lost is waited for, a quarter of this.
testThatEachIsCaught(planted, failuresOfOurs({ timeoutMs: 12_000 }));
