/** What there is in a store, whoever wrote it, one id after another; and something done with each. */
import { SmallTalkError } from '../../errors.js';
import type { StorageAdapter } from '../adapter.js';
import { supports } from '../capabilities.js';

const PAGE = 500;

/** Beyond the last session of any store, and a number that every database takes. */
const BEYOND_ALL = 2 ** 31 - 1;

/** The ids of all sessions, by id: a page at a time where the store cannot iterate. */
export async function* sessionIds(store: StorageAdapter): AsyncGenerator<string, void, undefined> {
  if (supports(store, 'sessions')) yield* store.sessions(ORDER);
  else yield* pagedIds(store);
}

const ORDER = { orderBy: 'id', order: 'asc' } as const;

/** Until there are no more: a store may give fewer at once than it is asked for. */
async function* pagedIds(store: StorageAdapter): AsyncGenerator<string, void, undefined> {
  const pageFrom = (offset: number): Promise<string[]> => store.listSessions({ ...ORDER, limit: PAGE, offset });
  let previous: string | undefined;
  for (let offset = 0; ;) {
    const page = await pageFrom(offset);
    const first = page[0];
    if (first === undefined) return;
    // The same once more: so many have come in front of them meanwhile, or it knows no offset and would be asked for ever.
    const isDoubtful = previous !== undefined && page.includes(previous);
    if (page.length > PAGE || (isDoubtful && (await pageFrom(BEYOND_ALL)).length > 0)) {
      throw new SmallTalkError('ERR_ADAPTER_CONTRACT', `${store.name}: listSessions does not keep to limit and offset`);
    }
    yield* page;
    offset += page.length;
    previous = first;
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
