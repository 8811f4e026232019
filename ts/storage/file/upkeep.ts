/** What is done with all files of a place: counting, verifying, and removing them, all or those that are old or expired. */
import { SmallTalkError, StorageError } from '../../errors.js';
import type { Damage, PruneReport, VerifyReport } from '../capabilities.js';
import type { PruneQuery } from '../capability-arguments.js';
import type { Asked } from './access.js';
import { isRefused, type Decision, type Found, type Manner } from './files.js';
import type { Folder } from './folder.js';
import { keyHead, readKey, readSession, sessionHead, type KeyHead } from './format.js';
import { codeOf } from './lock.js';
import type { Place } from './place.js';
import type { Steps } from './steps.js';

/** Whether the end of a key has come. */
export function isExpired(head: KeyHead | null): boolean {
  return head?.expiresAt !== undefined && head.expiresAt <= Date.now();
}

/** Removes every key whose end has come. */
export async function removeExpired(place: Place, manner: Manner): Promise<void> {
  const entries = await place.keys.entries();
  place.sweep.meet(entries);
  const expired = entries.filter(({ head }) => isExpired(head));
  await place.turns.each(expired, ({ id }) => removeIfExpired(place, id, manner));
}

/** Removes a key whose end has come, unless somebody has set it anew meanwhile. */
export async function removeIfExpired({ keys }: Place, key: string, manner: Manner): Promise<void> {
  const decide = (found: Found | null): Decision<null> =>
    found !== null && isExpired(keyHead(found.line)) ? { result: null, contents: null } : { result: null };
  // Nobody waits for the disk to forget what everybody takes for gone.
  await keys.change(key, decide, { ...manner, power: false });
}

/** What there is, once expired keys are removed; where they cannot be, as on a disk that is read only, they take room and no more. */
export async function countPlace(
  place: Place,
  manner: Manner,
): Promise<{ sessions: number; keys: number; messages: number; sizeBytes: number }> {
  await removeExpired(place, manner).catch(() => undefined);
  const [sessions, keys] = await Promise.all([place.sessions.entries(), place.keys.entries()]);
  return {
    sessions: sessions.length,
    keys: keys.filter(({ head }) => !isExpired(head)).length,
    messages: sessions.reduce((sum, { head }) => sum + (head?.messageCount ?? 0), 0),
    sizeBytes: [...sessions, ...keys].reduce((sum, { size }) => sum + size, 0),
  };
}

/** Removes everything. */
export function clearPlace(place: Place, { ticket, ...manner }: Asked): Promise<void> {
  const { sessions, keys } = place;
  const begin = function* (): Steps<void> {
    const left = [...(yield* sessions.clear(manner)), ...(yield* keys.clear(manner))];
    if (left.length > 0) throw notRemoved(left);
  };
  const cleared = place.turns.writeAll(begin, ticket);
  if (!manner.power) for (const { late } of [sessions, keys]) late.owe(cleared);
  return cleared;
}

/** So many are named. */
const MOST_NAMED = 5;

function notRemoved(left: Error[]): StorageError {
  const named = left.slice(0, MOST_NAMED).map(({ message }) => message);
  if (left.length > MOST_NAMED) named.push('…');
  const files = left.length === 1 ? 'one file' : `${left.length} files`;
  return new StorageError('ERR_IO', `clear() has removed all but ${files}: ${named.join('; ')}`, { cause: left[0] });
}

/** Removes sessions that were changed before a moment. */
export async function prunePlace(place: Place, query: PruneQuery, manner: Manner): Promise<PruneReport> {
  const { updatedBefore, dryRun, signal } = query;
  const report: PruneReport = { sessions: 0, messages: 0, bytesFreed: 0, dryRun };
  const isOld = (line: string): boolean => (sessionHead(line)?.updatedAt ?? updatedBefore) < updatedBefore;
  const decide = (found: Found | null): Decision<boolean> =>
    found !== null && isOld(found.line) ? { result: true, contents: null } : { result: false };
  const remove = async (id: string): Promise<boolean> => {
    try {
      return await place.sessions.change(id, decide, manner);
    } catch (error) {
      // It could be read when it was listed. What it is now nobody knows, so it stays.
      if (place.sessions.cannotRead(id, error)) return false;
      throw error;
    }
  };
  const entries = await place.sessions.entries();
  await place.turns.each(entries, async ({ id, head, size }) => {
    signal?.throwIfAborted();
    if (head === null || head.updatedAt >= updatedBefore) return;
    // It may have been saved again since it was listed.
    if (!dryRun && !(await remove(id))) return;
    report.sessions += 1;
    report.messages += head.messageCount;
    report.bytesFreed += size;
  });
  return report;
}

/** Reads every file and compares its checksum. */
export async function verifyPlace(place: Place, signal?: AbortSignal): Promise<VerifyReport> {
  const damaged: Damage[] = [];
  const goOn = (): void => signal?.throwIfAborted();
  let messages = 0;
  const sessions = await verifyFolder('session', place.sessions, damaged, goOn, (id, bytes) => {
    messages += readSession(id, bytes).head.messageCount;
  });
  const keys = await verifyFolder('key', place.keys, damaged, goOn, (id, bytes) => void readKey(id, bytes));
  return { sessions, keys, messages, damaged };
}

/** Gives the number of files. */
async function verifyFolder<H extends { id: string }>(
  kind: 'session' | 'key',
  folder: Folder<H>,
  damaged: Damage[],
  goOn: () => void,
  read: (id: string, bytes: Buffer) => void,
): Promise<number> {
  let count = 0;
  await folder.each(async (name) => {
    goOn();
    let id = folder.idOf(name, '');
    try {
      const found = await folder.whole(name);
      if (found === null) return;
      id = folder.idOf(name, found.line);
      read(id ?? name, found.bytes);
    } catch (error) {
      // Of a whole disk that fails each file is named as well.
      const isDamage = error instanceof SmallTalkError || isRefused(error) || codeOf(error) === 'EIO';
      if (!isDamage) throw error;
      damaged.push({ kind: id === null ? 'file' : kind, id: id ?? name, detail: (error as Error).message });
    }
    count += 1;
  });
  return count;
}
