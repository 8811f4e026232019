/** What the suites store, and how they wait. */
import { setTimeout as delay } from 'node:timers/promises';

import type { ChatSession } from '../types.js';

/** A moment, so many minutes after a fixed one. */
export function at(minute: number): Date {
  return new Date(Date.UTC(2025, 10, 23, 12, minute));
}

/** A session with two messages; made anew for each use, always the same for one id. */
export function sampleSession(id: string): ChatSession {
  return {
    id,
    activeAgent: 'writer',
    context: { topic: 'rivers', turns: 2, tags: ['a', 'b'] },
    // No member that anybody knows: it is kept all the same.
    weather: { sky: 'clear' },
    createdAt: at(0),
    updatedAt: at(1),
    messages: [
      { id: `${id}-m1`, role: 'user', content: 'Where does the Rhône rise? 🏔', timestamp: at(0), asked: 'aloud' },
      {
        id: `${id}-m2`,
        role: 'agent',
        agentName: 'writer',
        content: 'In the Valais, at the Rhône glacier — "ein Gletscher".',
        timestamp: at(1),
        metadata: { tokens: 17, tools: ['search'] },
      },
    ],
  };
}

/** Numbers below what is asked for, by chance, and the same ones at every run. */
export function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const PATIENCE_MS = 5_000;

/** Waits until the condition holds. Throws when it does not within five seconds. */
export async function eventually(condition: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + PATIENCE_MS;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`it did not come about within ${PATIENCE_MS / 1000} seconds`);
    await delay(5);
  }
}
