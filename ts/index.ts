export {
  ConflictError,
  CorruptionError,
  EventLogError,
  HealthError,
  SmallTalkError,
  StorageError,
  type ErrorCode,
} from './errors.js';
export type { Unsupported } from './codec.js';
export type { ChatMessage, ChatSession, Durability, EventPriority } from './types.js';
export type { ListOptions, StorageAdapter, StorageStats } from './storage/adapter.js';
export { createStorageAdapter, type OnFallback, type StorageConfig } from './storage/create.js';
export { InMemoryStorageAdapter, type InMemoryStorageOptions } from './storage/memory.js';
export { SQLiteStorageAdapter, type SQLiteStorageOptions } from './storage/sqlite.js';
