/** What there is in a store, whoever wrote it, one id after another; and something done with each. */
import { SmallTalkError } from '../../errors.js';
import type { StorageAdapter } from '../adapter.js';
import { supports } from '../capabilities.js';

const PAGE = 500;

/** The ids of all sessions, by id: a page at a time where the store cannot iterate. */
export async function* sessionIds(store: StorageAdapter): AsyncGenerator<string, void, undefined> {
  const order = { orderBy: 'id', order: 'asc' } as const;
  if (supports(store, 'sessions')) {
    yield* store.sessions(order);
    return;
  }
  let previous: string | undefined;
  for (let offset = 0; ; offset += PAGE) {
    const page = await store.listSessions({ ...order, limit: PAGE, offset });
    // Else one that knows no offset would be asked for ever.
    if (page.length > PAGE || (page.length > 0 && page[0] === previous)) {
      throw new SmallTalkError('ERR_ADAPTER_CONTRACT', `${store.name}: listSessions does not keep to limit and offset`);
    }
    yield* page;
    if (page.length < PAGE) return;
    previous = page[0];
  }
}

/** Turns what is given into ids one by one, whatever kind of list it is. */
export async function* each(ids: Iterable<string> | AsyncIterable<string>): AsyncGenerator<string, void, undefined> {
  yield* ids;
}

/** So many at once: a store that commits in groups has something to group. */
const LANES = 8;

/** Does the work for every id. After a failure nothing new is begun, and what was begun is waited for. */
export async function forEach(
  ids: AsyncGenerator<string, void, undefined>,
  signal: AbortSignal | undefined,
  work: (id: string) => Promise<void>,
): Promise<void> {
  let failed = false;
  const lane = async (): Promise<void> => {
    try {
      for (let next = await ids.next(); next.done !== true && !failed; next = await ids.next()) {
        signal?.throwIfAborted();
        await work(next.value);
      }
    } catch (error) {
      failed = true;
      throw error;
    }
  };
  const lanes = await Promise.allSettled(Array.from({ length: LANES }, lane));
  const broken = lanes.find((lane) => lane.status === 'rejected');
  if (broken === undefined) return;
  // Whoever lists them may hold something open for as long as that goes on.
  await ids.return().catch(() => undefined);
  throw broken.reason;
}
