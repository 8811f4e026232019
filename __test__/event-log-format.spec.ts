/** Another program reads and writes the files by their description. */
import { appendFileSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import type { JsonlEventReplayStorage } from '../ts/index.js';
import { all, open } from './support/event-log.js';
import { eventOf, lineOf, stemOf } from './support/log-format.js';

const fileOf = (log: JsonlEventReplayStorage, id: string): string =>
  join(log.directory, 'active', `${stemOf(id)}.jsonl`);

/** Adds lines to a session of a log that nobody has opened yet. */
function write(log: JsonlEventReplayStorage, id: string, lines: (object | string)[]): void {
  mkdirSync(join(log.directory, 'active'), { recursive: true });
  appendFileSync(fileOf(log, id), lines.map(lineOf).join(''));
}

const line = (seq: number, more: object = {}): object => ({
  ...{ seq, sessionId: 's', topic: 't', priority: 'normal', timestamp: seq },
  ...more,
});

test('every session is where its name says, and every line is an event with its checksum', async () => {
  const log = open();
  const long = ['x'.repeat(186), 'x'.repeat(187), 'ä'.repeat(200)];
  const cut = [118, 119, 120].map((length) => 'x'.repeat(length) + 'é'.repeat(60));
  const odd = [
    's',
    'S',
    '-s',
    's-',
    'a/b',
    '../../x',
    '.',
    '..',
    '%41',
    'a b',
    '_',
    '😀',
    'con',
    'com1',
    'con.txt',
    'CON',
  ];
  const ids = [...odd, ...long, ...cut];
  for (const id of ids) await log.append(id, { topic: 'é\u2028', payload: { id, at: new Date(0) } });
  for (const id of ids) {
    const [text = '', ...rest] = readFileSync(fileOf(log, id), 'utf8').split('\n');
    expect(rest).toEqual(['']);
    expect(eventOf(text)).toMatchObject({
      ...{ seq: 1, sessionId: id, topic: 'é\u2028', priority: 'normal' },
      ...{ payload: { id, at: '1970-01-01T00:00:00.000Z' }, types: { '/payload/at': 'Date' } },
    });
  }
  expect(readdirSync(join(log.directory, 'active'))).toHaveLength(ids.length);
});

test('what is written as described are events, in any order of their members, and numbers go on above them', async () => {
  const log = open();
  const id = 'Ä session';
  const own = { sessionId: id };
  write(log, id, [
    line(3, { ...own, priority: 'critical' }),
    '{ "timestamp" : 4.5 , "payload":{"at":null},"priority":"normal","topic":"\\u0074","sessionId":"Ä session","seq":7}',
    line(8, { ...own, id: 'theirs', metadata: { at: '1970-01-01T00:00:00.000Z' }, types: { '/metadata/at': 'Date' } }),
  ]);
  appendFileSync(fileOf(log, id), '\n\n');
  const { seq } = await log.append(id, { topic: 'ours' });
  expect(seq).toBeGreaterThan(8);
  expect(await all(log, id)).toMatchObject([
    { seq: 3, priority: 'critical' },
    { seq: 7, topic: 't', payload: { at: null }, timestamp: 4.5 },
    { seq: 8, id: 'theirs', metadata: { at: new Date(0) } },
    { seq, topic: 'ours' },
  ]);
  expect(await log.verify()).toEqual({ files: 1, events: 4, damaged: [] });
});

test('what could be put back only in part is an event all the same, and is told of once', async () => {
  const warned = jest.spyOn(process, 'emitWarning').mockImplementation();
  const log = open();
  const strange: object[] = [
    {
      payload: { at: '1970-01-01T00:00:00.000Z', later: '12:00' },
      types: { '/payload/later': 'Time', '/payload/at': 'Date' },
    },
    { payload: 'no number', types: { '/payload': 'BigInt' } },
    { payload: 'AAAA', types: { '/payload': 'Float64Array' } },
    { payload: 1, types: { '/nowhere/at/all': 'Date' } },
    { payload: 1, types: { '/payload': 7 } },
    { payload: 1, types: { '': 'hole', '/seq': 'BigInt', '/topic': 'hole', '/sessionId/0': 'Date' } },
    { payload: 1, types: ['Date'] },
    { payload: 1, types: null },
    { payload: 1, types: 'Date' },
  ];
  write(log, 's', [line(1), ...strange.map((more, at) => line(2 + at, more)), line(20, { payload: 'last' })]);
  const events = await all(log, 's');
  const stand = { sessionId: 's', topic: 't', priority: 'normal' };
  const payloads = [{ at: new Date(0), later: '12:00' }, 'no number', 'AAAA', 1, 1, 1, 1, 1, 1];
  expect(events).toEqual([
    { seq: 1, timestamp: 1, ...stand },
    ...payloads.map((payload, at) => ({ seq: 2 + at, timestamp: 2 + at, ...stand, payload })),
    { seq: 20, timestamp: 20, ...stand, payload: 'last' },
  ]);
  expect(await log.verify()).toMatchObject({ events: 11, damaged: [] });
  expect(warned.mock.calls).toEqual([
    [expect.stringContaining('event 2 of session "s"'), { type: 'SmallTalkWarning', code: 'SMALLTALK_UNKNOWN_TYPE' }],
  ]);
  warned.mockRestore();
});
