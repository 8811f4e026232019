/** What a migration makes of listings that give no ids, or ids of sessions that are not there. */
import {
  InMemoryStorageAdapter,
  migrate,
  type ChatSession,
  type ListOptions,
  type StorageAdapter,
} from '../ts/index.js';

const session = (id: string): ChatSession => ({ id, messages: [], createdAt: new Date(1), updatedAt: new Date(2) });

const NAMES = ['a', 'b', 'c'];

/** A store with three sessions, without `sessions()` and `keys()`, that lists as it is told. */
async function listing(list: (options: ListOptions) => unknown): Promise<StorageAdapter> {
  const store = new InMemoryStorageAdapter();
  for (const id of NAMES) await store.saveSession(id, session(id));
  return {
    name: 'Listing',
    initialize: () => store.initialize(),
    close: () => store.close(),
    saveSession: (id, saved) => store.saveSession(id, saved),
    getSession: async (id) => (typeof id === 'string' ? store.getSession(id) : null),
    deleteSession: (id) => store.deleteSession(id),
    listSessions: async (options = {}) => list(options) as string[],
    set: (key, value, ttl) => store.set(key, value, ttl),
    get: (key) => store.get(key),
    delete: (key) => store.delete(key),
    has: (key) => store.has(key),
    clear: () => store.clear(),
    getStats: () => store.getStats(),
  };
}

const paged =
  <T>(all: readonly T[]) =>
  ({ limit = Infinity, offset = 0 }: ListOptions): T[] =>
    all.slice(offset, offset + limit);

/** Its methods take and give something else than ours, and have other names where they are for keys. */
class AdapterOfAFramework {
  readonly #sessions = NAMES.map((id) => ({ ...session(id), state: 'active' }));
  readonly saved: unknown[] = [];
  async initialize(): Promise<void> {}
  async close(): Promise<void> {}
  async saveSession(saved: { id: string }): Promise<void> {
    this.saved.push(saved);
  }
  async getSession(id: string): Promise<unknown> {
    return this.#sessions.find((one) => one.id === id) ?? null;
  }
  async deleteSession(): Promise<boolean> {
    return false;
  }
  async listSessions(state?: string, limit = Infinity, offset = 0): Promise<unknown[]> {
    const found = this.#sessions.filter((one) => state === undefined || one.state === state);
    return found.slice(offset, offset + limit).map(({ id }) => ({ id, agentCount: 1 }));
  }
  async setValue(): Promise<void> {}
  async getValue(): Promise<unknown> {
    return null;
  }
  async clear(): Promise<void> {}
  async getStats(): Promise<unknown> {
    return { totalSessions: 3 };
  }
}

const contract = { code: 'ERR_ADAPTER_CONTRACT', retryable: false };

test('an adapter whose methods for keys have other names is refused, as a source and as a target', async () => {
  const framework = new AdapterOfAFramework();
  const memory = new InMemoryStorageAdapter();
  const lacks = new TypeError('the adapter lacks set(), get(), delete(), has()');
  await expect(migrate(framework as never, memory)).rejects.toThrow(lacks);
  await expect(migrate(memory, framework as never)).rejects.toThrow(lacks);
  await expect(migrate(framework as never, memory, { sessions: NAMES })).rejects.toThrow(lacks);
  expect(framework.saved).toEqual([]);
});

test('one that finds nothing because it takes the options for something else is no empty one', async () => {
  const migrated = migrate(new AdapterOfAFramework() as never, new InMemoryStorageAdapter(), { keys: false });
  await expect(migrated).rejects.toMatchObject(contract);
  const empty = new InMemoryStorageAdapter();
  expect(await migrate(empty, new InMemoryStorageAdapter())).toMatchObject({ sessions: 0, verified: true });
  const from = await listing(() => []);
  expect(await migrate(from, new InMemoryStorageAdapter())).toMatchObject({ sessions: 0, verified: true });
});

test.each<[string, (options: ListOptions) => unknown]>([
  ['summaries', paged(NAMES.map((id) => ({ id })))],
  ['summaries again and again', () => NAMES.map((id) => ({ id }))],
  ['ids and something else', paged(['a', null, 'c'])],
  ['no list', () => ({ sessions: NAMES })],
])('a listing that gives %s is refused, and nothing is written', async (_, list) => {
  const to = new InMemoryStorageAdapter();
  await expect(migrate(await listing(list), to)).rejects.toMatchObject(contract);
  expect(await to.listSessions()).toEqual([]);
});

test('so are a loop over sessions, and one over keys, that give something else', async () => {
  for (const kind of ['sessions', 'keys'] as const) {
    const from = new InMemoryStorageAdapter();
    from[kind] = async function* () {
      yield* [{ id: 'a' }] as never[];
    };
    await expect(migrate(from, new InMemoryStorageAdapter())).rejects.toMatchObject(contract);
  }
});

test('sessions that are listed and not there are told, and not said to be verified', async () => {
  const from = await listing(paged(['a', 'session:b', 'session:c']));
  const told: number[] = [];
  const onProgress = ({ missing }: { missing: number }): void => void told.push(missing);
  expect(await migrate(from, new InMemoryStorageAdapter(), { onProgress })).toMatchObject({
    sessions: 1,
    skipped: 0,
    missing: 2,
    verified: false,
    different: [
      { kind: 'session', id: 'session:b' },
      { kind: 'session', id: 'session:c' },
    ],
  });
  expect(told.at(-1)).toBe(2);
});

test('one that goes while it is copied, or is not there of those that were asked for, is told and no difference', async () => {
  const from = await listing(paged(NAMES));
  const get = from.getSession.bind(from);
  let gone = false;
  from.getSession = async (id) => {
    if (id === 'b') gone = (await from.deleteSession('b')) || gone;
    return get(id);
  };
  from.listSessions = async ({ limit, offset } = {}) =>
    paged(gone ? ['a', 'c'] : NAMES)({ limit: limit as number, offset: offset as number });
  const to = new InMemoryStorageAdapter();
  expect(await migrate(from, to)).toMatchObject({ sessions: 2, missing: 1, verified: true });
  const chosen = { sessions: ['a', 'never'], keys: ['never'] };
  expect(await migrate(from, to, chosen)).toMatchObject({ skipped: 1, missing: 2, verified: true });
});

test.each(['listSessions', 'sessions', 'keys'] as const)(
  'a signal is heard while %s gives more and more without waiting for anything',
  async (kind) => {
    const from = kind === 'listSessions' ? await listing(() => []) : new InMemoryStorageAdapter();
    let n = 0;
    // Whoever never turns the loop is not to hold this test for ever.
    const next = (): string => {
      if (n > 200_000) throw new Error('the loop never turned');
      return `never/${n++}`;
    };
    if (kind === 'listSessions') from.listSessions = async () => Array.from({ length: 500 }, next);
    else
      Object.assign(from, {
        [kind]: async function* () {
          for (;;) yield next();
        },
      });
    const signal = AbortSignal.timeout(1);
    const migrated = migrate(from, new InMemoryStorageAdapter(), { signal });
    await expect(migrated).rejects.toMatchObject({ name: 'TimeoutError' });
  },
);
