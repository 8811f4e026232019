/** Long texts go to the binary and come back beside the JSON of their messages: nothing of that may show. */
import { constants } from 'node:buffer';
import { join } from 'node:path';

import fc from 'fast-check';

import { encode } from '../ts/codec.js';
import { Lifted } from '../ts/codec/lifted.js';
import { InMemoryStorageAdapter, SQLiteStorageAdapter, type ChatMessage, type ChatSession } from '../ts/index.js';
import { keep, keptText } from '../ts/storage/changes/kept.js';
import { putBack } from '../ts/storage/sqlite/lifted.js';
import { temporaryDirectory } from './support/temporary.js';

/** More than what is read on the calling thread, so that it comes in pieces. */
const LARGE = 64 * 1024;

function sessionOf(messages: ChatMessage[]): ChatSession {
  const filler = { id: 'filler', role: 'user' as const, content: 'é'.repeat(LARGE), timestamp: new Date(0) };
  return { id: 's', messages: [...messages, filler], createdAt: new Date(1), updatedAt: new Date(2) };
}

/** What a process finds that knows nothing of it. */
async function throughTheStore(session: ChatSession): Promise<ChatSession | null> {
  const path = join(temporaryDirectory(), 's.db');
  const writer = new SQLiteStorageAdapter({ path, durability: 'process' });
  await writer.saveSession('s', session);
  await writer.close();
  const reader = new SQLiteStorageAdapter({ path, durability: 'process' });
  const found = await reader.getSession('s');
  await reader.close();
  return found;
}

const long = 'x'.repeat(200);
const message = (rest: object): ChatMessage =>
  ({ id: '1', role: 'user', content: '', timestamp: new Date(3), ...rest }) as ChatMessage;

test.each<[string, ChatMessage]>([
  ['plain', message({ content: long })],
  ['Latin-1', message({ content: `${long}éÿ` })],
  ['CJK, an emoji and a dash', message({ content: `計画 🙂 — ${long}` })],
  ['escapes', message({ content: `"\\/\b\f\n\r\t\u0001\u001f\u007f\u2028${long}` })],
  ['a NUL', message({ content: `\0${long}\0` })],
  ['half a surrogate pair', message({ content: `${long}\ud83d` })],
  ['nothing but what looks like the end of a message', message({ content: '","content":"'.repeat(20) })],
  ['a Map', message({ content: new Map([['content', long]]) })],
  ['a URL', message({ content: new URL(`https://example.org/${long}`) })],
  ['a Date', message({ content: new Date(4) })],
  ['undefined', message({ content: undefined })],
  ['members before it', { metadata: { content: long, more: [long] }, ...message({ content: long }) }],
  ['a member of that name further down', message({ metadata: { content: long }, content: long })],
])('a content that is %s comes back', async (_, one) => {
  const session = sessionOf([one, message({ id: '2', content: `after ${long}` }), one]);
  expect(await throughTheStore(session)).toEqual(session);
});

test('what was read is known: saving it again writes nothing of it, and a change is saved', async () => {
  const path = join(temporaryDirectory(), 's.db');
  const session = sessionOf(Array.from({ length: 300 }, (_, n) => message({ id: `${n}`, content: `${n} 計 ${long}` })));
  const first = new SQLiteStorageAdapter({ path, durability: 'process' });
  await first.saveSession('s', session);
  await first.close();
  const second = new SQLiteStorageAdapter({ path, durability: 'process' });
  const found = (await second.getSession('s')) as ChatSession;
  const { messages } = found;
  (messages[150] as ChatMessage).content += '!';
  await second.saveSession('s', found);
  expect(found).toEqual(await second.getSession('s'));
  expect((await second.getMessages('s', { before: 151, last: 1 }))?.[0]?.content).toBe(`150 計 ${long}!`);
  await second.close();
});

test('any contents in any order come back', async () => {
  const content = fc.oneof(
    fc.string({ unit: 'binary', minLength: 0, maxLength: 400 }),
    fc.string({ unit: 'grapheme-ascii', minLength: 100, maxLength: 400 }),
    fc
      .array(fc.integer({ min: 0, max: 0xffff }), { minLength: 100, maxLength: 200 })
      .map((units) => String.fromCharCode(...units)),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(content, { maxLength: 20 }), async (contents) => {
      const session = sessionOf(contents.map((text, n) => message({ id: `${n}`, content: text })));
      expect(await throughTheStore(session)).toEqual(session);
    }),
    { numRuns: 40 },
  );
});

const longText = fc.oneof(
  fc.string({ unit: 'binary', minLength: 240, maxLength: 600 }),
  fc.string({ unit: 'grapheme-ascii', minLength: 240, maxLength: 600 }),
  // Much that has to be escaped, and now and then half a surrogate pair.
  fc.string({ unit: fc.constantFrom('"', '\\', '\n', '\0', '\x1f', '\x7f', 'a', 'é', '計', '🙂'), minLength: 250 }),
  fc
    .array(fc.integer({ min: 0, max: 0xffff }), { minLength: 250, maxLength: 300 })
    .map((units) => String.fromCharCode(...units)),
);

const anyMessage = fc.record({
  content: longText,
  metadata: fc.oneof(
    fc.constant({}),
    fc.record({ list: fc.array(longText, { maxLength: 3 }), at: fc.date({ noInvalidDate: true }) }),
  ),
});

test('long texts arrive on every way there is', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyMessage, { minLength: 1, maxLength: 8 }), async (contents) => {
      const messages = contents.map((rest, n) => message({ id: `${n}`, ...rest }));
      const session = { ...sessionOf([]), messages };
      const large = sessionOf(messages);
      const path = join(temporaryDirectory(), 's.db');
      const writer = new SQLiteStorageAdapter({ path, durability: 'process' });
      const waysIn: Record<string, () => Promise<unknown>> = {
        whole: () => writer.saveSession('whole', session),
        large: () => writer.saveSession('large', large),
        changes: () => writer.saveSession('changes', session),
        appended: () => writer.appendMessages('appended', messages),
        versioned: () => writer.saveVersioned('versioned', session, { ifVersion: null }),
        together: () => writer.saveSessions([['together', session]]),
      };
      await Promise.all(['changes', 'appended'].map((id) => writer.saveSession(id, { ...session, messages: [] })));
      await Promise.all(Object.values(waysIn).map((save) => save()));
      await writer.close();
      const reader = new SQLiteStorageAdapter({ path, durability: 'process' });
      for (const id of Object.keys(waysIn)) {
        expect([id, (await reader.getSession(id))?.messages]).toEqual([id, id === 'large' ? large.messages : messages]);
      }
      expect(await reader.verify()).toMatchObject({ damaged: [] });
      await reader.close();
    }),
    { numRuns: 40 },
  );
});

test('a text beside its message counts as part of it', () => {
  const others = new Lifted();
  others.take('of another message');
  const textOf = (content: string, maxBytes: number): string =>
    keptText(keep(message({ content }), 0, {}), { maxBytes }, others).text;
  const size = (content: string): number => encode(message({ content })).text.length + '{"/timestamp":"Date"}'.length;
  // It may be six bytes of JSON for each of its characters; where that is too much, all of it is written and measured.
  for (const content of ['a'.repeat(1_000), '\x01'.repeat(1_000), '計'.repeat(1_000)]) {
    const bytes = size(content) + 2 * (content.match(/計/g)?.length ?? 0);
    expect(textOf(content, 60_000)).toContain('"content":\0');
    expect(textOf(content, bytes)).toBe(encode(message({ content })).text);
    expect(() => textOf(content, bytes - 1)).toThrow(expect.objectContaining({ code: 'ERR_VALUE_TOO_LARGE' }));
  }
  expect(others.texts.map(({ length }) => length)).toEqual([18, 1_000, 1_000, 1_000]);
  expect(others.characters).toBe(3_018);
});

test('texts beside their messages count towards what one append takes', async () => {
  const store = new SQLiteStorageAdapter({ path: join(temporaryDirectory(), 's.db') });
  const session = { ...sessionOf([]), messages: [] };
  await store.saveSession('s', session);
  // More than half a gigabyte of JSON, and next to nothing in memory.
  const shared = 'x'.repeat(9_000_000);
  const messages = Array.from({ length: 60 }, (_, n) => message({ id: `${n}`, content: shared }));
  const tooLarge = { code: 'ERR_VALUE_TOO_LARGE' };
  await expect(store.appendMessages('s', messages)).rejects.toMatchObject(tooLarge);
  expect(await store.getSession('s')).toEqual(session);
  await store.close();
});

test('a message of which the engine would have no JSON is too large, in all adapters and by every road', async () => {
  const tooLarge = { code: 'ERR_VALUE_TOO_LARGE' };
  const huge = message({ content: 'a'.repeat(constants.MAX_STRING_LENGTH) });
  const session = { ...sessionOf([]), messages: [] };
  for (const store of [
    new SQLiteStorageAdapter({ path: join(temporaryDirectory(), 's.db') }),
    new InMemoryStorageAdapter(),
  ]) {
    await store.saveSession('s', session);
    await expect(store.appendMessages('s', [huge])).rejects.toMatchObject(tooLarge);
    await expect(store.saveSession('s', { ...session, messages: [huge] })).rejects.toMatchObject(tooLarge);
    await expect(store.saveSession('t', { ...session, messages: [huge] })).rejects.toMatchObject(tooLarge);
    expect(await store.getMessages('s')).toEqual([]);
    await store.close();
  }
});

test('the messages of a long session come in pieces, and the loop turns in between', async () => {
  const store = new SQLiteStorageAdapter({ path: join(temporaryDirectory(), 's.db'), durability: 'process' });
  const session = sessionOf(
    Array.from({ length: 3_000 }, (_, n) => message({ id: `${n}`, content: `${n} ${long} 計` })),
  );
  await store.saveSession('s', session);
  let turns = 0;
  let reading = true;
  const turn = (): void => {
    turns += 1;
    if (reading) setImmediate(turn);
  };
  const texts = jest.spyOn(JSON, 'parse');
  turn();
  const messages = await store.getMessages('s', { last: 2_990 });
  reading = false;
  const longest = Math.max(...texts.mock.calls.map(([text]) => text.length));
  texts.mockRestore();
  expect(messages).toEqual(session.messages.slice(-2_990));
  expect(turns).toBeGreaterThan(2);
  // Half a megabyte in all, and one message of 64 KB.
  expect(longest).toBeLessThan(80_000);
  expect(await store.getMessages('s', { last: 2 })).toEqual(session.messages.slice(-2));
  await store.close();
});

test('contents are put back where they belong', () => {
  const messages = [{ content: '' }, { content: 'kept' }, { content: '' }, { content: '' }];
  putBack(messages, { narrow: 'firstthird', wide: '計', ends: Int32Array.of(5, 0, -1, 10) });
  expect(messages).toEqual([{ content: 'first' }, { content: 'kept' }, { content: '計' }, { content: 'third' }]);
});
