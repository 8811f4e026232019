/** Who waits for a turn on one session, and who may begin. */
import type { Late } from '../patience.js';

/** `changes` may have to be sent again; `read` changes nothing; `other` is any other write. */
export type TurnKind = 'changes' | 'read' | 'other';

/** Who waits, and since when. */
export interface Patient {
  since: number;
  reject(error: Error): void;
}

/** Who waits in a line. */
export interface Waiting {
  kind: TurnKind;
  since: number;
  begin(): void;
  /** Absent where it stands for something that waits in other lines as well. */
  reject?: ((error: Error) => void) | undefined;
  /** Whoever was beginning it has been ended: it will not begin. */
  end?: (() => void) | undefined;
  /** Who comes after it. A list, as thousands may wait and an array would move them all for each one that begins. */
  next?: Waiting | undefined;
}

/** What has been asked for on one session and is not settled. */
export interface Line {
  first: Waiting | undefined;
  last: Waiting | undefined;
  /** Saves of changes that are not settled. */
  unsettled: number;
  /** Operations that are not with the store yet, and those that are sent again. */
  unsent: number;
  /** Settles when nothing is sent again any more. */
  again: Promise<unknown>;
  /** Whether waiting ones are being begun at this moment. */
  advancing: boolean;
}

export function newLine(): Line {
  return { first: undefined, last: undefined, unsettled: 0, unsent: 0, again: Promise.resolve(), advancing: false };
}

/** Behind all who wait. */
export function push(line: Line, waiting: Waiting): void {
  if (line.last === undefined) line.first = waiting;
  else line.last.next = waiting;
  line.last = waiting;
}

/** Takes the first out. Who has gone knows none of those that come: see `churn.ts`. */
export function shift(line: Line): Waiting | undefined {
  const { first } = line;
  line.first = first?.next;
  if (line.first === undefined) line.last = undefined;
  if (first !== undefined) first.next = undefined;
  return first;
}

/** Takes out, and rejects, who has waited too long; who stands for something in other lines as well stays. */
export function takeOutLate(line: Line, late: Late, error: () => Error): void {
  let one = line.first;
  line.first = undefined;
  line.last = undefined;
  while (one !== undefined) {
    const { next } = one;
    one.next = undefined;
    if (one.reject !== undefined && late(one.since)) one.reject(error());
    else push(line, one);
    one = next;
  }
}

/** Whether something of this kind may begin now, if it is the first. */
export function mayBegin(kind: TurnKind, { unsent, unsettled }: Line): boolean {
  return unsent === 0 && (kind === 'changes' || unsettled === 0);
}
