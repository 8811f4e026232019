/** A log that is open, and the two ways in which that ends: it is closed, or the process is left. */
import { drainAtExit, type ExitWish } from '../exit.js';
import { EventLogError } from '../errors.js';
import { crossing, type Native } from '../native.js';
import { Asked } from './asked.js';
import type { EventConsumer } from './consumer.js';
import type { JsonlEventLogOptions } from './options.js';
import { Together, type Cross } from './together.js';

export interface Opened {
  asked: Asked;
  together: Together;
  /** Those that may have positions. */
  consumers: Set<EventConsumer>;
  /** Whether the way out of the process has closed it: what is asked for behind that opens it anew. */
  left: { already: boolean };
  exit: ExitWish;
}

/** Opens the files in a directory for an object, which may be forgotten: then what it was given lands all the same. */
export function openFiles(owner: object, directory: string, options: Required<JsonlEventLogOptions>): Opened {
  const { durability, fsyncIntervalMs, retentionMs, maxRetentionMs, cleanupIntervalMs } = options;
  const { maxFileBytes, maxQueueBytes, timeoutMs, readOnly } = options;
  const settings = {
    directory,
    power: durability === 'power',
    ...{ fsyncIntervalMs, retentionMs, maxRetentionMs, cleanupIntervalMs, maxFileBytes, maxQueueBytes, readOnly },
  };
  const asked = new Asked(settings, timeoutMs);
  const { handle } = asked;
  const cross: Cross = ({ sessions, places, bodies, receipts, power }, turn) => {
    const begin = (binary: Native, slot: number): void => {
      binary.logAppendTogether(handle, slot, sessions, places, bodies, receipts, power);
      // No call: where JavaScript is ended while the binary has it, that comes with the next call.
      turn.isGiven = true;
    };
    // For events of a bus nobody waits.
    asked.runFor(turn, begin, !receipts ? null : (power ?? settings.power) ? 'power' : 'process');
  };
  const together = new Together(maxQueueBytes, settings.power, cross, (turn) => asked.forgo(turn));
  const left = { already: false };
  const drain = (limitMs: number, last: boolean): void => {
    together.send();
    if (last) {
      left.already = true;
      crossing(EventLogError, (binary) => binary.logDrain(handle, limitMs));
      return;
    }
    // A listener of the exit may throw, and then nobody comes here once more: it is on the disk by then. To close it, and to
    // open it anew for what such a listener asks for, would take a slow disk more time than there is.
    asked.run('write', (binary, slot) => binary.logFlush(handle, slot)).catch(() => undefined);
    asked.drain(limitMs);
  };
  const land = (over: () => void): void => {
    together.send();
    // Where that fails, or takes too long, nobody is left to hear of it.
    asked.close(over).catch(() => undefined);
  };
  return { asked, together, consumers: new Set(), left, exit: drainAtExit(owner, drain, land) };
}

/** Has land what was asked for, and closes the files, where they are open. */
export async function closeFiles(opened: Opened | null): Promise<void> {
  if (opened === null) return;
  opened.together.send();
  const { asked, consumers, exit } = opened;
  let isOver = false as boolean;
  // All at once: whichever is held up, the others are not.
  const ended = await Promise.allSettled([
    ...Array.from(consumers, (consumer) => consumer.close()),
    asked.close(() => {
      isOver = true;
      exit.takeBack();
    }),
  ]);
  // Where it was given up it goes on, and the way out of the process waits for it.
  if (!isOver) exit.keep();
  for (const one of ended) if (one.status === 'rejected') throw one.reason;
}
