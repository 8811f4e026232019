/**
 * Every error that users meet. Codes are API, one heading each in `docs/errors.md`; messages are not.
 * Errors are told apart by brand, not by class identity: a test runner may load this module many times in one process.
 */

/** What went wrong, for programs. */
export type ErrorCode =
  | 'ERR_CLOSED'
  | 'ERR_FULL'
  | 'ERR_BACKPRESSURE'
  | 'ERR_IO'
  | 'ERR_BUSY'
  | 'ERR_LOCKED'
  | 'ERR_CORRUPT'
  | 'ERR_CONFLICT'
  | 'ERR_SESSION_UNKNOWN'
  | 'ERR_AGENT_UNKNOWN'
  | 'ERR_ID_INVALID'
  | 'ERR_TTL_INVALID'
  | 'ERR_OPTION_INVALID'
  | 'ERR_VALUE_UNSUPPORTED'
  | 'ERR_VALUE_TOO_LARGE'
  | 'ERR_VALUE_TOO_DEEP'
  | 'ERR_VERSION'
  | 'ERR_TIMEOUT'
  | 'ERR_INDETERMINATE'
  | 'ERR_ADAPTER_CONTRACT'
  | 'ERR_UNAVAILABLE'
  | 'ERR_NATIVE_UNAVAILABLE'
  | 'ERR_PANIC';

/** Members beside the code and the message. */
export interface ErrorDetails {
  /** What brought it about. */
  cause?: unknown;
  /** Whether the same call may succeed later with nobody repairing anything. Default: by code. */
  retryable?: boolean;
  /** Where in a value the trouble is, as a JSON Pointer (RFC 6901); `''` is the value itself. */
  path?: string;
  /** The process that stands in the way. */
  owner?: number;
  /** With a conflict, the version that was to be there; null: none. */
  expected?: number | null;
  /** With a conflict, the version that is there; null: none. */
  actual?: number | null;
}

const RETRYABLE: ReadonlySet<ErrorCode> = new Set([
  'ERR_FULL',
  'ERR_BACKPRESSURE',
  'ERR_BUSY',
  'ERR_LOCKED',
  'ERR_CONFLICT',
  'ERR_TIMEOUT',
  'ERR_UNAVAILABLE',
]);

/** The brand of each class here. One that a program derives has none. */
const brands = new Map<unknown, symbol>();

/** The base of all errors of this package. */
export class SmallTalkError extends Error {
  readonly code: ErrorCode;
  /** Whether the same call may succeed later with nobody repairing anything. */
  readonly retryable: boolean;
  declare readonly path?: string;
  declare readonly owner?: number;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, 'cause' in details ? { cause: details.cause } : undefined);
    this.code = code;
    this.retryable = details.retryable ?? RETRYABLE.has(code);
    if (details.path !== undefined) this.path = details.path;
    if (details.owner !== undefined) this.owner = details.owner;
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    const brand = brands.get(this);
    if (brand === undefined) return Function.prototype[Symbol.hasInstance].call(this, value);
    return typeof value === 'object' && value !== null && brand in value;
  }
}

/** A storage adapter could not do what was asked. */
export class StorageError extends SmallTalkError {}
/** Somebody else changed it first. */
export class ConflictError extends StorageError {
  /** The version that was to be there; null: none. */
  readonly expected: number | null;
  /** The version that is there; null: none. */
  readonly actual: number | null;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(code, message, details);
    this.expected = details.expected ?? null;
    this.actual = details.actual ?? null;
  }
}
/** Stored bytes are not what was written. */
export class CorruptionError extends SmallTalkError {}
/** The event log could not do what was asked. */
export class EventLogError extends SmallTalkError {}
/** The health monitor could not do what was asked. */
export class HealthError extends SmallTalkError {}

// By names that are written here: whoever shortens names in a bundle changes those of the classes.
for (const [name, constructor] of [
  ['SmallTalkError', SmallTalkError],
  ['StorageError', StorageError],
  ['ConflictError', ConflictError],
  ['CorruptionError', CorruptionError],
  ['EventLogError', EventLogError],
  ['HealthError', HealthError],
] as const) {
  const brand = Symbol.for(`smalltalk-native.${name}`);
  brands.set(constructor, brand);
  Object.defineProperty(constructor.prototype, brand, { value: true });
  Object.defineProperty(constructor.prototype, 'name', { value: name, configurable: true, writable: true });
}

/** The class for errors of one room. */
export type ErrorRoom = new (code: ErrorCode, message: string, details?: ErrorDetails) => SmallTalkError;

/** What the binary tells of an error. */
interface Failure {
  code: string;
  message: string;
  retryable?: boolean;
  owner?: number | null;
  expected?: number | null;
  actual?: number | null;
}

/** Makes an error of its class from what the binary tells: the one place where that happens. */
export function fromNative(failure: Failure, Room: ErrorRoom): SmallTalkError {
  const known = String(failure.code).startsWith('ERR_');
  const code = known ? (failure.code as ErrorCode) : 'ERR_PANIC';
  const details: ErrorDetails = known ? {} : { cause: failure };
  if (failure.retryable !== undefined) details.retryable = failure.retryable;
  if (typeof failure.owner === 'number') details.owner = failure.owner;
  if (code === 'ERR_CORRUPT') return new CorruptionError(code, failure.message, details);
  if (code === 'ERR_CONFLICT') {
    const { expected = null, actual = null } = failure;
    return new ConflictError(code, failure.message, { ...details, expected, actual });
  }
  return new Room(code, failure.message, details);
}
