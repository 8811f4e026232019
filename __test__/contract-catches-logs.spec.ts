/** Bugs of event logs that are written in an afternoon: what they store, and what they keep. */
import { setTimeout as delay } from 'node:timers/promises';

import type { AppendReceipt, Event, EventReplayStorage, NewEvent } from '../ts/index.js';
import { bringing, failuresOfPlain, giving, naming, reporting, without } from './support/planted-logs.js';
import { testThatEachIsCaught, type Bug, type Planted } from './support/planted.js';

type Log = EventReplayStorage;

const GIVEN = 'should give an event back with all that it was given, and no more than it needs';
const OWN = 'should give every event a number, an id and a time, where it has none';
const CRITICAL = 'should take for critical what agents must learn, unless the event says otherwise';
const RECEIPT = 'should answer with what the event is known by, or with nothing';
const PAYLOADS = 'should give payloads of every JSON type back';
const COPIES = 'should store an event as it is at the call, and give everybody one of their own';
const APART = 'should keep sessions apart';
const TOGETHER = 'should take many events at once, those of a session in the order of their calls';
const BUS = 'should keep what a bus sends it, in order, each with whose it is';
const ANEW = 'should number an event anew that a replay has brought, or refuse it';
const WITHIN = 'should keep what is within the retention, by the times of the events';
const NOTHING_OLD = 'should do nothing where nothing is old';
const REPORT = 'should report no more than is gone, and not nothing where something is';
const ANY_TIME = 'should take any number for a time, 0 as well';
const NUMBERS = 'should take events after a clean-up, under numbers that it has never given';
const RESTART = 'should keep everything over a restart, unless it says that it does not';

const receipt =
  (change: (receipt: AppendReceipt) => AppendReceipt): Bug<Log> =>
  (log) => ({ append: async (id, event) => change((await log.append(id, event)) as AppendReceipt) });

const cleanup = (clean: (log: Log, retentionMs: number) => ReturnType<Log['cleanup']>): Bug<Log> => {
  return (log) => ({ cleanup: (retentionMs) => clean(log, retentionMs) });
};

/** Numbers are places in the list of what there is. */
const numberedByPlace: Bug<Log> = (log) => ({
  append: async (id, event) => void (await log.append(id, event)),
  async *replay(id, { afterSeq = 0, last, limit, ...options } = {}) {
    const all: Event[] = [];
    for await (const event of log.replay(id, { priority: 'all' })) all.push({ ...event, seq: all.length + 1 });
    const ids = new Set<string>();
    for await (const event of log.replay(id, options)) ids.add(event.id);
    const found = all.filter((event) => ids.has(event.id) && event.seq > afterSeq);
    yield* found.slice(last === undefined ? 0 : Math.max(0, found.length - last)).slice(0, limit);
  },
});

/** One bug each, planted into a log that has none, and the test that must catch it. */
const planted: Planted<Log> = {
  'metadata are left out': [giving((event) => without(event, 'metadata')), GIVEN],
  'ids that are given are replaced': [giving((event) => without(event, 'id')), GIVEN],
  'times that are given are replaced': [giving((event) => without(event, 'timestamp')), GIVEN],
  'times are those of whole seconds': [
    giving((event) => ({ ...event, timestamp: Math.floor((event.timestamp ?? Date.now()) / 1000) * 1000 })),
    GIVEN,
  ],
  'a time of 0 is none': [giving((event) => ({ ...event, timestamp: event.timestamp || Date.now() })), ANY_TIME],
  'times are whole': [
    giving((event) => ({ ...event, timestamp: Math.floor(event.timestamp ?? Date.now()) })),
    ANY_TIME,
  ],
  'times are not below 0': [
    giving((event) => ({ ...event, timestamp: Math.max(0, event.timestamp ?? Date.now()) })),
    ANY_TIME,
  ],
  'what is missing is null': [
    bringing((events) => events.map((event) => ({ ...event, agentId: event.agentId ?? (null as never) }))),
    GIVEN,
  ],
  'numbers begin with 0': [
    (log) => ({
      async *replay(id, { afterSeq = -1, ...options } = {}) {
        for await (const event of log.replay(id, { ...options, afterSeq: afterSeq + 1 }))
          yield { ...event, seq: event.seq - 1 };
      },
    }),
    OWN,
  ],
  'all events have one id': [giving((event) => ({ id: 'event', ...event })), OWN],
  'times are seconds': [giving((event) => ({ timestamp: Math.floor(Date.now() / 1000), ...event })), OWN],
  'what agents must learn is normal': [giving((event) => ({ priority: 'normal', ...event })), CRITICAL],
  'what agents must learn is critical, whatever the event says': [
    giving((event) => (event.topic === 'agent_handoff' ? { ...event, priority: 'critical' } : event)),
    CRITICAL,
  ],
  'a receipt has the number of before': [receipt((told) => ({ ...told, seq: told.seq - 1 })), RECEIPT],
  'a receipt has no time': [receipt((told) => without(told, 'timestamp')), RECEIPT],
  'a payload that is nothing is none': [
    giving((event) => (event.payload ? event : without(event, 'payload'))),
    PAYLOADS,
  ],
  'texts are trimmed': [
    giving((event) => (typeof event.payload === 'string' ? { ...event, payload: event.payload.trim() } : event)),
    PAYLOADS,
  ],
  'texts are cut off': [
    giving((event) =>
      typeof event.payload === 'string' ? { ...event, payload: event.payload.slice(0, 65_535) } : event,
    ),
    PAYLOADS,
  ],
  'the event is stored when the loop gets to it': [
    (log) => ({ append: async (id, event) => (await Promise.resolve(), log.append(id, event)) }),
    COPIES,
  ],
  'the event is copied at its own level only': [
    (log) => ({
      append: async (id, event) => {
        const copy = { ...event };
        await Promise.resolve();
        return log.append(id, copy);
      },
    }),
    COPIES,
  ],
  'metadata are copied at their own level only': [
    (log) => ({
      append: async (id, event) => {
        const copy = structuredClone(event);
        if (event.metadata !== undefined) copy.metadata = { ...event.metadata };
        await Promise.resolve();
        return log.append(id, copy);
      },
    }),
    COPIES,
  ],
  'everybody gets the same inside of metadata': [
    (log) => {
      const given = new Map<string, Event['metadata']>();
      const shared = ({ metadata = {}, ...event }: Event): Event => {
        given.set(event.id, given.get(event.id) ?? metadata);
        return { ...event, metadata: { ...given.get(event.id) } };
      };
      return bringing<Log>((events) => events.map((event) => (event.metadata ? shared(event) : event)))(log);
    },
    COPIES,
  ],
  'everybody gets the same event': [
    (log) => {
      const given = new Map<string, Event>();
      const shared = (event: Event): Event => given.get(event.id) ?? (given.set(event.id, event), event);
      return bringing<Log>((events) => events.map(shared))(log);
    },
    COPIES,
  ],
  'the number is put into the event that was given': [
    (log) => ({ append: async (id, event) => Object.assign(event, await log.append(id, event)) }),
    COPIES,
  ],
  'sessions are told apart by their letters, not by their case': [naming((id) => id.toLowerCase()), APART],
  'names of sessions are cut off': [naming((id) => id.slice(0, 44)), APART],
  'an id is there once': [
    (log) => {
      const known = new Set<string>();
      return {
        append: async (id, event) => {
          if (event.id !== undefined && known.has(event.id)) return;
          if (event.id !== undefined) known.add(event.id);
          return log.append(id, event);
        },
      };
    },
    APART,
  ],
  'large events take longer': [
    (log) => ({
      append: async (id, event) => {
        const copy = JSON.parse(JSON.stringify(event)) as NewEvent;
        if (JSON.stringify(event).length > 60_000) await delay(5);
        return log.append(id, copy);
      },
    }),
    TOGETHER,
  ],
  'of events at once some have one number': [
    bringing((events) => events.map((event) => ({ ...event, seq: Math.ceil(event.seq / 4) }))),
    TOGETHER,
  ],
  'whose an event is, is told by its payload': [giving((event) => without(event, 'agentId', 'conversationId')), BUS],
  'it says that it is done with an event at once, and is not': [
    (log) => ({
      encodesAtOnce: true,
      append: async (id, event) => (await Promise.resolve(), log.append(id, event)),
    }),
    BUS,
  ],
  'the number of a replayed event is kept': [
    (log) => {
      const kept = new Map<string, number>();
      return {
        append: async (id, event) => {
          if ('seq' in event) kept.set(`${id} ${event.id}`, event.seq as number);
          return log.append(id, event);
        },
        ...bringing<Log>((events, _, id) =>
          events.map((event) => ({ ...event, seq: kept.get(`${id} ${event.id}`) ?? event.seq })),
        )(log),
      };
    },
    ANEW,
  ],
  'a retention is seconds': [cleanup((log, retentionMs) => log.cleanup(retentionMs / 1000)), WITHIN],
  'what is old takes the whole session along': [
    (log) => {
      const ids = new Set<string>();
      const gone = new Set<string>();
      return {
        append: async (id, event) => (ids.add(id), gone.delete(id), log.append(id, event)),
        async *replay(id, options) {
          if (!gone.has(id)) yield* log.replay(id, options);
        },
        cleanup: async (retentionMs) => {
          for (const id of ids)
            for await (const { timestamp } of log.replay(id, { priority: 'all', limit: 1 }))
              if (timestamp < Date.now() - retentionMs) gone.add(id);
        },
      };
    },
    WITHIN,
  ],
  'what is normal goes with every clean-up': [
    (log) => {
      let cleaned = false;
      return {
        cleanup: async (retentionMs) => ((cleaned = true), log.cleanup(retentionMs)),
        ...bringing<Log>((events) => events.filter(({ priority }) => !cleaned || priority === 'critical'))(log),
      };
    },
    NOTHING_OLD,
  ],
  'a report is made up': [
    cleanup(async (log, retentionMs) => (await log.cleanup(retentionMs), { archived: 1, deleted: 0, bytesFreed: 0 })),
    NOTHING_OLD,
  ],
  'a report says nothing of what it has removed': [reporting(() => 0), REPORT],
  'a report counts twice': [reporting((removed) => 2 * removed), REPORT],
  'a report says what was not counted': [
    cleanup(
      async (log, retentionMs) => (await log.cleanup(retentionMs), { archived: 0, deleted: NaN, bytesFreed: -1 }),
    ),
    WITHIN,
  ],
  'numbers are places': [numberedByPlace, NUMBERS],
  'it claims to be persistent and is not': [() => ({ persistent: true }) as Partial<Log>, RESTART],
};

testThatEachIsCaught(planted, failuresOfPlain);
