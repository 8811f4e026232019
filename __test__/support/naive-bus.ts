/** What a bus has to remember and to send again, written as simply as it can be: everything in one array. */
import { EventEmitter } from 'node:events';
import { isDeepStrictEqual } from 'node:util';

import type { AnyListener, BusReplayOptions, HistoryOptions, ReplayReport, StoredEvent } from '../../ts/index.js';

const CRITICAL = ['agent_handoff', 'plan_created', 'user_interrupted', 'orchestration_decision'];
const UNRECORDED = ['newListener', 'removeListener'];

/** A plain emitter, and an array that forgets nothing. */
export class NaiveBus extends EventEmitter {
  readonly everything: StoredEvent[] = [];
  current: StoredEvent | null = null;
  #cleared = 0;

  constructor(readonly capacity: number) {
    super();
  }

  override emit(name: string | symbol, ...args: unknown[]): boolean {
    return this.emitWith({}, name, args);
  }

  emitWith(scope: Record<string, unknown>, name: string | symbol, args: unknown[]): boolean {
    const { priority, ...metadata } = scope;
    if (typeof name === 'string' && !UNRECORDED.includes(name)) {
      this.everything.push({
        seq: this.everything.length + 1,
        event: name,
        args,
        timestamp: Math.max(Date.now(), this.everything.at(-1)?.timestamp ?? 0),
        priority: (priority as StoredEvent['priority']) ?? (CRITICAL.includes(name) ? 'critical' : 'normal'),
        metadata,
      });
    }
    return this.#during(null, () => super.emit(name, ...args));
  }

  clear(): void {
    this.#cleared = this.everything.length;
  }

  kept(): StoredEvent[] {
    return this.everything.slice(Math.max(this.#cleared, this.everything.length - this.capacity));
  }

  replay(options: BusReplayOptions = {}): ReplayReport {
    const { listener } = options;
    const events = chosen(this.kept(), options);
    const report: ReplayReport = { replayed: 0, skipped: 0, gap: this.gap(options), firstSeq: 0, lastSeq: 0 };
    for (const event of events) {
      if (listener === undefined && event.event === 'error' && this.listenerCount('error') === 0) {
        report.skipped += 1;
        continue;
      }
      report.replayed += 1;
      if (report.firstSeq === 0) report.firstSeq = event.seq;
      report.lastSeq = event.seq;
      this.#during({ ...event, replayed: true }, () => {
        if (listener === undefined) super.emit(event.event, ...event.args);
        else (listener as AnyListener).apply(this, event.args);
      });
    }
    return report;
  }

  /** Whether, for all that a bus can know, something that was forgotten would have been in the answer. */
  gap(options: HistoryOptions): boolean {
    const kept = this.kept();
    const forgotten = this.everything.length - kept.length;
    if (forgotten === 0 || (options.afterSeq ?? 0) >= forgotten) return false;
    const { limit: _, ...unlimited } = options;
    if (options.last !== undefined && chosen(kept, unlimited).length >= options.last) return false;
    const oldest = kept[0];
    return options.since === undefined || oldest === undefined || options.since <= oldest.timestamp;
  }

  #during<R>(current: StoredEvent | null, work: () => R): R {
    const before = this.current;
    this.current = current;
    try {
      return work();
    } finally {
      this.current = before;
    }
  }
}

/** What of some events is asked for. */
export function chosen(events: readonly StoredEvent[], options: HistoryOptions): StoredEvent[] {
  const { since, until, afterSeq, events: patterns, priority, metadata, filter, last, limit } = options;
  const found = events.filter(
    (event) =>
      (since === undefined || event.timestamp >= since) &&
      (until === undefined || event.timestamp <= until) &&
      (afterSeq === undefined || event.seq > afterSeq) &&
      (patterns === undefined || patterns.some((pattern) => matches([...pattern], [...event.event]))) &&
      (priority !== 'critical' || event.priority === 'critical') &&
      Object.entries(metadata ?? {}).every(([key, value]) => isDeepStrictEqual(event.metadata[key], value)) &&
      (filter === undefined || filter(event)),
  );
  const newest = last === undefined ? found : found.filter((_, at) => at >= found.length - last);
  return limit === undefined ? newest : newest.filter((_, at) => at < limit);
}

function matches([wanted, ...more]: string[], name: string[]): boolean {
  if (wanted === undefined) return name.length === 0;
  if (wanted === '*') return matches(more, name) || (name.length > 0 && matches([wanted, ...more], name.slice(1)));
  return name[0] === wanted && matches(more, name.slice(1));
}
