/** Bugs of event logs that are written in an afternoon: what a replay of theirs brings. */
import type { Event, EventReplayStorage } from '../ts/index.js';
import { asking, bringing, failuresOfPlain, without } from './support/planted-logs.js';
import { testThatEachIsCaught, type Bug, type Planted } from './support/planted.js';

type Log = EventReplayStorage;

const PRIORITY = 'should bring critical events only, unless it is asked for all';
const UNKNOWN = 'should bring nothing of a session that it does not have';
const TIMES = 'should bring what is not older than since, nor younger than until';
const ANY_TIME = 'should take any number for a time, 0 as well';
const AFTER = 'should bring what comes after a number';
const TOPICS = 'should bring the topics that it is asked for, by their whole names';
const COUNTS = 'should bring the newest by last, and of these the oldest by limit';
const ALL = 'should bring what all options together ask for';
const ORDER = 'should bring events in the order in which they were appended, whatever their times and ids';
const SIGNAL = 'should end with an error by its signal, before its first event and between two';
const MANY = 'should bring all of many events, more than are read at a time, unless its signal ends it';
const LEFT = 'should be left early, and begun again, as often as one likes';
const ENDS = 'should end although events are appended meanwhile, with each of before once';

/** One replay at a time: a second one takes the place of the first. */
const oneCursor: Bug<Log> = (log) => {
  let current = 0;
  return {
    async *replay(id, options) {
      const mine = (current += 1);
      for await (const event of log.replay(id, options)) {
        if (mine !== current) return;
        yield event;
      }
    },
  };
};

/** One bug each, planted into a log that has none, and the test that must catch it. */
const planted: Planted<Log> = {
  'a replay brings all, unless it is asked for critical ones': [
    asking((options) => ({ priority: 'all', ...options })),
    PRIORITY,
  ],
  'without options a replay brings all': [
    (log) => ({ replay: (id, options) => log.replay(id, options ?? { priority: 'all' }) }),
    PRIORITY,
  ],
  'a session that there is not is an error': [
    bringing((events) => {
      if (events.length === 0) throw new Error('no such session');
      return events;
    }),
    UNKNOWN,
  ],
  'since is exclusive': [
    asking(({ since, ...options }) => (since === undefined ? options : { ...options, since: since + 1 })),
    TIMES,
  ],
  'until is exclusive': [
    asking(({ until, ...options }) => (until === undefined ? options : { ...options, until: until - 1 })),
    TIMES,
  ],
  'until is heard without since only': [
    asking(({ until, ...options }) =>
      until === undefined || options.since !== undefined ? options : { ...options, until },
    ),
    TIMES,
  ],
  'a since of 0 is none': [asking(({ since, ...options }) => (since ? { ...options, since } : options)), ANY_TIME],
  'an until of 0 is none': [asking(({ until, ...options }) => (until ? { ...options, until } : options)), ANY_TIME],
  'afterSeq is inclusive': [
    asking(({ afterSeq, ...options }) => (afterSeq === undefined ? options : { ...options, afterSeq: afterSeq - 1 })),
    AFTER,
  ],
  'afterSeq goes unheard': [asking((options) => without(options, 'afterSeq')), AFTER],
  'no topics are all topics': [
    asking(({ topics, ...options }) =>
      topics === undefined || topics.length === 0 ? options : { ...options, topics },
    ),
    TOPICS,
  ],
  'topics are beginnings': [
    (log) => ({
      async *replay(id, { topics, ...options } = {}) {
        for await (const event of log.replay(id, options))
          if (topics?.some((topic) => event.topic.startsWith(topic)) ?? true) yield event;
      },
    }),
    TOPICS,
  ],
  'the last 0 are all': [
    asking(({ last, ...options }) => (last === undefined || last === 0 ? options : { ...options, last })),
    COUNTS,
  ],
  'a limit of 0 is none': [
    asking(({ limit, ...options }) => (limit === undefined || limit === 0 ? options : { ...options, limit })),
    COUNTS,
  ],
  'the limit comes before the last': [
    (log) => ({
      async *replay(id, { last, ...options } = {}) {
        const found: Event[] = [];
        for await (const event of log.replay(id, options)) found.push(event);
        yield* last === undefined ? found : found.slice(Math.max(0, found.length - last));
      },
    }),
    COUNTS,
  ],
  'the last are counted before the filters': [
    (log) => ({
      async *replay(id, { last, ...options } = {}) {
        const newest: Event[] = [];
        for await (const event of log.replay(id, { priority: 'all', ...(last !== undefined && { last }) }))
          newest.push(event);
        for await (const event of log.replay(id, options)) if (newest.some(({ id }) => id === event.id)) yield event;
      },
    }),
    ALL,
  ],
  'events come by their times': [
    bringing((events) => events.sort((one, other) => one.timestamp - other.timestamp)),
    ORDER,
  ],
  'events come by their ids': [bringing((events) => events.sort((one, other) => (one.id < other.id ? -1 : 1))), ORDER],
  'a signal goes unheard': [asking((options) => without(options, 'signal')), SIGNAL],
  'a signal is looked at once': [
    (log) => ({
      async *replay(id, { signal, ...options } = {}) {
        signal?.throwIfAborted();
        yield* log.replay(id, options);
      },
    }),
    SIGNAL,
  ],
  'a signal ends it as if that were all': [
    (log) => ({
      async *replay(id, { signal, ...options } = {}) {
        const isOver = (): boolean => signal?.aborted === true;
        if (isOver()) return;
        for await (const event of log.replay(id, options)) {
          if (isOver()) return;
          yield event;
        }
      },
    }),
    SIGNAL,
  ],
  'a signal ends it with an error of its own': [
    (log) => ({
      async *replay(id, { signal, ...options } = {}) {
        const look = (): void => {
          if (signal?.aborted === true) throw new DOMException('This operation was aborted', 'AbortError');
        };
        look();
        for await (const event of log.replay(id, options)) {
          yield event;
          look();
        }
      },
    }),
    SIGNAL,
  ],
  'a signal is heard at the end': [
    (log) => ({
      async *replay(id, { signal, ...options } = {}) {
        yield* log.replay(id, options);
        signal?.throwIfAborted();
      },
    }),
    MANY,
  ],
  'a replay brings its first page': [bringing((events) => events.slice(0, 100)), MANY],
  'a replay brings no more than a thousand': [bringing((events) => events.slice(0, 1_000)), MANY],
  'the last is that of the first page': [
    (log) => ({
      async *replay(id, { last, ...options } = {}) {
        const page: Event[] = [];
        for await (const event of log.replay(id, options))
          if (last === undefined || page.length < 1_000) page.push(event);
        yield* last === undefined ? page : page.slice(Math.max(0, page.length - last)).slice(0, options.limit);
      },
    }),
    MANY,
  ],
  'what comes after a number is looked for in the first page': [
    (log) => ({
      async *replay(id, { afterSeq, ...options } = {}) {
        let place = 0;
        for await (const event of log.replay(id, options))
          if (afterSeq === undefined || ((place += 1) <= 1_000 && event.seq > afterSeq)) yield event;
      },
    }),
    MANY,
  ],
  'a replay that is left keeps its place': [
    (log) => {
      let open = 0;
      return {
        async *replay(id, options) {
          if (open >= 16) throw new Error('too many open files');
          open += 1;
          for await (const event of log.replay(id, options)) yield event;
          open -= 1;
        },
      };
    },
    LEFT,
  ],
  'a second replay ends the first': [oneCursor, LEFT],
  'a replay brings what comes as well': [
    (log) => ({
      async *replay(id, { afterSeq = 0, ...options } = {}) {
        for (let after = afterSeq, any = true; any;) {
          any = false;
          for await (const event of log.replay(id, { ...options, afterSeq: after })) {
            yield event;
            [after, any] = [event.seq, true];
          }
        }
      },
    }),
    ENDS,
  ],
};

testThatEachIsCaught(planted, failuresOfPlain);
