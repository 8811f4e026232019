/** What the binary reports of a sweep. */
import type { HealthReason, LoopNews } from './types.js';

/** The text that comes over the channel, parsed. Agents are named by slot and ticket. */
export interface Report {
  /** The loop shall show that it runs, when all those of `ping` have been pinged. */
  echo: boolean;
  moved: [
    slot: number,
    ticket: number,
    standing: 'healthy' | 'suspect' | 'disconnected',
    missed: number,
    reason: HealthReason | null,
  ][];
  /** Slot and ticket of each, one after the other. */
  ping: number[];
  /** Loops that froze or thawed, in order. */
  loops: { frozen: boolean; info: LoopNews }[];
  /** The watching thread is gone. */
  lost: boolean;
}
