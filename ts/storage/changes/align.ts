/** Which of the messages that were there are there still, where messages came, went and moved at once. */
import { identityOf } from './kept.js';
import type { MessageList } from './message-list.js';

/** Nothing that was there. */
export const NEW = -1;

/** A stretch of a list. */
export interface Stretch {
  from: number;
  to: number;
}

/**
 * For each living message of a stretch the index of the one that was there with its id, `NEW` where there is none. Those
 * that are found again stand in the order in which they stood: who has moved counts as new.
 */
export function align(before: MessageList, was: Stretch, live: readonly unknown[], is: Stretch): Int32Array {
  const partners = new Int32Array(is.to - is.from).fill(NEW);
  if (was.from < was.to) {
    pair(before, was, live, is, partners);
    keepLongestRun(partners);
  }
  return partners;
}

/** Ids need not be unique: the first of those that have it goes to the first that asks. */
function pair(before: MessageList, was: Stretch, live: readonly unknown[], is: Stretch, partners: Int32Array): void {
  const first = new Map<string, number>();
  const following = new Int32Array(was.to - was.from).fill(NEW);
  for (let at = was.to - 1; at >= was.from; at -= 1) {
    const { id } = before.kept(at);
    if (id === undefined) continue;
    following[at - was.from] = first.get(id) ?? NEW;
    first.set(id, at);
  }
  for (let at = is.from; at < is.to; at += 1) {
    const id = identityOf(live[at]);
    const partner = id === undefined ? undefined : first.get(id);
    if (id === undefined || partner === undefined || partner === NEW) continue;
    partners[at - is.from] = partner;
    first.set(id, following[partner - was.from] as number);
  }
}

/** Leaves the longest run of partners that grows; the others become `NEW`. */
function keepLongestRun(partners: Int32Array): void {
  if (grows(partners)) return;
  // ends[n]: where a run of n + 1 ends that ends with the least partner; before[at]: what stands before it in that run.
  const ends: number[] = [];
  const before = new Int32Array(partners.length).fill(NEW);
  for (const [at, partner] of partners.entries()) {
    if (partner === NEW) continue;
    const length = runsBelow(partners, ends, partner);
    before[at] = ends[length - 1] ?? NEW;
    ends[length] = at;
  }
  let at = ends.at(-1) ?? NEW;
  for (let index = partners.length - 1; index >= 0; index -= 1) {
    if (index === at) at = before[at] as number;
    else partners[index] = NEW;
  }
}

function grows(partners: Int32Array): boolean {
  let last = NEW;
  for (const partner of partners) {
    if (partner === NEW) continue;
    if (partner < last) return false;
    last = partner;
  }
  return true;
}

/** How many of the runs end below a partner: a binary search, for the ends grow. */
function runsBelow(partners: Int32Array, ends: readonly number[], partner: number): number {
  let [low, high] = [0, ends.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((partners[ends[middle] as number] as number) < partner) low = middle + 1;
    else high = middle;
  }
  return low;
}
