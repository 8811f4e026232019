import { statSync } from 'node:fs';
import { join } from 'node:path';

import { ConflictError, SQLiteStorageAdapter, type ChatMessage, type ChatSession } from '../ts/index.js';
import { conversation, sessionOf } from './support/long-sessions.js';
import { temporaryDirectory } from './support/temporary.js';

let path = '';
let adapter: SQLiteStorageAdapter;
let other: SQLiteStorageAdapter;

beforeEach(() => {
  path = join(temporaryDirectory(), 's.db');
  adapter = new SQLiteStorageAdapter({ path, durability: 'process' });
  other = new SQLiteStorageAdapter({ path, durability: 'process' });
});

afterEach(async () => {
  await Promise.all([adapter.close(), other.close()]);
});

describe('what a save writes does not grow with the session', () => {
  /** Bytes that reach the disk when a session of so many messages is read, changed and saved. */
  async function written(count: number, change: (messages: ChatMessage[]) => unknown): Promise<number> {
    const file = join(temporaryDirectory(), 's.db');
    const first = new SQLiteStorageAdapter({ path: file, durability: 'process' });
    await first.saveSession('s', sessionOf(conversation(count)));
    await first.close();
    const second = new SQLiteStorageAdapter({ path: file, durability: 'process' });
    const session = (await second.getSession('s')) as ChatSession;
    change(session.messages);
    await second.saveSession('s', session);
    const bytes = statSync(`${file}-wal`).size;
    expect(await second.getSession('s')).toEqual(session);
    await second.close();
    return bytes;
  }

  test.each<[string, (messages: ChatMessage[]) => unknown]>([
    ['one message added at the end', (messages) => messages.push(...conversation(1, 1e6))],
    ['the oldest removed', (messages) => messages.shift()],
    ['one changed in the middle', (messages) => ((messages[messages.length >> 1] as ChatMessage).content += '!')],
    ['one inserted in the middle', (messages) => messages.splice(messages.length >> 1, 0, ...conversation(1, 1e6))],
  ])('%s', async (_, change) => {
    const [few, many] = [await written(100, change), await written(10_000, change)];
    expect(few).toBeGreaterThan(0);
    // A level or two more of the tree's pages.
    expect(many).toBeLessThanOrEqual(few + 4 * 16_384);
  });
});

describe('a session that somebody else has changed', () => {
  test('is saved in full, as it was at each call', async () => {
    const session = sessionOf(conversation(50));
    await adapter.saveSession('s', session);
    await other.saveSession('s', sessionOf(conversation(3)));
    session.messages.shift();
    const saves = [adapter.saveSession('s', session)];
    const afterFirst = structuredClone(session);
    session.messages.push(...conversation(1, 100));
    saves.push(adapter.saveSession('s', session));
    (session.messages[7] as ChatMessage).content = 'not yet';
    await saves[0];
    expect(afterFirst.messages.length).toBe(49);
    await Promise.all(saves);
    const read = (await other.getSession('s')) as ChatSession;
    expect(read.messages).toEqual([
      ...conversation(49, 1).map((message, n) => ({ ...message, timestamp: new Date(n + 1) })),
      ...conversation(1, 100),
    ]);
    // And what is known of it now is right: the next changes are small ones again.
    await adapter.saveSession('s', session);
    expect(await other.getSession('s')).toEqual(session);
  });

  test('or deleted, keeps the order of the calls', async () => {
    const session = sessionOf(conversation(20));
    await adapter.saveSession('s', session);
    await other.deleteSession('s');
    session.messages.push(...conversation(1, 100));
    const saved = adapter.saveSession('s', session);
    const read = adapter.getSession('s');
    const listed = adapter.listSessions();
    const deleted = adapter.deleteSession('s');
    const gone = adapter.getSession('s');
    const last = adapter.saveSession('s', sessionOf(conversation(1)));
    const appended = adapter.appendMessages('s', conversation(1, 200));
    await Promise.all([saved, last]);
    expect((await read)?.messages.length).toBe(21);
    expect(await listed).toEqual(['s']);
    expect(await deleted).toBe(true);
    expect(await gone).toBeNull();
    expect(await appended).toBe(2);
    expect((await other.getSession('s'))?.messages.length).toBe(2);
  });

  test('is gone after a clear that was called later', async () => {
    const session = sessionOf(conversation(20));
    await adapter.saveSession('s', session);
    await other.saveSession('s', sessionOf([]));
    session.messages.pop();
    const saved = adapter.saveSession('s', session);
    const cleared = adapter.clear();
    const after = adapter.saveSession('t', session);
    await Promise.all([saved, cleared, after]);
    expect(await other.listSessions()).toEqual(['t']);
  });
});

test('calls on one session, not waited for, have their effect in their order', async () => {
  for (let round = 0; round < 10; round += 1) {
    const session = sessionOf(conversation(200));
    const calls = [adapter.saveSession('s', session)];
    const first = adapter.getSession('s');
    session.messages.pop();
    calls.push(adapter.saveSession('s', session));
    const second = adapter.getSession('s');
    const deleted = adapter.deleteSession('s');
    const none = adapter.getSession('s');
    session.messages.pop();
    calls.push(adapter.saveSession('s', session));
    session.messages.pop();
    calls.push(adapter.saveSession('s', session));
    const last = adapter.getVersioned('s');
    await Promise.all(calls);
    expect([(await first)?.messages.length, (await second)?.messages.length]).toEqual([200, 199]);
    expect([await deleted, await none, (await last)?.session.messages.length]).toEqual([true, null, 197]);
  }
});

describe('appending', () => {
  test('gives the new count, and what is known of the session goes on', async () => {
    const session = sessionOf(conversation(3));
    await adapter.saveSession('s', session);
    const more = conversation(2, 10);
    expect(await adapter.appendMessages('s', more)).toBe(5);
    session.messages.push(...more);
    const read = (await adapter.getSession('s')) as ChatSession;
    expect(read.messages).toEqual(session.messages);
    expect(read.updatedAt.getTime()).toBeGreaterThan(session.updatedAt.getTime());
    session.messages.splice(1, 1);
    await adapter.saveSession('s', session);
    expect(await other.getSession('s')).toEqual(session);
    expect(await Promise.all([adapter.appendMessages('s', more), adapter.appendMessages('s', more)])).toEqual([6, 8]);
  });

  test('to what is not there, or what is no message, is refused', async () => {
    await expect(adapter.appendMessages('s', [])).rejects.toMatchObject({ code: 'ERR_SESSION_UNKNOWN' });
    await adapter.saveSession('s', sessionOf([]));
    const wrong = [{ ...conversation(1)[0], tool: () => 1 }] as unknown as ChatMessage[];
    await expect(adapter.appendMessages('s', wrong)).rejects.toMatchObject({ path: '/messages/0/tool' });
    await expect(adapter.appendMessages('s', 'x' as never)).rejects.toBeInstanceOf(TypeError);
  });
});

describe('versions', () => {
  test('grow, and the loser hears of both', async () => {
    const session = sessionOf(conversation(3));
    const { version } = await adapter.saveVersioned('s', session, { ifVersion: null });
    expect((await adapter.getVersioned('s'))?.version).toBe(version);
    session.messages.push(...conversation(1, 9));
    const next = await adapter.saveVersioned('s', session, { ifVersion: version });
    expect(next.version).toBeGreaterThan(version);
    const lost = await adapter.saveVersioned('s', session, { ifVersion: version }).catch((error: unknown) => error);
    expect(lost).toBeInstanceOf(ConflictError);
    expect(lost).toMatchObject({ code: 'ERR_CONFLICT', expected: version, actual: next.version });
    await expect(adapter.saveVersioned('s', session, { ifVersion: null })).rejects.toMatchObject({ expected: null });
    await expect(adapter.saveVersioned('t', session, { ifVersion: 1 })).rejects.toMatchObject({ actual: null });
    await adapter.saveSession('s', session);
    expect(await other.getSession('s')).toEqual(session);
  });

  test('of two that increment, neither loses what the other did', async () => {
    await adapter.saveSession('s', sessionOf([], { context: { count: 0 } }));
    const increment = async (store: SQLiteStorageAdapter): Promise<void> => {
      for (let done = 0; done < 20;) {
        const { session, version } = (await store.getVersioned('s')) as { session: ChatSession; version: number };
        session.context = { count: (session.context?.['count'] as number) + 1 };
        const saved = await store.saveVersioned('s', session, { ifVersion: version }).then(
          () => true,
          (error: unknown) => {
            if (error instanceof ConflictError) return false;
            throw error;
          },
        );
        if (saved) done += 1;
      }
    };
    await Promise.all([increment(adapter), increment(other)]);
    expect((await adapter.getSession('s'))?.context).toEqual({ count: 40 });
  });
});
