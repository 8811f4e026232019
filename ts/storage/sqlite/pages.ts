/** Ids and keys a page at a time: a million of them without a million in memory. */
import type { ListOptions } from '../adapter.js';
import { listQuery } from '../arguments.js';
import type { KeyOptions } from '../capabilities.js';
import { prefixOf } from '../capability-arguments.js';
import { defined } from './defined.js';
import type { Connection } from './connection.js';

const PAGE = 1_000;

type Ids = AsyncGenerator<string, void, undefined>;

/** Session ids in the order of `listSessions`. */
export async function* sessionPages(connection: Connection, options?: ListOptions): Ids {
  const { limit = Infinity, ...query } = listQuery(options);
  const filter = defined(query);
  connection.open();
  let left = limit;
  let after: { value: number; id: string } | undefined;
  // Who changes a session moves it, for ever in front of one who goes that way: what has changed since is not given again.
  let until: number | undefined;
  while (left > 0) {
    const size = Math.min(PAGE, left);
    // What is passed over is passed over once.
    const page = { ...filter, limit: size, offset: after === undefined ? query.offset : 0 };
    const answer = await connection.readAll<(string | null)[]>((binary, handle, slot, inOrder) =>
      binary.storagePageSessions(handle, slot, page, after?.value, after?.id, until, inOrder),
    );
    const version = Number(answer.pop());
    if (query.orderBy === 'updatedAt') until ??= version;
    const value = answer.pop();
    const ids = answer as string[];
    yield* ids;
    left -= ids.length;
    const id = ids.at(-1);
    if (ids.length < size || id === undefined) return;
    after = { value: Number(value), id };
  }
}

/** Living keys by code points. */
export async function* keyPages(connection: Connection, options?: KeyOptions): Ids {
  const prefix = prefixOf(options);
  let after: string | undefined;
  for (;;) {
    const keys = await connection.readAll<string[]>((binary, handle, slot, inOrder) =>
      binary.storagePageKeys(handle, slot, prefix, after, PAGE, Date.now(), inOrder),
    );
    yield* keys;
    after = keys.at(-1);
    if (keys.length < PAGE) return;
  }
}
