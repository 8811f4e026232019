/** Where a value may be, and by which methods it gets there and back: what one does with it, each other has to do. */
import type { Capability } from '../storage/capabilities.js';
import type { ChatMessage, ChatSession } from '../types.js';
import { sampleSession } from './samples.js';
import type { CapableSubject } from './subject.js';

/** A place for one value under each id. */
export interface ValuePlace {
  /** To be awaited before the first write. */
  prepare(id: string): Promise<unknown>;
  /** The call is made, with the value as it is, before this returns. */
  write(id: string, value: unknown): Promise<unknown>;
  read(id: string): Promise<unknown>;
}

const nothing = (): Promise<void> => Promise.resolve();

const inContext = (id: string, value: unknown): ChatSession => ({ ...sampleSession(id), context: { value } });
const ofContext = (session: ChatSession | null | undefined): unknown => session?.context?.['value'];

const message = (value: unknown): ChatMessage =>
  ({ ...sampleSession('m').messages[1], metadata: { value } }) as ChatMessage;
const ofMessage = (messages: readonly ChatMessage[] | null | undefined): unknown =>
  messages?.at(-1)?.metadata?.['value'];

/** All that the adapter has, by name. */
export function placesOf(
  { adapter }: CapableSubject,
  has: (capability: Capability) => boolean,
): Readonly<Record<string, ValuePlace>> {
  const inMessage = (id: string, value: unknown): ChatSession => ({ ...sampleSession(id), messages: [message(value)] });
  const saveMessage = (id: string, value: unknown): Promise<void> => adapter.saveSession(id, inMessage(id, value));
  const messagesOf = async (id: string): Promise<ChatMessage[] | undefined> => (await adapter.getSession(id))?.messages;
  const places: Record<string, ValuePlace> = {
    'a key': { prepare: nothing, write: (key, value) => adapter.set(key, value), read: (key) => adapter.get(key) },
    'a session': {
      prepare: nothing,
      write: (id, value) => adapter.saveSession(id, inContext(id, value)),
      read: async (id) => ofContext(await adapter.getSession(id)),
    },
    'a message': { prepare: nothing, write: saveMessage, read: async (id) => ofMessage(await messagesOf(id)) },
  };
  if (has('setMany') || has('getMany'))
    places['a batch of keys'] = {
      prepare: nothing,
      write: (key, value) => (has('setMany') ? adapter.setMany([[key, value]]) : adapter.set(key, value)),
      read: async (key) => (has('getMany') ? (await adapter.getMany([key])).get(key) : adapter.get(key)) as unknown,
    };
  if (has('saveSessions') || has('getSessions'))
    places['a batch of sessions'] = {
      prepare: nothing,
      write: (id, value) => {
        const session = inContext(id, value);
        return has('saveSessions') ? adapter.saveSessions([[id, session]]) : adapter.saveSession(id, session);
      },
      read: async (id) =>
        ofContext(has('getSessions') ? (await adapter.getSessions([id])).get(id) : await adapter.getSession(id)),
    };
  if (has('appendMessages') || has('getMessages'))
    places['the last message'] = {
      prepare: (id) => saveMessage(id, 'nothing yet'),
      write: (id, value) =>
        has('appendMessages') ? adapter.appendMessages(id, [message(value)]) : saveMessage(id, value),
      read: async (id) => ofMessage(has('getMessages') ? await adapter.getMessages(id) : await messagesOf(id)),
    };
  if (has('getVersioned') && has('saveVersioned')) {
    const versions = new Map<string, number>();
    places['a session with its version'] = {
      prepare: nothing,
      write: async (id, value) => {
        const options = { ifVersion: versions.get(id) ?? null };
        versions.set(id, (await adapter.saveVersioned(id, inContext(id, value), options)).version);
      },
      read: async (id) => ofContext((await adapter.getVersioned(id))?.session),
    };
  }
  return places;
}
