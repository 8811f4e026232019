/** What the health monitor takes and tells. */

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

/** How long to wait between attempts to recover one agent. The first attempt of a `recoveryWindow` waits for nothing. */
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
  /** Attempts within `recoveryWindow`; when they are used up, the agent is `failed`. Default: 3. */
  maxRecoveries?: number;
  /** Milliseconds for which an attempt counts. Default: 60,000. */
  recoveryWindow?: number;
  /** Milliseconds after which an attempt that has not settled counts as failed. Default: 30,000. */
  recoveryTimeout?: number;
  backoff?: BackoffOptions;
  /** Events of agents that are signs of life, beside `response_generated`, `task_completed` and `tool_executed`. */
  activityEvents?: readonly string[];
  /** Gets every event of the monitor as well. */
  bus?: HealthBus;
}

/** Options of {@link AgentHealthMonitor.registerAgent}. */
export interface RegisterOptions {
  /** For this agent instead of the monitor's. */
  recoveryStrategy?: RecoveryStrategy;
}

/**
 * `healthy`: it gave a sign of life, or nobody had a reason to ask. `suspect`: it missed a beat. `disconnected`: it is
 * gone. `recovering`: it is being brought back. `failed`: that was given up. A sign of life always leads back to `healthy`.
 */
export type AgentState = 'healthy' | 'suspect' | 'disconnected' | 'recovering' | 'failed';

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
  /** Milliseconds since its last sign of life, give or take a tenth of the interval; a frozen event loop does not count. */
  silentFor: number;
  missedBeats: number;
  /** Why it is not healthy: it was silent, or it rejected pings. */
  reason: 'silent' | 'rejected' | null;
  /** What the last ping or the last attempt to recover failed with. */
  error: ErrorSummary | null;
  /** What the last sign of life was: an event's name, `ping`, or what `recordActivity` was told. */
  lastActivity: string | null;
  /** What is done when it is gone. */
  recoveryStrategy: RecoveryStrategy;
  /** Attempts to recover it within the last `recoveryWindow`. */
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
  /** A listener of the event named second threw. */
  'listener:error': [unknown, string];
}

/** What {@link AgentHealthMonitor.getStats} tells. Counters count from the opening of the monitor. */
export interface HealthStats {
  /** `false` after `stop()`. */
  running: boolean;
  totalAgents: number;
  healthyAgents: number;
  suspectAgents: number;
  disconnectedAgents: number;
  recoveringAgents: number;
  failedAgents: number;
  pings: number;
  rejectedPings: number;
  recoveryAttempts: number;
  successfulRecoveries: number;
}
