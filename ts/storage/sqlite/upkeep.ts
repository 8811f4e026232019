/** What is done with the store as a whole, in batches that let others in between. */
import { resolve } from 'node:path';

import { pathOption } from '../../options.js';
import type { PruneReport, UpkeepOptions, VerifyReport } from '../capabilities.js';
import { upkeepSignal, type PruneQuery } from '../capability-arguments.js';
import type { Begin, Connection } from './connection.js';
import { untilAborted } from './stopping.js';

/** Sessions that go in one transaction at the most. */
const BATCH = 500;

interface Pruned {
  sessions: number;
  messages: number;
  bytes: number;
  more: boolean;
}

/** Removes what is old, batch by batch, and gives the disk back. */
export async function prune(connection: Connection, query: PruneQuery, power: boolean): Promise<PruneReport> {
  if (query.dryRun) return preview(connection, query);
  const report = await connection.writeInSteps((writeAll) => remove(writeAll, query, power));
  // They are gone whether or not the rest is done now: else the next prune does that.
  const leave = (): void => query.signal?.throwIfAborted();
  await removeOrphans(connection, report, query, power).catch(leave);
  if (report.messages > 0 || report.sessions > 0) await reclaim(connection, query.signal).catch(leave);
  return report;
}

/** Counts what would go, all in one, where the rest of the upkeep reads. */
async function preview(connection: Connection, { updatedBefore, signal }: PruneQuery): Promise<PruneReport> {
  const text = await read<string>(connection, signal, (binary, handle, slot) =>
    binary.storagePrune(handle, slot, updatedBefore, Number.MAX_SAFE_INTEGER, true, false),
  );
  const { sessions, messages, bytes } = JSON.parse(text) as Pruned;
  return { sessions, messages, bytesFreed: bytes, dryRun: true };
}

async function remove(
  writeAll: Connection['writeAll'],
  { updatedBefore, signal }: PruneQuery,
  power: boolean,
): Promise<PruneReport> {
  const report = { sessions: 0, messages: 0, bytesFreed: 0, dryRun: false };
  for (let more = true; more;) {
    const begin: Begin = (binary, handle, slot) =>
      binary.storagePrune(handle, slot, updatedBefore, BATCH, false, power);
    const text = await untilAborted(signal, begin, (stoppable) => writeAll<string>(stoppable));
    const batch = JSON.parse(text) as Pruned;
    report.sessions += batch.sessions;
    report.messages += batch.messages;
    report.bytesFreed += batch.bytes;
    more = batch.more;
  }
  return report;
}

/**
 * Removes the messages that damaged sessions have left behind when they were deleted or overwritten, and reports them. Has
 * those that stay be counted anew where their count is wrong.
 */
async function removeOrphans(
  connection: Connection,
  report: PruneReport,
  { signal }: PruneQuery,
  power: boolean,
): Promise<void> {
  const text = await read<string>(connection, signal, (binary, handle, slot) => binary.storageOrphans(handle, slot));
  const { numbers, miscounted } = JSON.parse(text) as { numbers: number[]; miscounted: boolean };
  await connection.writeInSteps(async (writeAll) => {
    for (const number of numbers) {
      for (let more = true; more;) {
        const begin: Begin = (binary, handle, slot) => binary.storageRemoveOrphans(handle, slot, number, power);
        const piece = await untilAborted(signal, begin, (stoppable) => writeAll<string>(stoppable));
        const removed = JSON.parse(piece) as Pruned;
        report.messages += removed.messages;
        report.bytesFreed += removed.bytes;
        more = removed.more;
      }
    }
    if (miscounted) {
      const begin: Begin = (binary, handle, slot) => binary.storageCountMessages(handle, slot, power);
      await untilAborted(signal, begin, (stoppable) => writeAll<null>(stoppable));
    }
  });
}

async function reclaim(connection: Connection, signal: AbortSignal | undefined): Promise<void> {
  const begin: Begin = (binary, handle, slot) => binary.storageReclaim(handle, slot);
  await untilAborted(signal, begin, (stoppable) => connection.call<number>(stoppable, 'long'));
}

/** Copies the whole store, with everything that was asked for before, to a file that must not be there. */
export async function backup(connection: Connection, to: unknown, options?: UpkeepOptions): Promise<void> {
  // There is no place that could be meant where none is given.
  const path = resolve(pathOption('path', to ?? null, ''));
  await read<null>(connection, upkeepSignal(options), (binary, handle, slot) =>
    binary.storageBackup(handle, slot, path),
  );
}

/** Reads everything and compares checksums. */
export async function verify(connection: Connection, options?: UpkeepOptions): Promise<VerifyReport> {
  const text = await read<string>(connection, upkeepSignal(options), (binary, handle, slot) =>
    binary.storageVerify(handle, slot),
  );
  return JSON.parse(text) as VerifyReport;
}

/** Has everything read, which takes its time. */
function read<T>(connection: Connection, signal: AbortSignal | undefined, begin: Begin): Promise<T> {
  return untilAborted(signal, begin, (stoppable) => connection.readAll<T>(stoppable, 'long'));
}
