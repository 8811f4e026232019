/** Bugs of event logs that are for strict ones: what is given and taken, how much, and in which order. */
import type { JsonlEventReplayStorage, NewEvent } from '../ts/index.js';
import { asking, bringing, failuresOfOurs, giving, naming, tick } from './support/planted-logs.js';
import { testThatEachIsCaught, type Bug, type Planted } from './support/planted.js';

type Ours = JsonlEventReplayStorage;

const RICH = 'should give values back that are more than JSON';
const VALUES = 'should give every value back equal, or refuse it and keep the events around it';
const CHARACTERS = 'should keep every character of a huge payload, and of everything that is a text';
const IDS = 'should tell all sessions apart, and keep every id of an event';
const UUIDS = 'should give ids by itself that are UUIDs of version 7';
const REFUSED = 'should refuse what is no id, no event and no option, and store nothing';
const THOUSANDS = 'should take thousands of events at once, each session in the order of its calls';
const OPTIONS = 'should bring what any options together ask for';
const BEGUN = 'should bear with replays that are begun and never ended, and with what fails inside of them';
const CLEANED = 'should keep what is appended while it cleans up';
const CONSISTENT = 'should bring all that a replay has begun with, although it is cleaned up meanwhile';
const FAILS = 'should keep an append that fails from touching those before and after it';
const ERASE_ORDER = 'should erase what was appended before, waited for or not, and nothing that comes later';
const TAIL_LEFT = 'should let go of a tail that is left while it waits';
const ERR_CLOSED = 'should refuse with ERR_CLOSED what comes after it was closed, and end what waits';

/** A payload is copied in another way. */
const copying = (copy: (payload: unknown) => unknown): Bug<Ours> =>
  giving((event) => ('payload' in event ? { ...event, payload: copy(event.payload) } : event));

const assigned = (value: unknown): unknown => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const copy: Record<string, unknown> = {};
  for (const [name, member] of Object.entries(value)) copy[name] = assigned(member);
  return copy;
};

/** One bug each, planted into a log that has none, and the test that must catch it. */
const planted: Planted<Ours> = {
  'values are JSON': [
    copying((value) => {
      const text = JSON.stringify(value, (_, one: unknown) => (typeof one === 'bigint' ? `${one}` : one)) ?? 'null';
      return JSON.parse(text) as unknown;
    }),
    RICH,
  ],
  'functions are left out': [
    copying((value) => {
      const { value: inner } = (value ?? {}) as { value?: object };
      return Object.values(inner ?? {}).some((one) => typeof one === 'function') ? { value: {} } : value;
    }),
    VALUES,
  ],
  'a member called __proto__ is assigned': [copying(assigned), VALUES],
  'a value that is refused is there all the same': [
    (log) => ({
      append: async (id, event) =>
        log.append(id, event).catch(async (error: unknown) => {
          await log.append(id, { topic: 'value', agentId: event.agentId as string });
          throw error;
        }),
    }),
    VALUES,
  ],
  'characters of four bytes are lost': [
    copying((value) =>
      Array.isArray(value)
        ? value.map((one) => (typeof one === 'string' ? one.replace(/[\u{10000}-\u{10ffff}]/gu, '?') : one))
        : value,
    ),
    CHARACTERS,
  ],
  'topics are trimmed': [giving((event) => ({ ...event, topic: event.topic?.trim() })), CHARACTERS],
  'names of sessions are trimmed': [naming((id) => (typeof id === 'string' ? id.trim() || id : id)), IDS],
  'names of sessions are normalised': [naming((id) => (typeof id === 'string' ? id.normalize() : id)), IDS],
  'ids of events are trimmed': [
    giving((event) =>
      typeof event.id === 'string' && event.id !== '' ? { ...event, id: event.id.trim() || 'x' } : event,
    ),
    IDS,
  ],
  'ids are those of randomUUID()': [giving((event) => ({ id: crypto.randomUUID(), ...event })), UUIDS],
  'an unknown priority is normal': [
    giving(
      (event) => ({ ...event, ...((event?.priority as string) === 'urgent' && { priority: 'normal' }) }) as NewEvent,
    ),
    REFUSED,
  ],
  'a limit below 0 is 0': [
    asking((options) =>
      (options?.limit ?? 0) < 0 || (options?.last ?? 0) < 0 ? { ...options, limit: 0, last: 0 } : options,
    ),
    REFUSED,
  ],
  'what there is no room for is dropped': [
    (log) => {
      let waiting = 0;
      return {
        append: async (id, event) => {
          if (waiting >= 2_500) return { seq: 0, id: '', timestamp: 0 };
          waiting += 1;
          return log.append(id, event).finally(() => (waiting -= 1));
        },
      };
    },
    THOUSANDS,
  ],
  'the last of something are looked for among the last fifty': [
    bringing((events, { last }) => (last === undefined ? events : events.filter((_, at) => at >= events.length - 30))),
    OPTIONS,
  ],
  'until is heard where there is no limit': [
    asking(({ until, ...options }) =>
      until === undefined || (options.limit !== undefined && options.last !== undefined)
        ? options
        : { ...options, until },
    ),
    OPTIONS,
  ],
  'a replay that is begun holds up a clean-up': [
    (log) => {
      let open = 0;
      return {
        async *replay(id, options) {
          if ((open += 1) > 40) throw new Error('too many open files');
          try {
            yield* log.replay(id, options);
          } finally {
            open -= 1;
          }
        },
      };
    },
    BEGUN,
  ],
  'what is appended while it cleans up is lost': [
    (log) => {
      let cleaning = 0;
      return {
        append: async (id, event) => (cleaning > 0 ? { seq: 0, id: '', timestamp: 0 } : log.append(id, event)),
        cleanup: async (retentionMs) => {
          cleaning += 1;
          return log.cleanup(retentionMs).finally(() => (cleaning -= 1));
        },
      };
    },
    CLEANED,
  ],
  'a clean-up ends a replay': [
    (log) => {
      let cleaned = 0;
      return {
        cleanup: async (retentionMs) => ((cleaned += 1), log.cleanup(retentionMs)),
        async *replay(id, options) {
          const before = cleaned;
          for await (const event of log.replay(id, options)) {
            if (cleaned > before) return;
            yield event;
          }
        },
      };
    },
    CONSISTENT,
  ],
  'an append that fails takes the next one along': [
    (log) => {
      let failed: Promise<unknown> = Promise.resolve();
      return {
        append: async (id, event) => {
          const before = failed;
          const appending = log.append(id, event);
          failed = appending;
          failed.catch(() => undefined);
          await before;
          return appending;
        },
      };
    },
    FAILS,
  ],
  'a tail that is left waits for the next event': [
    (log) => ({
      async *tail(id, options) {
        yield* log.tail(id, options);
      },
    }),
    TAIL_LEFT,
  ],
  'erasing waits for the loop': [
    (log) => ({ eraseSession: async (id) => (await tick(), log.eraseSession(id)) }),
    ERASE_ORDER,
  ],
  'once it is closed everything fails, without a code': [
    (log) => {
      let closed = false;
      return {
        close: async () => ((closed = true), log.close()),
        append: async (id, event) => (closed ? Promise.reject(new Error('closed')) : log.append(id, event)),
      };
    },
    ERR_CLOSED,
  ],
};

testThatEachIsCaught(planted, failuresOfOurs({ strict: true, values: 'all' }));
