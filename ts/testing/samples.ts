/** What the suites store, and how they wait. */
import { setTimeout as delay } from 'node:timers/promises';

import type { ListOptions, StorageAdapter } from '../storage/adapter.js';
import type { ChatSession } from '../types.js';

/** More sessions, keys or messages than a page of them, however large a page is likely to be. */
export const MANY = 1_050;

/** Longer than what a column for text has room for in some databases (65,535 bytes), and the same nowhere. */
export const LONG_TEXT = Array.from({ length: 14_000 }, (_, index) => String(index).padStart(5)).join('');

/** With a letter of two code points, a character of two units, lines as some systems end them, and white space around it. */
export const ODD_TEXT = ' Where does the Rho\u0302ne rise? 🏔\r\nAnd where does it end?\n ';

/** A moment, so many milliseconds after a fixed one: from 3 on it is in the next second, and the next minute. */
export function at(millisecond: number): Date {
  return new Date(Date.UTC(2025, 10, 23, 12, 0, 59, 997 + millisecond));
}

/** A session as every conversation begins; made anew for each use. */
export function newSession(id: string): ChatSession {
  return { id, messages: [], createdAt: at(0), updatedAt: at(1) };
}

/** A session with three messages; made anew for each use, always the same for one id. */
export function sampleSession(id: string): ChatSession {
  return {
    ...newSession(id),
    activeAgent: 'writer',
    context: { topic: 'rivers', turns: 2, tags: ['a', 'b'] },
    // No member that anybody knows: it is kept all the same.
    weather: { sky: 'clear' },
    // They are in the order in which they stand, which is neither that of their times nor that of their ids.
    messages: [
      { id: `${id}-m2`, role: 'user', content: ODD_TEXT, timestamp: at(2), asked: 'aloud' },
      {
        id: `${id}-m3`,
        role: 'agent',
        agentName: 'writer',
        content: 'In the Valais, at the Rhône glacier — "ein Gletscher".',
        timestamp: at(0),
        metadata: { tokens: 17, tools: ['search'] },
        streaming: false,
        planId: 'plan-1',
        stepId: 'step-2',
      },
      { id: `${id}-m1`, role: 'user', content: '', timestamp: at(1) },
    ],
  };
}

/** Listings by whatever a store may have an index of: a sample session is in each of them. */
const LISTINGS: readonly (ListOptions | undefined)[] = [
  undefined,
  {},
  { order: 'asc' },
  { orderBy: 'createdAt' },
  { orderBy: 'id' },
  { activeAgent: 'writer' },
  { idPrefix: 's' },
  { createdAfter: at(0) },
  { createdBefore: at(1) },
  { updatedAfter: at(1) },
  { updatedBefore: at(2) },
];

/** The listings that give other ids than these, each with what it gives. */
export async function listingsBut(ids: readonly string[], adapter: StorageAdapter): Promise<unknown[]> {
  const given = await Promise.all(
    LISTINGS.map(async (options) => ({ options, found: await adapter.listSessions(options) })),
  );
  return given.filter(({ found }) => found.join('\n') !== ids.join('\n'));
}

/** Numbers below what is asked for, by chance, and the same ones at every run. */
export function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** How far clocks may differ, the store's and the caller's, in milliseconds: less than any rounding to seconds makes of it. */
export const OUT_BY = 200;

const PATIENCE_MS = 5_000;

/** Waits until the condition holds. Throws when it does not within five seconds. */
export async function eventually(condition: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + PATIENCE_MS;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`it did not come about within ${PATIENCE_MS / 1000} seconds`);
    await delay(5);
  }
}

/**
 * When a key that is being set is gone again, in milliseconds, at the least and at the most: `asked` since it was set is the last
 * question that found it, `answered` since it was to be set is the answer that there is none. However slow a store is,
 * its key may not be gone before its time by the one, nor be there after it by the other.
 */
export async function untilGone(
  adapter: StorageAdapter,
  key: string,
  set: () => Promise<void>,
): Promise<{ asked: number; answered: number }> {
  const called = performance.now();
  await set();
  const done = performance.now();
  let [last, asking] = [done, done];
  await eventually(async () => {
    last = asking;
    // Whoever reads it does not prolong it.
    await adapter.get(key);
    asking = performance.now();
    return !(await adapter.has(key));
  });
  return { asked: last - done, answered: performance.now() - called };
}
