/** What a bus keeps of an event, where its user has a say in that. */
import type { StoredEvent } from './types.js';

/** Asks `redact`, which gets a copy. Throws what it throws, and a TypeError for what is neither an event nor null. */
export function redactedBy(redact: (event: StoredEvent) => StoredEvent | null, event: StoredEvent): StoredEvent | null {
  const result: unknown = redact({ ...event, args: [...event.args] });
  if (result === null) return null;
  const copied = typeof result === 'object' ? copyOf(result as StoredEvent) : result;
  if (isEvent(copied)) return copied;
  throw new TypeError('redact must return an event or null');
}

/** Read once, and here, where whoever gave it hears of members that throw; some may be inherited. */
function copyOf({ seq, event, args, timestamp, priority, metadata }: StoredEvent): StoredEvent {
  const isObject = typeof metadata === 'object' && (metadata as object | null) !== null;
  return { seq, event, args, timestamp, priority, metadata: isObject ? { ...metadata } : metadata };
}

/** JavaScript has no compiler that would have noticed; an emitter must not be the one who does. */
function isEvent(value: unknown): value is StoredEvent {
  if (typeof value !== 'object' || value === null) return false;
  const { event, args, priority, metadata, timestamp } = value as Partial<StoredEvent>;
  return (
    typeof event === 'string' &&
    Array.isArray(args) &&
    (priority === 'critical' || priority === 'normal') &&
    typeof metadata === 'object' &&
    (metadata as object | null) !== null &&
    Number.isFinite(timestamp)
  );
}
