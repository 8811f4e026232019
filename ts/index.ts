import './supported.js';

export {
  ConflictError,
  CorruptionError,
  EventLogError,
  HealthError,
  SmallTalkError,
  StorageError,
  type ErrorCode,
} from './errors.js';
export {
  AgentHealthMonitor,
  type AgentHealth,
  type AgentState,
  type AgentTransition,
  type BackoffOptions,
  type Degradation,
  type ErrorSummary,
  type HealthAlert,
  type HealthBus,
  type HealthEvents,
  type HealthListener,
  type HealthMonitorConfig,
  type HealthReason,
  type HealthStats,
  type LoopHolder,
  type LoopNews,
  type MonitoredAgent,
  type RecoveryStrategy,
  type RegisterOptions,
  type TrackOptions,
} from './health-monitor.js';
export type { Work } from './health-monitor/tracking.js';
export type { Unsupported } from './codec.js';
export type {
  AppendReceipt,
  ChatMessage,
  ChatSession,
  CleanupReport,
  Durability,
  Event,
  EventKind,
  EventPriority,
  EventReplayStorage,
  EventStream,
  NewEvent,
  ReplayOptions,
  StreamOutcome,
} from './types.js';
export type { ListOptions, StorageAdapter, StorageStats } from './storage/adapter.js';
export {
  supports,
  type Capability,
  type Damage,
  type KeyOptions,
  type MessageRange,
  type PruneOptions,
  type PruneReport,
  type SaveVersionedOptions,
  type SessionInfo,
  type StorageCapabilities,
  type UpkeepOptions,
  type VerifyReport,
  type VersionedSession,
  type WriteOptions,
} from './storage/capabilities.js';
export { createStorageAdapter, type OnFallback, type StorageConfig } from './storage/create.js';
export { FileStorageAdapter } from './storage/file.js';
export type { FileStorageOptions } from './storage/file/options.js';
export { InMemoryStorageAdapter, type InMemoryStorageOptions } from './storage/memory.js';
export { migrate, type MigrateOptions, type MigrateProgress, type MigrateReport } from './storage/migrate.js';
export { SQLiteStorageAdapter, type SQLiteStorageOptions } from './storage/sqlite.js';
export { SmallTalkEventBus, type EventBusOptions } from './event-bus.js';
export type { EventHistory } from './event-bus/history.js';
export type { ScopeMetadata } from './event-bus/scope.js';
export type {
  AnyBusEvents,
  AnyListener,
  Args as EventArgs,
  BusEvents,
  BusReplayOptions,
  BusStats,
  EventMap,
  Fn as ListenerOf,
  HistoryOptions,
  LogStats,
  Name as EventName,
  ReplayReport,
  Scope,
  StoredEvent,
  Topic,
} from './event-bus/types.js';
export { JsonlEventReplayStorage, type SubscribeOptions } from './event-log.js';
export type { EventConsumer } from './event-log/consumer.js';
export type { JsonlEventLogOptions, TailOptions } from './event-log/options.js';
export type { EventLogStats, EventLogVerifyReport, RecoveryReport } from './event-log/stats.js';
export {
  openSmallTalk,
  type OpenOptions,
  type OwnEventLog,
  type ReportedEvents,
  type SmallTalk,
  type SmallTalkOrFallback,
} from './open.js';
