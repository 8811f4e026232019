/** The first and the last moment that a Date can be, and the infinities beyond them, as bounds of listings and of prune. */
import { join } from 'node:path';

import { FileStorageAdapter, InMemoryStorageAdapter, SQLiteStorageAdapter, type ListOptions } from '../ts/index.js';
import { sessionOf } from './support/sessions.js';
import { temporaryDirectory } from './support/temporary.js';

const LAST = 8.64e15;

const adapters = [
  ['memory', () => new InMemoryStorageAdapter()],
  ['file', () => new FileStorageAdapter({ path: temporaryDirectory() })],
  ['sqlite', () => new SQLiteStorageAdapter({ path: join(temporaryDirectory(), 's.db') })],
] as const;

const BOUNDS = [-Infinity, -LAST - 1, -LAST, -LAST + 1, 0, 1, LAST - 1, LAST, LAST + 1, 2 ** 53, Infinity];

describe.each(adapters)('%s', (_, make) => {
  let store: ReturnType<typeof make>;
  beforeEach(async () => {
    store = make();
    for (const at of [-LAST, 0, LAST]) await store.saveSession(`${at}`, sessionOf(`${at}`, at));
  });
  afterEach(() => store.close());

  const listed = async (options: ListOptions): Promise<number[]> =>
    (await store.listSessions({ ...options, orderBy: 'createdAt', order: 'asc' })).map(Number);

  test.each(BOUNDS)('%d bounds a listing as a number bounds numbers', async (bound) => {
    const before = [-LAST, 0, LAST].filter((at) => at < bound);
    const after = [-LAST, 0, LAST].filter((at) => at >= bound);
    expect(await listed({ updatedBefore: bound })).toEqual(before);
    expect(await listed({ createdBefore: bound })).toEqual(before);
    expect(await listed({ updatedAfter: bound })).toEqual(after);
    expect(await listed({ createdAfter: bound })).toEqual(after);
  });

  test.each(BOUNDS)('a prune up to %d takes what is older, and no more', async (bound) => {
    const older = [-LAST, 0, LAST].filter((at) => at < bound).length;
    expect(await store.prune({ updatedBefore: bound, dryRun: true })).toMatchObject({ sessions: older });
    expect(await store.prune({ updatedBefore: bound })).toMatchObject({ sessions: older });
    expect(await listed({})).toEqual([-LAST, 0, LAST].filter((at) => at >= bound));
  });
});
