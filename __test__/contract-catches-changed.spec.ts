/** Bugs of stores that change a little of what they are given: of its letters, its white space, its members, its types. */
import { join } from 'node:path';

import type { ChatMessage, ChatSession, StorageAdapter } from '../ts/index.js';
import { JsonFileAdapter } from './support/plain-adapter.cjs';
import { failuresOnDisk, testThatEachIsCaught, type Bug, type Planted } from './support/planted.js';

const SAVE = 'should save a session, and save it again';
const RETRIEVE = 'should retrieve a copy of a session as it was saved, dates as dates';
const DELETE = 'should delete a session, once';
const VALUES = 'should get values of every JSON type';
const HAS = 'should tell whether it has a key';

const messages =
  (change: (messages: ChatMessage[]) => object[]): Bug<StorageAdapter> =>
  (adapter) => ({
    getSession: async (id) => {
      const session = await adapter.getSession(id);
      return session && ({ ...session, messages: change(session.messages) } as ChatSession);
    },
  });

const contents = (change: (content: string) => unknown): Bug<StorageAdapter> =>
  messages((all) => all.map((one) => ({ ...one, content: change(one.content) })));

const values =
  (change: (value: unknown) => unknown): Bug<StorageAdapter> =>
  (adapter) => ({ get: async <V>(key: string) => change(await adapter.get(key)) as V });

const without = (member: string): Bug<StorageAdapter> =>
  messages((all) => all.map((one) => Object.fromEntries(Object.entries(one).filter(([name]) => name !== member))));

const numeric = (value: unknown): unknown => (typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value);

/** One bug each, planted into an adapter that has none, and the test that must catch it. */
const planted: Planted<StorageAdapter> = {
  'a content has its letters composed': [contents((content) => content.normalize('NFC')), RETRIEVE],
  'a content has its letters decomposed': [contents((content) => content.normalize('NFD')), RETRIEVE],
  'a content has its lines ended as here': [contents((content) => content.replaceAll('\r\n', '\n')), RETRIEVE],
  'a content loses the white space at its end': [contents((content) => content.trimEnd()), RETRIEVE],
  'a content loses the white space before it': [contents((content) => content.trimStart()), RETRIEVE],
  'a content ends at a NUL': [contents((content) => content.split('\0')[0]), RETRIEVE],
  'a content of digits is a number': [contents(numeric), SAVE],
  'a message loses its plan': [without('planId'), RETRIEVE],
  'a message loses its step': [without('stepId'), RETRIEVE],
  'a message that is not streaming does not say so': [without('streaming'), RETRIEVE],
  'a message that is not streaming has 0': [
    messages((all) => all.map((one) => ({ ...one, ...(one.streaming === false && { streaming: 0 }) }))),
    RETRIEVE,
  ],
  'two messages of one id are one, the last': [
    messages((all) => [...new Map(all.map((one) => [one.id, one])).values()]),
    RETRIEVE,
  ],
  'two messages of one id are one, the first': [
    messages((all) => all.filter(({ id }, index) => all.findIndex((one) => one.id === id) === index)),
    RETRIEVE,
  ],
  'keys are padded': [
    (adapter) => ({
      has: (key) => adapter.has(key.trimEnd()),
    }),
    HAS,
  ],
  'ids of sessions are padded': [(adapter) => ({ deleteSession: (id) => adapter.deleteSession(id.trimEnd()) }), DELETE],
  'a text of digits is a number': [values(numeric), VALUES],
  'a text that looks like JSON is parsed': [
    values((value) => {
      try {
        return JSON.parse(value as string) as unknown;
      } catch {
        return value;
      }
    }),
    VALUES,
  ],
};

testThatEachIsCaught(
  planted,
  failuresOnDisk((directory) => new JsonFileAdapter(join(directory, 'store.json'))),
);
