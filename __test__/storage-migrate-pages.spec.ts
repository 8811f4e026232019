/** Sources that cannot iterate: what a migration makes of the pages that they give. */
import {
  InMemoryStorageAdapter,
  migrate,
  type ChatSession,
  type ListOptions,
  type StorageAdapter,
} from '../ts/index.js';

const session = (id: string): ChatSession => ({ id, messages: [], createdAt: new Date(1), updatedAt: new Date(2) });

const numbered = (count: number): string[] =>
  Array.from({ length: count }, (_, n) => `id/${String(n).padStart(4, '0')}`);

interface Source {
  store: InMemoryStorageAdapter;
  /** The store, without `sessions()`: what it lists passes through here. */
  asked: StorageAdapter;
  /** Where the pages that were asked for began. */
  offsets: (number | undefined)[];
}

type List = (options: ListOptions, store: InMemoryStorageAdapter) => Promise<string[]>;

async function sourceOf(ids: string[], list: List): Promise<Source> {
  const store = new InMemoryStorageAdapter();
  for (const id of ids) await store.saveSession(id, session(id));
  const offsets: Source['offsets'] = [];
  const asked: StorageAdapter = {
    name: 'Paging',
    initialize: () => store.initialize(),
    close: () => store.close(),
    saveSession: (id, saved) => store.saveSession(id, saved),
    getSession: (id) => store.getSession(id),
    deleteSession: (id) => store.deleteSession(id),
    listSessions: (options = {}) => {
      offsets.push(options.offset);
      return list(options, store);
    },
    set: (key, value, ttl) => store.set(key, value, ttl),
    get: (key) => store.get(key),
    delete: (key) => store.delete(key),
    has: (key) => store.has(key),
    clear: () => store.clear(),
    getStats: () => store.getStats(),
  };
  return { store, asked, offsets };
}

/** At the most so many, whatever it is asked for. */
const atMost =
  (most: number): List =>
  (options, store) =>
    store.listSessions({ ...options, limit: Math.min(most, options.limit ?? Infinity) });

const inOrder = { orderBy: 'id', order: 'asc' } as const;

test.each([1, 100, 499, 500])('all are copied of a source that gives %i at the most', async (most) => {
  const ids = numbered(most === 1 ? 30 : 1_250);
  const { asked } = await sourceOf(ids, atMost(most));
  const to = new InMemoryStorageAdapter();
  expect(await migrate(asked, to)).toMatchObject({ sessions: ids.length, skipped: 0, verified: true });
  expect(await to.listSessions(inOrder)).toEqual(ids);
});

test('none is asked for anew where pages differ in length', async () => {
  const ids = numbered(700);
  let asked = 0;
  const source = await sourceOf(ids, (options, store) => atMost([7, 300, 1][asked++ % 3] as number)(options, store));
  expect(await migrate(source.asked, new InMemoryStorageAdapter(), { verify: false })).toMatchObject({
    sessions: 700,
    skipped: 0,
  });
  expect(source.offsets.slice(0, 5)).toEqual([0, 7, 307, 308, 315]);
});

test.each([
  ['few', 3],
  ['a page of', 500],
])('a source of %s sessions that ignores the offset is refused', async (_, count) => {
  const { asked } = await sourceOf(numbered(count), ({ limit }, store) =>
    store.listSessions({ ...inOrder, limit: limit ?? Infinity }),
  );
  const migrated = migrate(asked, new InMemoryStorageAdapter());
  await expect(migrated).rejects.toMatchObject({ code: 'ERR_ADAPTER_CONTRACT', retryable: false });
});

test('so is one that turns what it gives again and again, and one that gives its last page beyond the end', async () => {
  const turning = await sourceOf(numbered(20), async (_, store) => {
    const ids = await store.listSessions(inOrder);
    return [...ids.slice(turning.offsets.length), ...ids.slice(0, turning.offsets.length)];
  });
  const clamping = await sourceOf(numbered(20), ({ offset = 0 }, store) =>
    store.listSessions({ ...inOrder, limit: 7, offset: Math.min(offset, 14) }),
  );
  for (const { asked } of [turning, clamping]) {
    const migrated = migrate(asked, new InMemoryStorageAdapter());
    await expect(migrated).rejects.toMatchObject({ code: 'ERR_ADAPTER_CONTRACT' });
  }
});

test.each([1, 10])('a source that grows meanwhile is no such one: pages of %i', async (most) => {
  const ids = numbered(40);
  let grown = 0;
  const source = await sourceOf(ids, async (options, store) => {
    const page = await atMost(most)(options, store);
    // In front of all, so many that the next page begins as this one does.
    for (let count = 0; count < most && grown < 30; count += 1, grown += 1) {
      const id = `a/${String(99 - grown)}`;
      await store.saveSession(id, session(id));
    }
    return page;
  });
  const to = new InMemoryStorageAdapter();
  await migrate(source.asked, to, { verify: false });
  expect(await to.listSessions({ ...inOrder, idPrefix: 'id/' })).toEqual(ids);
  // What came behind the page that was being read is for the next run.
  expect(await migrate(source.asked, to)).toMatchObject({ verified: true });
  expect(await to.listSessions(inOrder)).toEqual(await source.store.listSessions(inOrder));
});

test('of one that shrinks meanwhile what was passed over is not said to be verified', async () => {
  let shrunk = 0;
  const source = await sourceOf(numbered(40), async (options, store) => {
    const page = await atMost(10)(options, store);
    if (shrunk < 5) await store.deleteSession(`id/000${shrunk++}`);
    return page;
  });
  const to = new InMemoryStorageAdapter();
  const report = await migrate(source.asked, to);
  expect(report.verified).toBe(false);
  expect(report.different).toContainEqual({ kind: 'session', id: 'id/0010' });
  expect(await migrate(source.asked, to)).toMatchObject({ verified: true });
});
