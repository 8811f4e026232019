/** What the binary reports of a sweep. */
import { setImmediate } from '../timers.js';

import type { HealthReason, LoopNews } from './types.js';

/** The text that comes over the channel, parsed. Agents are named by slot and ticket. */
export interface Report {
  /** The loop shall show that it runs. */
  echo: boolean;
  moved: [
    slot: number,
    ticket: number,
    standing: 'healthy' | 'suspect' | 'disconnected',
    missed: number,
    HealthReason | null,
  ][];
  /** Slot and ticket of each, one after the other. */
  ping: number[];
  /** Loops that froze or thawed, in order. `recorded`: the watching thread has put it into a log. */
  loops: { frozen: boolean; recorded: boolean; info: LoopNews }[];
  /** The watching thread is gone. */
  lost: boolean;
}

/** So many pings go out before the loop gets its turn: calling them is cheap, but nobody knows what a `ping()` does. */
const AT_ONCE = 128;

/** Does something for each of these pairs, in pieces between which the loop runs. */
export function inPieces(pairs: number[], each: (slot: number, ticket: number) => void, from = 0): void {
  const end = Math.min(pairs.length, from + 2 * AT_ONCE);
  for (let at = from; at < end; at += 2) each(pairs[at] as number, pairs[at + 1] as number);
  if (end < pairs.length) setImmediate(() => inPieces(pairs, each, end));
}
