/** Bugs of event logs that do more than every log must. */
import type { Event, JsonlEventReplayStorage, NewEvent } from '../ts/index.js';
import { bringing, failuresOfOurs, tick } from './support/planted-logs.js';
import { testThatEachIsCaught, type Bug, type Planted } from './support/planted.js';

type Ours = JsonlEventReplayStorage;

const RESTART = 'should keep everything over a restart, unless it says that it does not';
const NUMBERS = 'should never give a number twice, also where the last ones were cleaned up before a restart';
const BUS = 'should keep what a bus sends it, in order, each with whose it is';
const METHODS = 'should have every method that it is said to have';
const SESSIONS = 'should have the id of every session that has events, once';
const ERASE = 'should erase everything of a session, once, and nothing of another';
const ANEW = 'should begin a session anew that was erased';
const ARCHIVE = 'should erase what was cleaned up as well';
const FLUSH = 'should have stored by the end of a flush what was appended before it';
const STATS = 'should count events and sessions';
const VERIFY = 'should find nothing damaged in what it has just stored, and count it';
const FOLLOW = 'should bring what is there and then what comes, each once and in order';
const BEHIND = 'should begin behind a number, and heed priorities and topics';
const TAIL_ENDS = 'should end with an error by its signal, and at once when it is left';
const CONSUMER = 'should go on behind what was acknowledged, each by its own name, also after a restart';
const COMES = 'should bring what comes, of its session and topics';
const ONE = 'should have one consumer of a name and session at a time';
const CLOSED = 'should be closed as often as one likes, and take and bring nothing afterwards';
const LANDS = 'should let land what was appended before it was closed';

/** Something else is made of what a tail brings. */
const tailing =
  (change: (events: AsyncIterable<Event>, options?: Parameters<Ours['tail']>[1]) => AsyncIterable<Event>): Bug<Ours> =>
  (log) => ({ tail: (id, options) => change(log.tail(id, options), options) as ReturnType<Ours['tail']> });

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

/** What is appended gets to the log a turn of the loop later. */
const late: Bug<Ours> = (log) => ({
  append: async (id, event) => {
    const copy = structuredClone(event);
    await tick();
    return log.append(id, copy);
  },
});

/** One bug each, planted into a log that has none, and the test that must catch it. */
const planted: Planted<Ours> = {
  'it says that it is not persistent, and is': [() => ({ persistent: false }) as Partial<Ours>, RESTART],
  'only what is critical is kept over a restart': [
    (log) => {
      const mine = new Set<string>();
      return {
        append: async (id, event) => {
          const receipt = await log.append(id, event);
          mine.add(receipt.id);
          return receipt;
        },
        ...bringing<Ours>((events) => events.filter(({ id, priority }) => mine.has(id) || priority === 'critical'))(
          log,
        ),
      };
    },
    RESTART,
  ],
  'after a restart it numbers from 1': [
    (log) => {
      const seqs = new Map<string, number>();
      return {
        append: async (id, event) => {
          const receipt = await log.append(id, event);
          seqs.set(receipt.id, seqs.size + 1);
          return receipt;
        },
        async *replay(id, { afterSeq = 0, ...options } = {}) {
          for await (const event of log.replay(id, options)) {
            const seq = seqs.get(event.id) ?? event.seq;
            if (seq > afterSeq) yield { ...event, seq };
          }
        },
      };
    },
    NUMBERS,
  ],
  'what comes by the short road is dropped': [
    (log) => ({
      openEventStream: (settled) => {
        const stream = log.openEventStream(settled);
        return stream && { ...stream, add: () => settled({ events: 1, characters: 0, failures: [] }) };
      },
    }),
    BUS,
  ],
  'a method is missing': [() => ({ verify: undefined as never }), METHODS],
  'sessions that were asked for are sessions': [
    (log) => {
      const asked = new Set<string>();
      return {
        async *replay(id, options) {
          asked.add(id);
          yield* log.replay(id, options);
        },
        sessions: async () => [...new Set([...(await log.sessions()), ...asked])],
      };
    },
    SESSIONS,
  ],
  'a session is listed for each event': [
    (log) => ({
      sessions: async () => {
        const ids = await log.sessions();
        return [...ids, ...ids];
      },
    }),
    SESSIONS,
  ],
  'everybody gets the same list of sessions': [
    (log) => {
      let [known, list]: [string, string[]] = ['', []];
      return {
        sessions: async () => {
          const now = await log.sessions();
          if (now.join() !== known) [known, list] = [now.join(), now];
          return list;
        },
      };
    },
    SESSIONS,
  ],
  'erasing always says yes': [(log) => ({ eraseSession: async (id) => (await log.eraseSession(id), true) }), ERASE],
  'erasing leaves the list of sessions': [
    (log) => {
      const ids = new Set<string>();
      return {
        append: async (id, event) => (ids.add(id), log.append(id, event)),
        sessions: async () => [...ids],
      };
    },
    ERASE,
  ],
  'erasing goes by beginnings': [
    (log) => ({
      eraseSession: async (id) => {
        const all = (await log.sessions()).filter((other) => other.startsWith(id));
        return (await Promise.all(all.map((other) => log.eraseSession(other)))).includes(true);
      },
    }),
    ERASE,
  ],
  'erasing leaves what is normal': [
    (log) => ({
      eraseSession: async (id) => {
        const kept: NewEvent[] = [];
        for await (const { topic } of log.replay(id, { priority: 'all' })) if (topic === 'step') kept.push({ topic });
        const erased = await log.eraseSession(id);
        for (const event of kept) await log.append(id, event);
        return erased;
      },
    }),
    ERASE,
  ],
  'what was erased stays so': [
    (log) => {
      const erased = new Set<string>();
      return {
        eraseSession: async (id) => (erased.add(id), log.eraseSession(id)),
        ...bringing<Ours>((events, _, id) => (erased.has(id) ? [] : events))(log),
      };
    },
    ANEW,
  ],
  'erasing leaves the archive': [
    (log) => ({
      eraseSession: async (id) => {
        for await (const event of log.replay(id)) if (event.seq > 0) return log.eraseSession(id);
        return false;
      },
    }),
    ARCHIVE,
  ],
  'a flush waits for nothing': [(log) => ({ ...late(log), flush: async () => undefined }), FLUSH],
  'statistics are made up': [
    (log) => ({ getStats: async () => ({ ...(await log.getStats()), events: 1, sessions: 1 }) }),
    STATS,
  ],
  'what was erased is counted': [
    (log) => {
      let events = 0;
      return {
        append: async (id, event) => ((events += 1), log.append(id, event)),
        getStats: async () => ({ ...(await log.getStats()), events }),
      };
    },
    STATS,
  ],
  'verifying looks at nothing': [
    (log) => ({ verify: async (id) => ({ ...(await log.verify(id)), events: 0 }) }),
    VERIFY,
  ],
  'verifying one session looks at all': [(log) => ({ verify: async () => log.verify() }), VERIFY],
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
  'a second close fails': [
    (log) => {
      let closed = 0;
      return { close: async () => ((closed += 1) > 1 ? Promise.reject(new Error('closed')) : log.close()) };
    },
    CLOSED,
  ],
  'what comes after it was closed is dropped': [
    (log) => {
      let closed = false;
      return {
        append: async (id, event) => (closed ? { seq: 0, id: '', timestamp: 0 } : log.append(id, event)),
        close: async () => ((closed = true), log.close()),
      };
    },
    CLOSED,
  ],
  'what is under way when it is closed is dropped': [late, LANDS],
};

testThatEachIsCaught(planted, failuresOfOurs({}));
