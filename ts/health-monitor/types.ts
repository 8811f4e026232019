/** What the health monitor takes and tells. */
import type { Worker } from 'node:worker_threads';

import type { Event, EventReplayStorage } from '../types.js';

/**
 * Anything that can be watched. All members are optional, but an agent needs an `id` or a `name`.
 * An agent without `ping()` is never judged by silence.
 */
export interface MonitoredAgent {
  /** Names the agent; where it is missing, `name` does. */
  readonly id?: string | undefined;
  readonly name?: string | undefined;
  /** As an EventEmitter has it: the monitor listens for signs of life. */
  on?(event: string, listener: () => void): unknown;
  /** Takes a listener off again. */
  off?(event: string, listener: () => void): unknown;
  /** Answers by resolving, with anything. Called only after an interval of silence. */
  ping?(): Promise<unknown>;
  /** Brings the agent back. Goes before the `restart` of the monitor. */
  restart?(): Promise<void>;
}

/** What is done about an agent that is gone. */
export type RecoveryStrategy = 'restart' | 'replace' | 'alert';

/** How long to wait between attempts to recover one agent. The first attempt that counts waits for nothing. */
export interface BackoffOptions {
  /** Milliseconds before the second attempt. Default: 1,000. */
  initialDelay?: number;
  /** What each further attempt multiplies that by. Default: 2. */
  factor?: number;
  /** No wait is longer, in milliseconds. Default: 30,000. */
  maxDelay?: number;
  /** The part of each wait that is left to chance, 0 to 1, so that many agents do not come back at once. Default: 0.5. */
  jitter?: number;
}

/** Where health events go as well: a SmallTalkEventBus, or any other emitter. */
export interface HealthBus {
  emit(event: string, ...args: unknown[]): boolean;
}

/** Options of {@link AgentHealthMonitor}. */
export interface HealthMonitorConfig {
  /** Milliseconds of silence after which an agent is pinged; at least 10. Default: 2,000. */
  heartbeatInterval?: number;
  /** Milliseconds of silence after which an agent with an unanswered ping is gone, however few beats it missed. Default: 5,000. */
  activityTimeout?: number;
  /** Missed beats that make an agent `disconnected`. Default: 2. */
  maxMissedBeats?: number;
  /** What is done about it. Where there is nothing to call, `restart` does what `alert` does. Default: `restart`. */
  recoveryStrategy?: RecoveryStrategy;
  /** Restarts agents that have no `restart()` of their own. */
  restart?(agent: MonitoredAgent): Promise<void>;
  /** Makes a new agent in place of one that is gone; it is watched under the same id. */
  replace?(agent: MonitoredAgent): Promise<MonitoredAgent>;
  /**
   * Attempts within one outage, however long it goes on, with those of outages that ended within the last `recoveryWindow`; when they
   * are used up, the agent is `failed`. Default: 3.
   */
  maxRecoveries?: number;
  /** Milliseconds for which an attempt counts from the end of its outage: the agent is healthy, or was given up. Default: 60,000. */
  recoveryWindow?: number;
  /**
   * Milliseconds after which an attempt that has not settled counts as failed, as does one whose `onMissed`, or the log with its
   * next event, takes longer. Default: 30,000.
   */
  recoveryTimeout?: number;
  backoff?: BackoffOptions;
  /** Events of agents that are signs of life, beside `response_generated`, `task_completed` and `tool_executed`. */
  activityEvents?: readonly string[];
  /**
   * Milliseconds for which an event loop may run one piece of work before it is frozen; at least 20. `false`: nobody
   * watches the loop of this monitor, and it hears of no other. Default: 1,000.
   */
  loopThreshold?: number | false;
  /** Gets every event of the monitor as well. */
  bus?: HealthBus;
  /** Where a frozen loop is recorded, and from where agents that were recovered get what they missed. */
  log?: EventReplayStorage;
}

/** Options of {@link AgentHealthMonitor.registerAgent}. */
export interface RegisterOptions {
  /** For this agent instead of the monitor's. */
  recoveryStrategy?: RecoveryStrategy;
  /** The sessions of the log whose critical events the agent must not miss. */
  sessions?: readonly string[];
  /**
   * Gets, after a recovery, one after the other, what it missed; also where the agent answers too late for the attempt that
   * has brought it back. A rejection fails the recovery.
   */
  onMissed?(event: Event): void | Promise<void>;
  /** The thread that the agent lives in: when its loop is frozen or it ends, so is the agent. */
  worker?: Worker;
  /**
   * Starts the thread anew: the agent is recovered by terminating the old one and calling this. Without it, or where it is not
   * going to be called, an agent that was replaced, or whose worker has ended, is not tied to that any more: a sign of life
   * shows that it goes on elsewhere.
   */
  spawn?(): Worker;
}

/** Options of {@link AgentHealthMonitor.track}. */
export interface TrackOptions {
  /** Milliseconds after which the work is overdue. Default: 120,000. */
  deadline?: number;
  /** Names the work in the agent's health. Default: the name of the function, or `work`. */
  kind?: string;
}

/**
 * `healthy`: it gave a sign of life, or nobody had a reason to ask. `busy`: the same, with work in flight. `suspect`: it
 * missed a beat, its work is overdue, or the loop it lives in is frozen. `disconnected`: it is gone. `recovering`: it is
 * being brought back. `failed`: that was given up. A sign of life leads back to `healthy`.
 */
export type AgentState = 'healthy' | 'busy' | 'suspect' | 'disconnected' | 'recovering' | 'failed';

/** Why an agent is not healthy: it was silent, it rejected pings, its work is overdue, its worker is frozen or has ended. */
export type HealthReason = 'silent' | 'rejected' | 'overdue' | 'frozen' | 'exited';

/** An error, as plain data. */
export interface ErrorSummary {
  name: string;
  message: string;
  code?: string;
}

/** How an agent does; plain data, taken at one moment. */
export interface AgentHealth {
  id: string;
  state: AgentState;
  /** When it came into this state, in epoch milliseconds. */
  since: number;
  /**
   * Milliseconds since its last sign of life, or since it was given work, give or take a tenth of the interval; a frozen event loop
   * does not count.
   */
  silentFor: number;
  missedBeats: number;
  /** Why it is not healthy. */
  reason: HealthReason | null;
  /** Tracked work in flight. */
  tracked: number;
  /** What the last ping or the last attempt to recover failed with. */
  error: ErrorSummary | null;
  /** What it did last: an event's name, `ping`, what `recordActivity` was told, or the kind of the work that it was given. */
  lastActivity: string | null;
  /** What is done when it is gone. */
  recoveryStrategy: RecoveryStrategy;
  /** Attempts to recover it that count: those of the present outage, and of others that ended within the last `recoveryWindow`. */
  recoveries: number;
}

/** What the `agent:…` events carry. */
export interface AgentTransition extends AgentHealth {
  previous: AgentState;
}

/** What `alert` carries: something that nobody but a human, or the listener, can mend. */
export interface HealthAlert {
  /** An agent is gone and only telling was asked for; recovery was given up; or the monitor itself no longer watches. */
  kind: 'agent-disconnected' | 'recovery-failed' | 'monitor-lost';
  message: string;
  /** The agent it is about. */
  agent: AgentHealth | null;
}

/** What ran synchronously when a loop froze: the dispatch of an event, or a tracked function. */
export interface LoopHolder {
  /** Whose work it was, where the event or the function belongs to an agent. */
  agentId?: string;
  /** The event that was being dispatched. */
  event?: string;
  /** The name of the function that was running. */
  listener?: string;
}

/** What `loop:frozen` and `loop:thawed` carry. */
export interface LoopNews {
  /** `main`, or `worker` and the id of its thread. */
  loop: string;
  threadId: number;
  pid: number;
  /** Milliseconds for which it has been frozen by then, or was. */
  frozenFor: number;
  /** The threshold it went past, in milliseconds. */
  threshold: number;
  /** What it was running; null for what nobody can name. */
  holder: LoopHolder | null;
  /** When it was noticed, in epoch milliseconds. */
  at: number;
}

/** What `degraded` and `restored` carry. */
export interface Degradation {
  /** The ids of the agents that are failing. */
  failing: string[];
}

/** The events of {@link AgentHealthMonitor}, with their arguments. */
export interface HealthEvents {
  'agent:suspect': [AgentTransition];
  'agent:disconnected': [AgentTransition];
  /** One for each attempt. */
  'agent:recovering': [AgentTransition];
  /** The agent is healthy again, by itself or by recovery. */
  'agent:recovered': [AgentTransition];
  'agent:failed': [AgentTransition];
  alert: [HealthAlert];
  /** An event loop of the process has been running one piece of work for the threshold. Its own monitors hear it late. */
  'loop:frozen': [LoopNews];
  /** It runs again, or has ended. */
  'loop:thawed': [LoopNews];
  /** More than 3 agents failed within 30 s. */
  degraded: [Degradation];
  /** Fewer than 2 agents have been failing for 120 s. */
  restored: [Degradation];
  /** A listener of the event named second threw. */
  'listener:error': [unknown, string];
}

/** The listener of an event of {@link AgentHealthMonitor}. */
export type HealthListener<K extends keyof HealthEvents> = (...args: HealthEvents[K]) => void;

/** What {@link AgentHealthMonitor.getStats} tells. Counters count from the opening of the monitor. */
export interface HealthStats {
  /** `false` after `stop()`. */
  running: boolean;
  totalAgents: number;
  healthyAgents: number;
  busyAgents: number;
  suspectAgents: number;
  disconnectedAgents: number;
  recoveringAgents: number;
  failedAgents: number;
  pings: number;
  rejectedPings: number;
  recoveryAttempts: number;
  successfulRecoveries: number;
  /** Tracked work in flight. */
  tracked: number;
  /** Freezes of event loops that the monitor heard of. */
  loopFreezes: number;
  /** Whether more than 3 agents failed within 30 s, and it is not over. */
  degraded: boolean;
}
