/** What the parts of the package have in common. */

/* eslint-disable @typescript-eslint/no-explicit-any -- as in the origin: users keep there what they like */
/** One message of a conversation. Members beyond these are kept as they are. */
export interface ChatMessage {
  id: string;
  role: 'user' | 'assistant' | 'system' | 'agent';
  content: string;
  timestamp: Date;
  agentName?: string;
  metadata?: Record<string, any>;
  streaming?: boolean;
  planId?: string;
  stepId?: string;
  [extra: string]: any;
}

/** A conversation. Members beyond these are kept as they are. */
export interface ChatSession {
  id: string;
  messages: ChatMessage[];
  activeAgent?: string;
  context?: Record<string, any>;
  createdAt: Date;
  updatedAt: Date;
  [extra: string]: any;
}

/** Critical events are what a replay brings back by default. */
export type EventPriority = 'critical' | 'normal';

/** What an acknowledged write survives: the process being killed (`process`), or the machine losing power (`power`). */
export type Durability = 'process' | 'power';

/** An event as it is handed to a log. */
export interface NewEvent {
  topic: string;
  /** Whatever survives: see the values that are kept. `undefined` that is given comes back, too. */
  payload?: unknown;
  /** Default: critical for agent_handoff, plan_created, user_interrupted and orchestration_decision, else normal. */
  priority?: EventPriority;
  /** Default: a UUIDv7 (RFC 9562). */
  id?: string;
  /** Milliseconds since the epoch, by which the retention tells how old it is. Default: now. */
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
  /** Those in the archive, too. Default false. */
  archived?: boolean;
  signal?: AbortSignal;
}

/** What events on the short road have in common. */
export type EventKind = Pick<NewEvent, 'topic' | 'priority' | 'conversationId' | 'agentId' | 'metadata'>;

/** The short road into a log. Its events are stored in the order in which they, and those of `append`, were given. */
export interface EventStream {
  /** An event's session and what it has in common with others, looked at once; to be used again and again. */
  kind(sessionId: string, event: EventKind): object;
  /**
   * An event as text, as it is now. `payload` must be a list of the caller's own. Throws where it cannot be encoded, or the
   * log is closed.
   */
  encode(kind: object, payload: readonly unknown[], timestamp: number): string;
  /** Stores what was encoded with the others of this turn. What keeps it from being stored comes back with `origin`. */
  add(kind: object, text: string, origin: object): void;
  /** Settles when everything that was added has been. */
  idle(): Promise<void>;
}

/** What became of the events of one turn. */
export interface StreamOutcome {
  /** How many they were. */
  events: number;
  /** The characters that they took. */
  characters: number;
  /** Those that are not stored. */
  failures: readonly { error: Error; origin: object }[];
}

/** A durable log of events by session: any object with these methods, ours or yours. */
export interface EventReplayStorage {
  /** Says that `append` is done with the event, however large, when it returns its promise. Absent: a bus hands over a copy. */
  readonly encodesAtOnce?: boolean;
  /**
   * Stores the event as it was at the call, whatever becomes of the object afterwards: a log that waits for something first makes
   * a copy before. Nobody else makes one, but a bus does where `encodesAtOnce` is absent.
   */
  append(sessionId: string, event: NewEvent): Promise<AppendReceipt | void>;
  /**
   * A short road for a bus: many events, of which nobody waits for a receipt. `settled` is called once for all of a turn of
   * the loop. Absent, or null: a bus uses `append`.
   */
  openEventStream?(settled: (outcome: StreamOutcome) => void): EventStream | null;
  replay(sessionId: string, options?: ReplayOptions): AsyncIterable<Event>;

  cleanup(retentionMs: number): Promise<CleanupReport | void>;
}
