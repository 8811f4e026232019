/** What an event log is: any object with these methods, ours or yours. */
import type { EventPriority } from '../types.js';

/** An event as it is handed to a log. */
export interface NewEvent {
  topic: string;
  payload?: unknown;
  /** Default: critical for agent_handoff, plan_created, user_interrupted and orchestration_decision, else normal. */
  priority?: EventPriority;
  /** Default: a UUIDv7 (RFC 9562). */
  id?: string;
  /** Milliseconds since the epoch. Default: now. */
  timestamp?: number;
  conversationId?: string;
  agentId?: string;
  metadata?: Record<string, unknown>;
}

/** An event as it is read back. */
export interface Event extends NewEvent {
  /** Per session: grows, need not be dense, is never handed out twice. */
  seq: number;
  id: string;
  priority: EventPriority;
  /** Milliseconds since the epoch. */
  timestamp: number;
  sessionId: string;
}

/** Proof that an event is stored. */
export interface AppendReceipt {
  seq: number;
  id: string;
  /** Milliseconds since the epoch. */
  timestamp: number;
}

/** What a clean-up did. */
export interface CleanupReport {
  /** Files moved to the archive. */
  archived: number;
  /** Files deleted from the archive. */
  deleted: number;
  bytesFreed: number;
}

/** Which events of a session. Everything given must hold. */
export interface ReplayOptions {
  /** Inclusive, milliseconds since the epoch. */
  since?: number;
  /** Inclusive, milliseconds since the epoch. */
  until?: number;
  /** Exclusive. */
  afterSeq?: number;
  /** Default `critical`. */
  priority?: 'critical' | 'all';
  topics?: string[];
  /** The newest so many. */
  last?: number;
  /** Of those, the oldest so many. */
  limit?: number;
  signal?: AbortSignal;
}

/** What a log counts, and what its opening found. */
export interface EventLogStats {
  directory: string;
  /** Sessions with events within the retention. */
  sessions: number;
  /** Their files. */
  files: number;
  /** Their events. */
  events: number;
  /** The size of those files. */
  bytes: number;
  /** Bytes that wait to be written. */
  queuedBytes: number;
  /** Events written since the opening. */
  appended: number;
  /** Files moved to the archive since the opening. */
  archived: number;
  /** Files deleted from the archive since the opening. */
  deleted: number;
  recovery: RecoveryReport;
}

/** What opening a log found. */
export interface RecoveryReport {
  /** Whether the last owner closed it in order, or there was none. */
  clean: boolean;
  /** Events found. */
  events: number;
  /** Unfinished last lines that were cut off: events that nobody was promised. */
  torn: { file: string; bytes: number }[];
  /** Bytes that are no events. They are skipped, stay where they are, and are copied to `copy`. */
  damaged: { file: string; offset: number; bytes: number; copy: string }[];
}

/** A durable log of events by session. */
export interface EventReplayStorage {
  append(sessionId: string, event: NewEvent): Promise<AppendReceipt | void>;
  replay(sessionId: string, options?: ReplayOptions): AsyncIterable<Event>;
  cleanup(retentionMs: number): Promise<CleanupReport | void>;
}
