/** A store in files, and what is put into it. */
import { join } from 'node:path';

import { FileStorageAdapter, type ChatSession } from '../../ts/index.js';
import { runNode } from './child.js';
import { temporaryDirectory } from './temporary.js';

/** A store that waits for no disk. */
export const open = (path = temporaryDirectory()): FileStorageAdapter =>
  new FileStorageAdapter({ path, durability: 'process' });

export function conversation(id: string, count = 2): ChatSession {
  const messages = Array.from({ length: count }, (_, at) => ({
    id: `m${at}`,
    role: 'user' as const,
    content: `message ${at} – "é"`,
    timestamp: new Date(at),
  }));
  return { id, activeAgent: 'writer', messages, createdAt: new Date(1), updatedAt: new Date(2) };
}

/** Whose `OWNER` names the process that loads it. */
export const ownerModule = join(__dirname, '..', '..', 'dist', 'storage', 'file', 'owner.js');

/** A process that has ended, as the owner of something. */
export async function deadProcess(): Promise<string> {
  const { output } = await runNode(['-p', `require(${JSON.stringify(ownerModule)}).OWNER`], {
    cwd: temporaryDirectory(),
  });
  return output.trim();
}
