/** The sessions of a memory adapter: encoded, each with a version. */
import { copyOf } from '../../ids.js';
import type { EncodedSession } from '../../session.js';
import type { ListQuery } from '../arguments.js';
import { selected } from '../listing.js';
import { checkVersion, countOf, unknownSession, withMessages, type EncodedMessages } from '../record.js';

/** A session as it is kept. */
export interface KeptSession extends EncodedSession {
  version: number;
}

export class MemorySessions {
  readonly #kept = new Map<string, KeptSession>();
  /** The version handed out last: one count for all, so that it grows across deleting a session and making it anew. */
  #version = 0;

  get size(): number {
    return this.#kept.size;
  }

  /** Characters of what is kept. */
  get length(): number {
    let length = 0;
    for (const session of this.#kept.values()) length += lengthOf(session);
    return length;
  }

  get(id: string): KeptSession | undefined {
    return this.#kept.get(id);
  }

  /** Gives the version. */
  save(id: string, session: EncodedSession): number {
    this.#version += 1;
    this.#kept.set(this.#kept.has(id) ? id : copyOf(id), { ...session, version: this.#version });
    return this.#version;
  }

  /** Gives the version. Throws a `ConflictError` where it is not the expected one that is stored. */
  saveVersioned(id: string, session: EncodedSession, expected: number | null): number {
    checkVersion(id, expected, this.#kept.get(id)?.version ?? null);
    return this.save(id, session);
  }

  /** Gives the session as it is afterwards. */
  append(id: string, added: EncodedMessages, now: number): EncodedSession {
    const stored = this.#kept.get(id);
    if (stored === undefined) throw unknownSession(id);
    const longer = withMessages(stored, added, now);
    this.save(id, longer);
    return longer;
  }

  delete(id: string): boolean {
    return this.#kept.delete(id);
  }

  clear(): void {
    this.#kept.clear();
  }

  list(query: ListQuery): string[] {
    return selected(this.#kept, query);
  }

  /** Removes those that were changed before a moment; a dry run only counts them. */
  prune(updatedBefore: number, dryRun: boolean): { sessions: number; messages: number; bytesFreed: number } {
    const report = { sessions: 0, messages: 0, bytesFreed: 0 };
    for (const [id, session] of this.#kept) {
      if (session.updatedAt >= updatedBefore) continue;
      report.sessions += 1;
      report.messages += countOf(session);
      report.bytesFreed += lengthOf(session);
      if (!dryRun) this.#kept.delete(id);
    }
    return report;
  }

  /** Messages of all sessions. */
  countMessages(): number {
    let count = 0;
    for (const session of this.#kept.values()) count += countOf(session);
    return count;
  }
}

/** How large a session is, in characters. */
export function lengthOf({ head, messages }: EncodedSession): number {
  return head.text.length + messages.length;
}
