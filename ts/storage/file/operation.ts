/** One operation on the files of a place, as its turn sees it. */
import type { Progress } from './files.js';
import type { Step, Steps } from './steps.js';
import type { Ticket } from './ticket.js';

/** How an operation is begun; at exit it is begun anew. */
export type Begin<T> = (progress: Progress) => Steps<T>;

export interface Operation {
  /** The one file that it changes; null: all of them, of which none is a sign that the others have been. */
  file: string | null;
  begin: Begin<unknown>;
  progress: Progress;
  /** What is being done at this moment; null: it has not begun. */
  current: Step | null;
  ticket: Ticket | undefined;
  /** What has come of it on the way out, where it was done there: given, or thrown. */
  outcome: (() => unknown) | null;
}
