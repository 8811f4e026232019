export {
  ConflictError,
  CorruptionError,
  EventLogError,
  HealthError,
  SmallTalkError,
  StorageError,
  type ErrorCode,
} from './errors.js';
