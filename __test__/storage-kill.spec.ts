import { join } from 'node:path';

import {
  FileStorageAdapter,
  SQLiteStorageAdapter,
  type ChatSession,
  type Durability,
  type StorageAdapter,
} from '../ts/index.js';
import { killLoop, type Life } from './support/kill-loop.js';
import { temporaryDirectory } from './support/temporary.js';

const KILLS = 25;

/** The longest state of each session among tokens of the form `<session>:<number of messages>`. */
function longest(tokens: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const token of tokens) {
    const colon = token.lastIndexOf(':');
    const id = token.slice(0, colon);
    counts.set(id, Math.max(counts.get(id) ?? 0, Number(token.slice(colon + 1))));
  }
  return counts;
}

/** What a session of `count` messages must be, to the last character. */
function expected(id: string, count: number): ChatSession {
  const messages = Array.from({ length: count }, (_, index) => ({
    id: `m${index + 1}`,
    role: 'user' as const,
    content: `${index + 1} `.repeat(200),
    timestamp: new Date(index + 1),
  }));
  return { id, messages, createdAt: new Date(0), updatedAt: new Date(count) };
}

/** Every session is whole, at least as long as acknowledged and no longer than begun. */
async function verify(adapter: StorageAdapter, life: Life): Promise<number> {
  const begun = longest(life.everBegun);
  for (const [id, count] of longest(life.everAcknowledged)) {
    const session = await adapter.getSession(id);
    const length = session?.messages.length ?? 0;
    if (length < count) throw new Error(`session ${id} was acknowledged with ${count} messages and has ${length}`);
    expect(length).toBeLessThanOrEqual(begun.get(id) as number);
    expect(session).toEqual(expected(id, length));
  }
  const known = new Set(begun.keys());
  for (const id of await adapter.listSessions()) expect(known.has(id)).toBe(true);
  await adapter.close();
  return life.acknowledged.length;
}

const adapters = { SQLiteStorageAdapter, FileStorageAdapter };

test.each<[keyof typeof adapters, Durability]>([
  ['SQLiteStorageAdapter', 'power'],
  ['SQLiteStorageAdapter', 'process'],
  ['FileStorageAdapter', 'power'],
])(
  `${KILLS} kills in the middle of saves lose nothing acknowledged (%s, %s)`,
  async (name, durability) => {
    const path = join(temporaryDirectory(), 'sessions');
    const report = await killLoop({
      script: join(__dirname, 'support', 'sessions-child.cjs'),
      args: (round) => [name, path, durability, String(round)],
      rounds: KILLS,
      verify: (life) => verify(new adapters[name]({ path }), life),
    });
    console.log(`${name}, ${durability}: ${report.kills} kills, ${report.checked} acknowledged saves, none lost`);
    expect(report.checked).toBeGreaterThanOrEqual(KILLS);
  },
  120_000,
);
