/** What the binary reports of a sweep. */
import { setImmediate } from 'node:timers';

import type { HealthReason, LoopNews } from './types.js';

/** The text that comes over the channel, parsed. Agents are named by ticket. */
export interface Report {
  /** The loop shall show that it runs. */
  echo: boolean;
  moved: [ticket: number, standing: 'healthy' | 'suspect' | 'disconnected', missed: number, HealthReason | null][];
  ping: number[];
  /** Loops that froze or thawed, in order. `recorded`: the watching thread has put it into a log. */
  loops: { frozen: boolean; recorded: boolean; info: LoopNews }[];
  /** The watching thread is gone. */
  lost: boolean;
}

/** So many pings go out before the loop gets its turn: calling them is cheap, but nobody knows what a `ping()` does. */
const AT_ONCE = 128;

/** Does something for each ticket, in pieces between which the loop runs. */
export function inPieces(tickets: number[], each: (ticket: number) => void): void {
  for (const ticket of tickets.slice(0, AT_ONCE)) each(ticket);
  const rest = tickets.slice(AT_ONCE);
  if (rest.length > 0) setImmediate(() => inPieces(rest, each));
}
