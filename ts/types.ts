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
