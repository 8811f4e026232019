import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';

import {
  CorruptionError,
  EventLogError,
  JsonlEventReplayStorage,
  type Event,
  type JsonlEventLogOptions,
  type NewEvent,
  type ReplayOptions,
} from '../ts/index.js';
import { runNode } from './support/child.js';
import { temporaryDirectory } from './support/temporary.js';
import { anyValue, places, refusals } from './support/values.js';

const opened: JsonlEventReplayStorage[] = [];

function open(options: JsonlEventLogOptions = {}): JsonlEventReplayStorage {
  const log = new JsonlEventReplayStorage({ directory: join(temporaryDirectory(), 'events'), ...options });
  opened.push(log);
  return log;
}

afterEach(async () => {
  await Promise.all(opened.splice(0).map((log) => log.close()));
});

async function all(log: JsonlEventReplayStorage, session: string, options: ReplayOptions = {}): Promise<Event[]> {
  const events: Event[] = [];
  for await (const event of log.replay(session, { priority: 'all', ...options })) events.push(event);
  return events;
}

async function rejection(work: Promise<unknown>): Promise<Error & { code?: string; path?: string }> {
  return work.then(
    () => {
      throw new Error('it did not reject');
    },
    (error: unknown) => error as Error & { code?: string; path?: string },
  );
}

describe('appending', () => {
  test('an event comes back with number, id, priority, time and session', async () => {
    const log = open();
    const before = Date.now();
    const first = await log.append('s', { topic: 'message', payload: { text: 'hello' }, agentId: 'a' });
    expect(first.seq).toBe(1);
    expect(first.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(first.timestamp).toBeGreaterThanOrEqual(before);
    const mine = {
      topic: 'x',
      id: 'mine',
      timestamp: 5.5,
      conversationId: 'c',
      metadata: { a: 1 },
      priority: 'critical',
    };
    expect(await log.append('s', mine as NewEvent)).toEqual({ seq: 2, id: 'mine', timestamp: 5.5 });
    expect(await all(log, 's')).toEqual([
      { ...first, sessionId: 's', topic: 'message', priority: 'normal', agentId: 'a', payload: { text: 'hello' } },
      { ...mine, seq: 2, sessionId: 's' },
    ]);
  });

  test('what agents must learn is critical when nobody says otherwise', async () => {
    const log = open();
    for (const topic of ['agent_handoff', 'plan_created', 'user_interrupted', 'orchestration_decision', 'message']) {
      await log.append('s', { topic });
    }
    await log.append('s', { topic: 'agent_handoff', priority: 'normal' });
    const critical: Event[] = [];
    for await (const event of log.replay('s')) critical.push(event);
    expect(critical.map(({ seq }) => seq)).toEqual([1, 2, 3, 4]);
  });

  test('the event is encoded within the call', async () => {
    const log = open();
    const payload = { text: 'then' };
    const appended = log.append('s', { topic: 't', payload });
    payload.text = 'now';
    await appended;
    expect((await all(log, 's'))[0]?.payload).toEqual({ text: 'then' });
  });

  test('events of one session keep the order of the calls, and many sessions go at once', async () => {
    const log = open();
    const calls = Array.from({ length: 600 }, (_, at) =>
      log.append(`s${at % 3}`, { topic: 't', payload: at }, at % 50 === 0 ? { durability: 'power' } : {}),
    );
    const receipts = await Promise.all(calls);
    expect(receipts.slice(0, 6).map(({ seq }) => seq)).toEqual([1, 1, 1, 2, 2, 2]);
    expect(await log.sessions()).toEqual(['s0', 's1', 's2']);
    expect((await all(log, 's1')).map(({ payload }) => payload)).toEqual(
      Array.from({ length: 200 }, (_, at) => at * 3 + 1),
    );
  });

  test('the line on the disk is plain JSON for anybody', async () => {
    const log = open();
    await log.append('Sess/1', { topic: 't', payload: { at: new Date(0), tags: new Set(['a']) } });
    const [name = ''] = readdirSync(join(log.directory, 'active'));
    expect(name).toBe('%53ess%2f1.jsonl');
    const line = JSON.parse(readFileSync(join(log.directory, 'active', name), 'utf8')) as object;
    expect(line).toMatchObject({
      seq: 1,
      sessionId: 'Sess/1',
      payload: { at: '1970-01-01T00:00:00.000Z', tags: ['a'] },
      types: { '/payload/at': 'Date', '/payload/tags': 'Set' },
    });
    expect(Object.keys(line).at(-1)).toBe('crc');
  });
});

describe('values', () => {
  test('payloads and metadata come back equal, whatever they hold', async () => {
    const log = open();
    let round = 0;
    await fc.assert(
      fc.asyncProperty(
        anyValue,
        fc.dictionary(fc.string(), anyValue),
        fc.string({ unit: 'binary' }),
        async (payload, metadata, topic) => {
          const session = `s${(round += 1)}`;
          await log.append(session, { topic, payload, metadata });
          const [event] = await all(log, session, { topics: [topic] });
          expect(event?.topic).toBe(topic);
          expect(isDeepStrictEqual(event?.payload, payload)).toBe(true);
          expect(isDeepStrictEqual(event?.metadata, metadata)).toBe(true);
        },
      ),
      { numRuns: 400 },
    );
  });

  test('a topic with half a surrogate pair is found by it, also after reopening', async () => {
    const log = open();
    const topic = 'a\ud800"b';
    await log.append('s', { topic });
    await log.append('s', { topic: 'other' });
    expect((await all(log, 's', { topics: [topic] })).map((event) => event.topic)).toEqual([topic]);
    await log.close();
    const again = open({ directory: log.directory });
    expect((await all(again, 's', { topics: [topic] })).map((event) => event.topic)).toEqual([topic]);
  });

  test('a megabyte in one payload, and members that look like ours', async () => {
    const log = open();
    const payload = { crc: '00000000"}', seq: -1, types: { '/x': 'Date' }, text: '"crc":"é\n\u2028'.repeat(80_000) };
    await log.append('s', { topic: 't', payload });
    expect((await all(log, 's'))[0]?.payload).toEqual(payload);
  });

  test('what cannot come back is refused with its path, and nothing is written', async () => {
    const log = open();
    for (const make of Object.values(refusals)) {
      for (const [path, put] of places) {
        const failed = await rejection(log.append('s', { topic: 't', payload: put(make()) }));
        expect(failed.code).toBe('ERR_VALUE_UNSUPPORTED');
        expect(failed.path?.startsWith(`/payload${path}`)).toBe(true);
      }
    }
    expect(await log.sessions()).toEqual([]);
    const lenient = open({ unsupported: 'json' });
    await lenient.append('s', { topic: 't', payload: { run: () => 1, kept: 1 } });
    expect((await all(lenient, 's'))[0]?.payload).toEqual({ kept: 1 });
  });

  test('wrong arguments are typed errors', async () => {
    const log = open();
    const wrong: [unknown, unknown, unknown?][] = [
      [1, { topic: 't' }],
      ['s', null],
      ['s', { topic: 1 }],
      ['s', { topic: 't', timestamp: 'now' }],
      ['s', { topic: 't', metadata: 'x' }],
      ['s', { topic: 't', agentId: 1 }],
      ['s', { topic: 't' }, 'power'],
    ];
    for (const [session, event, options] of wrong) {
      expect((await rejection(log.append(session as string, event as NewEvent, options as object))).name).toBe(
        'TypeError',
      );
    }
    const invalid: [string, NewEvent, object?][] = [
      ['', { topic: 't' }],
      ['\ud800', { topic: 't' }],
      ['s', { topic: 't', timestamp: NaN }],
      ['s', { topic: 't', id: '' }],
      ['s', { topic: 't', priority: 'urgent' as 'normal' }],
      ['s', { topic: 't' }, { durability: 'eternal' }],
    ];
    for (const [session, event, options] of invalid) {
      expect((await rejection(log.append(session, event, options))).code).toMatch(/^ERR_(ID|OPTION)_INVALID$/);
    }
    for (const options of [{ limit: -1 }, { last: 1.5 }, { priority: 'none' }, { since: NaN }]) {
      expect((await rejection(all(log, 's', options as ReplayOptions))).code).toBe('ERR_OPTION_INVALID');
    }
    for (const options of [{ topics: 'a' }, { topics: [1] }, { since: '0' }, { signal: {} }]) {
      expect((await rejection(all(log, 's', options as unknown as ReplayOptions))).name).toBe('TypeError');
    }
    for (const options of [{ retentionMs: 0 }, { durability: 'x' }, { maxRetentionMs: 1 }, { directory: '' }]) {
      expect(() => new JsonlEventReplayStorage(options as JsonlEventLogOptions)).toThrow(
        expect.objectContaining({ code: 'ERR_OPTION_INVALID' }),
      );
    }
    expect((await rejection(log.cleanup(-1))).code).toBe('ERR_OPTION_INVALID');
    expect(JsonlEventReplayStorage.defaults).toMatchObject({ retentionMs: 86_400_000, fsyncIntervalMs: 100 });
  });
});

describe('replaying', () => {
  async function thousand(): Promise<JsonlEventReplayStorage> {
    const log = open({ maxFileBytes: 50_000 });
    const topics = ['a', 'b', 'c', 'd'];
    await Promise.all(
      Array.from({ length: 1000 }, (_, at) =>
        log.append('s', {
          topic: topics[at % 4] as string,
          timestamp: 1000 + at,
          payload: at,
          priority: at % 10 === 0 ? 'critical' : 'normal',
        }),
      ),
    );
    return log;
  }

  test('every option brings exactly what a filter over all events brings', async () => {
    const log = await thousand();
    const everything = await all(log, 's');
    expect(everything).toHaveLength(1000);
    const moment = fc.option(fc.integer({ min: 900, max: 2100 }), { nil: undefined });
    const count = fc.option(fc.integer({ min: 0, max: 1200 }), { nil: undefined });
    const options = fc.record({
      since: moment,
      until: moment,
      afterSeq: count,
      priority: fc.constantFrom('critical' as const, 'all' as const),
      topics: fc.option(fc.subarray(['a', 'b', 'c', 'd', 'e']), { nil: undefined }),
      last: count,
      limit: count,
    });
    await fc.assert(
      fc.asyncProperty(options, async (given) => {
        const { since = -Infinity, until = Infinity, afterSeq = 0, topics, last = Infinity, limit = Infinity } = given;
        const expected = everything
          .filter(({ timestamp, seq }) => timestamp >= since && timestamp <= until && seq > afterSeq)
          .filter(
            ({ priority, topic }) =>
              (given.priority === 'all' || priority === 'critical') && (topics?.includes(topic) ?? true),
          )
          .slice(last === 0 ? 1000 : -last)
          .slice(0, limit);
        expect(await all(log, 's', given as ReplayOptions)).toEqual(expected);
      }),
      { numRuns: 150 },
    );
  });

  test('leaving early and aborting let go; nothing hangs', async () => {
    const log = await thousand();
    for await (const { payload } of log.replay('s', { priority: 'all' })) if (payload === 3) break;
    const controller = new AbortController();
    let seen = 0;
    const aborted = rejection(
      (async () => {
        for await (const event of log.replay('s', { priority: 'all', signal: controller.signal })) {
          seen += event.seq > 0 ? 1 : 0;
          if (seen === 5) controller.abort(new Error('enough'));
        }
      })(),
    );
    expect((await aborted).message).toBe('enough');
    expect(seen).toBe(5);
    expect((await rejection(all(log, 's', { signal: AbortSignal.abort(new Error('never')) }))).message).toBe('never');
  });

  test('nobody has said anything yet: nothing comes', async () => {
    expect(await all(open(), 'nobody')).toEqual([]);
  });

  test('a replay is what was acknowledged when it began, and goes on while files are archived', async () => {
    const log = await thousand();
    const replay = log.replay('s', { priority: 'all' });
    const first = await replay.next();
    expect((await log.cleanup(0)).archived).toBeGreaterThan(1);
    await log.append('s', { topic: 'late' });
    const rest: unknown[] = [first.value?.payload];
    for await (const { payload } of replay) rest.push(payload);
    expect(rest).toEqual(Array.from({ length: 1000 }, (_, at) => at));
    expect((await all(log, 's')).map(({ topic }) => topic)).toEqual(['late']);
  });
});

describe('closing and sharing', () => {
  test('what was appended lands, everything after it is refused, twice is fine', async () => {
    const log = open();
    const appended = log.append('s', { topic: 't' });
    const closed = log.close();
    await expect(appended).resolves.toMatchObject({ seq: 1 });
    await closed;
    await log.close();
    await log[Symbol.asyncDispose]();
    const methods: Promise<unknown>[] = [
      log.append('s', { topic: 't' }),
      all(log, 's'),
      log.cleanup(1),
      log.sessions(),
      log.getStats(),
      log.flush(),
    ];
    for (const failed of await Promise.all(methods.map(rejection))) {
      expect(failed).toBeInstanceOf(EventLogError);
      expect(failed.code).toBe('ERR_CLOSED');
    }
    const never = open();
    await never.close();
    expect((await rejection(never.flush())).code).toBe('ERR_CLOSED');
  });

  test('a replay under way ends with ERR_CLOSED', async () => {
    const log = open();
    await Promise.all(Array.from({ length: 2000 }, () => log.append('s', { topic: 't' })));
    const replay = log.replay('s', { priority: 'all' });
    await replay.next();
    await log.close();
    const failed = await rejection(
      (async () => {
        for await (const event of replay) expect(event.topic).toBe('t');
      })(),
    );
    expect(failed.code).toBe('ERR_CLOSED');
  });

  test('two logs on one directory share its numbers', async () => {
    const one = open();
    const two = open({ directory: one.directory });
    expect((await one.append('s', { topic: 't' })).seq).toBe(1);
    expect((await two.append('s', { topic: 't' })).seq).toBe(2);
    await one.close();
    expect((await two.append('s', { topic: 't' })).seq).toBe(3);
    const stats = await two.getStats();
    expect(stats).toMatchObject({
      directory: one.directory,
      sessions: 1,
      files: 1,
      events: 3,
      appended: 3,
      queuedBytes: 0,
    });
    expect(stats.recovery).toEqual({ clean: true, events: 0, torn: [], damaged: [] });
  });

  test('a second process learns who owns the directory', async () => {
    const log = open();
    await log.append('s', { topic: 't' });
    const script = `
      const { JsonlEventReplayStorage } = require(${JSON.stringify(join(__dirname, '../dist/index.js'))});
      new JsonlEventReplayStorage({ directory: ${JSON.stringify(log.directory)} })
        .append('s', { topic: 't' })
        .catch(({ name, code, owner, retryable }) => console.log(JSON.stringify({ name, code, owner, retryable })));`;
    const { output } = await runNode(['-e', script], { cwd: __dirname });
    expect(JSON.parse(output)).toEqual({
      name: 'EventLogError',
      code: 'ERR_LOCKED',
      owner: process.pid,
      retryable: true,
    });
  });

  test('a process that closes nothing ends by itself, and what it queued lands', async () => {
    const directory = temporaryDirectory();
    const script = (end: string): string => `
      const { JsonlEventReplayStorage } = require(${JSON.stringify(join(__dirname, '../dist/index.js'))});
      const log = new JsonlEventReplayStorage({ directory: ${JSON.stringify(directory)} });
      for (let at = 0; at < 1000; at += 1) void log.append('s', { topic: 't', payload: at });
      ${end}`;
    for (const [at, end] of ['', 'process.exit(0)', 'setImmediate(() => process.exit(0))'].entries()) {
      const ended = await runNode(['-e', script(end)], { cwd: __dirname, timeoutMs: 10_000 });
      expect(ended).toEqual({ code: 0, output: '' });
      const log = open({ directory });
      const events = await all(log, 's');
      expect(events.map(({ payload }) => payload)).toEqual(Array.from({ length: 1000 * (at + 1) }, (_, n) => n % 1000));
      expect((await log.getStats()).recovery.clean).toBe(true);
      await log.close();
    }
  });

  test('an await on the log holds a process that has nothing else to do', async () => {
    const script = `
      const { JsonlEventReplayStorage } = require(${JSON.stringify(join(__dirname, '../dist/index.js'))});
      const log = new JsonlEventReplayStorage({ directory: ${JSON.stringify(temporaryDirectory())} });
      (async () => {
        await log.append('s', { topic: 't' }, { durability: 'power' });
        await log.flush();
        for await (const { seq } of log.replay('s', { priority: 'all' })) console.log(seq);
      })();`;
    expect(await runNode(['-e', script], { cwd: __dirname, timeoutMs: 10_000 })).toEqual({ code: 0, output: '1\n' });
  });
});

describe('trouble', () => {
  test('damage is reported, kept aside and costs one event', async () => {
    const log = open();
    for (let at = 0; at < 3; at += 1) await log.append('s', { topic: 't', payload: at });
    await log.close();
    const file = join(log.directory, 'active/s.jsonl');
    writeFileSync(file, `${readFileSync(file, 'utf8').replace('"payload":1', '"payload":7')}{"seq":4,"to`);
    const again = open({ directory: log.directory });
    expect((await all(again, 's')).map(({ payload }) => payload)).toEqual([0, 2]);
    const { recovery } = await again.getStats();
    expect(recovery.torn).toEqual([{ file: 's.jsonl', bytes: 12 }]);
    expect(recovery.damaged).toHaveLength(1);
    expect(readFileSync(join(log.directory, recovery.damaged[0]?.copy ?? ''), 'utf8')).toContain('"payload":7');
  });

  test('damage under an open log is a CorruptionError of the replay', async () => {
    const log = open();
    await log.append('s', { topic: 't', payload: 'some' });
    const file = join(log.directory, 'active/s.jsonl');
    writeFileSync(file, readFileSync(file, 'utf8').replace('some', 'same'));
    const failed = await rejection(all(log, 's'));
    expect(failed).toBeInstanceOf(CorruptionError);
    expect(failed.code).toBe('ERR_CORRUPT');
  });

  test('a directory that cannot be one is an error, and the next call tries again', async () => {
    const directory = join(temporaryDirectory(), 'file');
    writeFileSync(directory, '');
    const log = open({ directory });
    expect((await rejection(log.append('s', { topic: 't' }))).code).toBe('ERR_IO');
    rmSync(directory);
    mkdirSync(directory);
    expect((await log.append('s', { topic: 't' })).seq).toBeGreaterThan(0);
  });

  test('a queue that is full is ERR_BACKPRESSURE', async () => {
    const log = open({ maxQueueBytes: 1000 });
    const outcomes = await Promise.allSettled(
      Array.from({ length: 500 }, () => log.append('s', { topic: 't' }, { durability: 'power' })),
    );
    const codes = new Set(outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason.code] : [])));
    expect([...codes]).toEqual(['ERR_BACKPRESSURE']);
    expect((await all(log, 's')).length).toBe(outcomes.filter(({ status }) => status === 'fulfilled').length);
  });
});
