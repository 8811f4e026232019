import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';

import type { Event, JsonlEventReplayStorage, NewEvent, ReplayOptions } from '../ts/index.js';
import { all, open, rejection } from './support/event-log.js';

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

  test('a boundary that is the timestamp of an event includes it, to the last bit', async () => {
    const log = open();
    const moments = fc.double({ min: 0, max: 4e12, noNaN: true });
    await fc.assert(
      fc.asyncProperty(moments, async (timestamp) => {
        const { seq } = await log.append('s', { topic: 't', timestamp });
        const found = await all(log, 's', { since: timestamp, until: timestamp, afterSeq: seq - 1 });
        expect(found.map((event) => event.timestamp)).toEqual([timestamp]);
      }),
      { numRuns: 300 },
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
