/** Bugs of event logs that are kept over a restart, know their sessions, erase, count, verify, flush, or can be closed. */
import type { JsonlEventReplayStorage, NewEvent } from '../ts/index.js';
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
const CLOSED = 'should be closed as often as one likes, and take and bring nothing afterwards';
const LANDS = 'should let land what was appended before it was closed';

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
  'numbers begin anew with an erasure': [
    (log) => {
      const last = new Map<string, number>();
      const erased = new Map<string, number>();
      return {
        append: async (id, event) => {
          const receipt = await log.append(id, event);
          last.set(id, receipt.seq);
          return { ...receipt, seq: receipt.seq - (erased.get(id) ?? 0) };
        },
        async *replay(id, { afterSeq = 0, ...options } = {}) {
          const before = erased.get(id) ?? 0;
          for await (const event of log.replay(id, { ...options, afterSeq: afterSeq + before }))
            yield { ...event, seq: event.seq - before };
        },
        eraseSession: async (id) => (erased.set(id, last.get(id) ?? 0), log.eraseSession(id)),
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
  'a flush waits for nothing': [
    (log) => {
      // What is appended is stored once somebody has looked whether it is.
      const waiting: (() => void)[] = [];
      return {
        append: async (id, event) => {
          const copy = structuredClone(event);
          await new Promise<void>((stored) => waiting.push(stored));
          return log.append(id, copy);
        },
        flush: async () => undefined,
        async *replay(id, options) {
          yield* log.replay(id, options);
          for (const stored of waiting.splice(0)) stored();
        },
      };
    },
    FLUSH,
  ],
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
