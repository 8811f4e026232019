/** What is kept for the engine of sessions that were read: the shape of their messages, and nothing of the program's. */
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { SQLiteStorageAdapter, type ChatSession } from '../ts/index.js';
import { encodeMessage } from '../ts/session.js';
import { assemblyOf, shapeOf, takePiece } from '../ts/storage/sqlite/assembly.js';
import { checkedOptions } from '../ts/storage/sqlite/options.js';
import { temporaryDirectory } from './support/temporary.js';

const session = (id: string, count: number): ChatSession => ({
  id,
  messages: Array.from({ length: count }, (_, n) => ({
    ...{ id: `m${n}`, role: 'user', content: 'x'.repeat(300), timestamp: new Date(n) },
  })),
  createdAt: new Date(1),
  updatedAt: new Date(2),
});

test('what a program hangs on the messages that it has read is its own', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const path = join(temporaryDirectory(), 's.db');
  const ids = Array.from({ length: 30 }, (_, n) => `s${n}`);
  const writer = new SQLiteStorageAdapter({ path, durability: 'process' });
  // The small ones are read at once, the others in pieces.
  for (const [n, id] of ids.entries()) await writer.saveSession(id, session(id, n % 2 === 0 ? 1 : 1_000));
  await writer.close();

  const reader = new SQLiteStorageAdapter({ path });
  const given: WeakRef<object>[] = [];
  const readAndDecorate = async (id: string): Promise<void> => {
    const [first] = (await reader.getSession(id))?.messages ?? [];
    Object.assign(first as object, { rendered: Buffer.alloc(1_000) });
    given.push(new WeakRef(first as object));
  };
  for (const id of ids) await readAndDecorate(id);
  await turn();
  collect();
  expect(given).toHaveLength(ids.length);
  expect(given.filter((one) => one.deref() !== undefined).length).toBeLessThan(5);
  // They are known all the same.
  const { snapshotBytes } = await reader.getStats();
  expect(snapshotBytes).toBeGreaterThan(15 * 300_000);
  await reader.close();
});

/** Two of a message as they are read, and what is kept of their shape. */
function read(message: unknown): { shape: unknown; messages: unknown[] } {
  const options = checkedOptions();
  const { text, types } = encodeMessage(message, 0, {});
  const tables = `${types ?? ''}\n${types ?? ''}`;
  const assembly = assemblyOf(options);
  takePiece(assembly, [`[${text},${text}]`, tables, new Float64Array(2), '', '', new Int32Array(0)], options);
  return { shape: shapeOf(assembly), messages: assembly.messages };
}

test.each<[string, object]>([
  ['of usual members', { id: 'm', role: 'user', content: 'x', timestamp: new Date(1) }],
  ['of nested members', { id: 'm', timestamp: new Date(1), metadata: { tokens: 5 }, list: [1], seen: true, to: null }],
  ['of numbers', { whole: 5, part: 0.5, large: 2 ** 40, none: null }],
  ['of odd names', { 1: 'one', 'a "quoted" name': 'x', 'é—': 'wide', '': 1 }],
  ['of a name that is another thing in a literal', JSON.parse('{"__proto__":"x","id":"m"}') as object],
  ['of nothing', {}],
])('a message %s: its shape is kept, and nothing else of it', (_, message) => {
  setFlagsFromString('--allow-natives-syntax');
  // Only the engine itself can tell, by a word of its own.
  const alike = new Function('one', 'other', 'return %HaveSameMap(one, other)') as (...two: unknown[]) => boolean;
  const { shape, messages } = read(message);
  expect([alike(shape, messages[0]), alike(messages[0], messages[1])]).toEqual([true, true]);
  expect(messages).not.toContain(shape);
  for (const member of Object.values(shape as object)) expect(typeof member === 'number' || member === '').toBe(true);
});

test.each<[string, unknown]>([
  ['null', null],
  ['a text', 'text'],
  ['a list', ['x']],
  ['a Map', new Map([['a', 1]])],
  ['bytes', new Uint8Array(9)],
  ['an object of many members', Object.fromEntries(Array.from({ length: 100 }, (_, n) => [`name ${n}`, n]))],
])('a message that is %s leaves nothing', (_, message) => {
  expect(read(message).shape).toBeUndefined();
});
