/** What there is in a store, whoever wrote it, one id after another; and something done with each. */
import { SmallTalkError } from '../../errors.js';
import { setImmediate } from '../../timers.js';
import type { ListOptions, StorageAdapter } from '../adapter.js';
import { supports } from '../capabilities.js';

const PAGE = 500;

/** Beyond the last session of any store, and a number that every database takes. */
const BEYOND_ALL = 2 ** 31 - 1;

/** The ids of all sessions, by id: a page at a time where the store cannot iterate. */
export async function* sessionIds(store: StorageAdapter): AsyncGenerator<string, void, undefined> {
  if (supports(store, 'sessions')) yield* textsOf(store, 'sessions', store.sessions(ORDER));
  else yield* textsOf(store, 'listSessions', pagedIds(store));
}

/** All keys of a store that can tell which it has. */
export async function* storedKeys(store: StorageAdapter): AsyncGenerator<string, void, undefined> {
  if (supports(store, 'keys')) yield* textsOf(store, 'keys', store.keys());
}

const ORDER = { orderBy: 'id', order: 'asc' } as const;

/** What a store lists. Of what is no id it has nothing, which would look as if all had been copied. */
async function* textsOf(
  store: StorageAdapter,
  method: string,
  listed: AsyncIterable<string>,
): AsyncGenerator<string, void, undefined> {
  let count = 0;
  for await (const id of listed) {
    if (typeof (id as unknown) !== 'string') throw contract(store, `${method}() gives what is no id: ids are texts`);
    yield id;
    count += 1;
    // Where both stores answer without a disk or a network nothing else had its turn, not even who ends the migration.
    if (count % PAGE === 0) await new Promise<void>((resolve) => setImmediate(resolve));
  }
}

const contract = (store: StorageAdapter, what: string): SmallTalkError =>
  new SmallTalkError('ERR_ADAPTER_CONTRACT', `${store.name}: ${what}`);

/** Until there are no more: a store may give fewer at once than it is asked for. */
async function* pagedIds(store: StorageAdapter): AsyncGenerator<string, void, undefined> {
  const pageFrom = (offset: number): Promise<string[]> => listOf(store, { ...ORDER, limit: PAGE, offset });
  let previous: string | undefined;
  for (let offset = 0; ;) {
    const page = await pageFrom(offset);
    const first = page[0];
    if (first === undefined) {
      if (offset === 0) await checkEmpty(store, pageFrom);
      return;
    }
    // The same once more: so many have come in front of them meanwhile, or it knows no offset and would be asked for ever.
    const isDoubtful = previous !== undefined && page.includes(previous);
    if (page.length > PAGE || (isDoubtful && (await pageFrom(BEYOND_ALL)).length > 0))
      throw contract(store, 'listSessions does not keep to limit and offset');
    yield* page;
    offset += page.length;
    previous = first;
  }
}

/** A page, all of which are ids: what is no text cannot be compared with what the last page had. */
async function listOf(store: StorageAdapter, options?: ListOptions): Promise<string[]> {
  const page: unknown = await store.listSessions(options);
  if (!Array.isArray(page) || !page.every((id) => typeof id === 'string'))
    throw contract(store, 'listSessions() gives what is no list of ids: ids are texts');
  return page;
}

/** Throws where there are sessions that only a listing without options gives: it takes these for something else. */
async function checkEmpty(store: StorageAdapter, pageFrom: (offset: number) => Promise<string[]>): Promise<void> {
  // Asked once more: the first may have come meanwhile.
  if ((await listOf(store)).length > 0 && (await pageFrom(0)).length === 0)
    throw contract(store, 'listSessions does not keep to its options');
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
