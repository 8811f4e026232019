/** The memory and the file adapter keep a session as one text: what is longer than the engine's longest is refused by its name. */
import { constants } from 'node:buffer';

import { InMemoryStorageAdapter, type ChatMessage } from '../ts/index.js';
import { sessionFile } from '../ts/storage/file/format.js';
import { sessionOf, withMessages } from '../ts/storage/record.js';
import { encodeSession, type EncodedSession } from '../ts/session.js';
import { conversation } from './support/file-store.js';

const LONGEST = constants.MAX_STRING_LENGTH;
const TOO_LARGE = expect.objectContaining({ code: 'ERR_VALUE_TOO_LARGE', retryable: false }) as Error;

const withText = (messages: string): EncodedSession => ({ ...encodeSession(conversation('s', 0), {}), messages });
const line = (messages: string): { messages: string; messageTypes: string } => ({ messages, messageTypes: '' });

test('an append that makes a session of the memory adapter too long is refused, and changes nothing', async () => {
  const store = new InMemoryStorageAdapter();
  const content = 'x'.repeat(60 * 2 ** 20);
  const large = (id: string): ChatMessage => ({ id, role: 'user', content, timestamp: new Date(3) });
  const names = ['1', '2', '3', '4', '5', '6', '7', '8'];
  await store.saveSession('s', { ...conversation('s', 0), messages: names.map(large) });
  const before = await store.getSessionInfo('s');
  await expect(store.appendMessages('s', [large('9')])).rejects.toEqual(TOO_LARGE);
  expect(await store.getSessionInfo('s')).toEqual(before);
  expect((await store.getMessages('s', { last: 1 }))?.map(({ id }) => id)).toEqual(['8']);
  expect(await store.appendMessages('s', [{ ...large('9'), content: 'small' }])).toBe(9);
  await store.close();
});

test('what fits can be read again: it is read as a list, in brackets', () => {
  const longest = withText(`"${'x'.repeat(LONGEST - 6)}"`);
  const fits = withMessages(longest, line('1'), 3);
  expect(sessionOf(fits).messages).toHaveLength(2);
  expect(() => withMessages(longest, line('10'), 3)).toThrow(TOO_LARGE);
  expect(() => withMessages({ ...longest, messages: '1', messageTypes: longest.messages }, line('1'), 3)).not.toThrow();
});

test('a file of a session that could not be written, or not read, is refused', () => {
  const file = (messages: string) => (): Buffer => sessionFile('s', 1, withText(messages));
  expect(file('x'.repeat(LONGEST - 10))).toThrow(TOO_LARGE);
  // Each of its lines gets a comma.
  expect(file('\n'.repeat(1_000) + 'x'.repeat(LONGEST - 1_500))).toThrow(TOO_LARGE);
  // Bytes count: so many are not made a text at once, however few characters they are.
  expect(file('計'.repeat(LONGEST / 3))).toThrow(TOO_LARGE);
});
