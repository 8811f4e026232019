/** A log in memory that answers when a test says so. */
import {
  SmallTalkEventBus,
  type BusStats,
  type Event,
  type EventBusOptions,
  type EventReplayStorage,
  type NewEvent,
} from '../../ts/index.js';

export interface Held extends NewEvent {
  sessionId: string;
}

interface Answer {
  accept(): void;
  reject(error: unknown): void;
}

export class HeldLog implements EventReplayStorage {
  /** What it was handed, in the order in which it was. */
  readonly events: Held[] = [];
  /** Called within `append`, before anything else; what it throws, `append` throws. */
  before: (event: NewEvent) => void = () => undefined;
  readonly #waiting: Answer[] = [];

  /** `held`: every append waits for the test. */
  constructor(public held = false) {}

  append(sessionId: string, event: NewEvent): Promise<void> {
    this.before(event);
    this.events.push({ ...event, sessionId });
    if (!this.held) return Promise.resolve();
    return new Promise((accept, reject) => this.#waiting.push({ accept, reject }));
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  accept(count = Infinity): void {
    for (const answer of this.#waiting.splice(0, count)) answer.accept();
  }

  reject(error: unknown, count = Infinity): void {
    for (const answer of this.#waiting.splice(0, count)) answer.reject(error);
  }

  /** Only what it was handed last. */
  rejectLast(error: unknown): void {
    this.#waiting.pop()?.reject(error);
  }

  async *replay(): AsyncIterable<Event> {}

  async cleanup(): Promise<void> {}
}

/** One that `openSmallTalk` takes. */
export class OwnLog extends HeldLog {
  readonly erased: string[] = [];
  readonly sessions = (): Promise<string[]> => Promise.resolve([]);
  readonly close = (): Promise<void> => Promise.resolve();
  readonly eraseSession = (sessionId: string): Promise<boolean> => {
    this.erased.push(sessionId);
    return Promise.resolve(true);
  };
}

/** All that is queued as a microtask or for the next tick has happened. */
export const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A text that a bus takes for a KiB. */
export const KIB = 'x'.repeat(512);

/** A bus with that log, and nothing to warn of. */
export function busWith(log: EventReplayStorage, options: EventBusOptions = {}): SmallTalkEventBus {
  const bus = new SmallTalkEventBus({ log, ...options });
  bus.on('log:error', () => undefined);
  bus.on('log:overflow', () => undefined);
  return bus;
}

export function logStats(bus: SmallTalkEventBus): NonNullable<BusStats['log']> {
  const { log } = bus.getStats();
  if (log === null) throw new Error('no log');
  return log;
}

/** Every recorded event is in exactly one place. */
export function expectCountsToAddUp(bus: SmallTalkEventBus): void {
  const { recorded } = bus.getStats();
  const { logged, failed, dropped, queuedEvents } = logStats(bus);
  expect(logged + failed + dropped + queuedEvents).toBe(recorded);
}

export const topics = (log: HeldLog): string[] => log.events.map(({ topic }) => topic);
